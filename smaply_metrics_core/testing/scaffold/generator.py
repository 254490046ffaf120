"""Writes a new source: a copy of a tree that works as it is, with the names changed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

from smaply_metrics_core.errors import AlreadyExists, InputError

SUFFIX: Final = ".txt"
"""At the end of every file of the tree, so that no tool takes it for code of this package."""

_NAME: Final = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_MOST: Final = 40
_OURS: Final = {"core", "host"}
"""Names whose packages are those of the framework and of its reference host."""


def write_source(name: str, folder: Path) -> tuple[Path, ...]:
    """Write the distribution of a new source into a new folder; gives its files.

    Args:
        name: The id of the source, as in ``paper_birds``.
        folder: Where it goes; made, and not there before.

    Raises:
        InputError: when the name cannot be that of a Python package, or is that of ours.
        AlreadyExists: when the folder is there.
    """
    if not _NAME.fullmatch(name) or len(name) > _MOST:
        raise InputError(
            f"“{name[:_MOST]}” cannot be the name of a source.",
            remedy=f"Use at most {_MOST} small letters and digits, words joined by underscores, as "
            "in paper_birds.",
        )
    if name in _OURS:
        raise InputError(
            f"“{name}” is a part of Smaply Metrics itself.",
            remedy="Name the source after the survey tool that it asks.",
        )
    if folder.exists():
        raise AlreadyExists(
            f"{folder} is already there.", remedy="Choose another name, or a folder with --to."
        )
    names = _names(name)
    written: list[Path] = []
    _copy(files(__package__) / "tree", folder, names, written)
    return tuple(written)


def _names(name: str) -> Mapping[str, str]:
    """Give each form in which the tree names its source, and what stands there instead."""
    words = name.split("_")
    return {
        "smaply-metrics-acme": f"smaply-metrics-{'-'.join(words)}",
        "api.acme.example": f"api.{'-'.join(words)}.example",
        "AcmeApi": f"{_camel(words)}Api",
        "AcmeCredentials": f"{_camel(words)}Credentials",
        "AcmeSource": f"{_camel(words)}Source",
        "TestAcme": f"Test{_camel(words)}",
        "Acme": " ".join(word.capitalize() for word in words),
        "acme": name,
    }


def _camel(words: list[str]) -> str:
    return "".join(word.capitalize() for word in words)


def _copy(tree: Traversable, folder: Path, names: Mapping[str, str], written: list[Path]) -> None:
    folder.mkdir(parents=True)
    for one in sorted(tree.iterdir(), key=lambda each: each.name):
        target = folder / _renamed(one.name.removesuffix(SUFFIX), names)
        if one.is_dir():
            _copy(one, target, names, written)
        else:
            target.write_text(_renamed(one.read_text(encoding="utf-8"), names), encoding="utf-8")
            written.append(target)


def _renamed(text: str, names: Mapping[str, str]) -> str:
    # All in one go: what is put in is not looked at again, and may hold the name of the tree.
    return re.sub("|".join(map(re.escape, names)), lambda found: names[found[0]], text)
