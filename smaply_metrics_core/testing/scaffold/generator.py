"""Writes the distribution of a new source: a copy of a working template with other names.

The files in ``tree/common`` are part of every source; ``tree/rest`` and ``tree/login`` add those of
one kind of survey tool. ``tree/sql`` is a mapping with its tests: a database needs no new source.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

from smaply_metrics_core.errors import AlreadyExists, InputError

SUFFIX: Final = ".txt"
"""The suffix of every template file, so that tools do not treat it as code of this package."""

_NAME: Final = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_MAX_LENGTH: Final = 40
_RESERVED: Final = {"core", "host"}
"""Names of packages of the framework and of its reference host."""


class ToolKind(StrEnum):
    """The kind of a survey tool, which determines the template."""

    REST = "rest"
    LOGIN = "login"
    SQL = "sql"

    @property
    def label(self) -> str:
        """The kind for people."""
        return {
            ToolKind.REST: "REST with a token",
            ToolKind.LOGIN: "login sessions",
            ToolKind.SQL: "a database",
        }[self]

    @property
    def is_source(self) -> bool:
        """Whether it is a source of its own. A database is mapped for the source ``sql``."""
        return self is not ToolKind.SQL


def write_source(name: str, folder: Path, kind: ToolKind = ToolKind.REST) -> tuple[Path, ...]:
    """Write the distribution of a new source into a new folder and return its files.

    For a database, write a mapping with its contract tests.

    Args:
        name: The id of the source, such as ``paper_birds``.
        folder: The folder, which must not exist yet.
        kind: The kind of the survey tool.

    Raises:
        InputError: if the name is not valid for a Python package or is reserved, or the folder
            cannot be written.
        AlreadyExists: if the folder exists.
    """
    if not _NAME.fullmatch(name) or len(name) > _MAX_LENGTH:
        raise InputError(
            f"“{name[:_MAX_LENGTH]}” is not a valid name of a source.",
            remedy=f"Use at most {_MAX_LENGTH} lower-case letters, digits and underscores between "
            "words, for example paper_birds.",
        )
    if name in _RESERVED:
        raise InputError(
            f"“{name}” is a reserved name.",
            remedy="Name the source after its survey tool.",
        )
    if folder.exists():
        raise AlreadyExists(
            f"The folder {folder} already exists.",
            remedy="Choose another name, or another folder with --output.",
        )
    names = _names(name)
    written: list[Path] = []
    try:
        for part in ("common", kind) if kind.is_source else (kind,):
            _copy(files(__package__) / "tree" / part, folder, names, written)
    except OSError as error:
        raise InputError(
            f"The folder {folder} cannot be written: {error.strerror}.",
            remedy="Choose another folder with --output.",
        ) from None
    return tuple(sorted(written))


def _names(name: str) -> Mapping[str, str]:
    """Return the replacements of the names in the template."""
    words = name.split("_")
    return {
        "smaply-metrics-acme": f"smaply-metrics-{'-'.join(words)}",
        "api.acme.example": f"api.{'-'.join(words)}.example",
        "surveys.acme.example": f"surveys.{'-'.join(words)}.example",
        "made-up-token-of-acme": f"made-up-token-of-{'-'.join(words)}",
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
    folder.mkdir(parents=True, exist_ok=True)
    for one in sorted(tree.iterdir(), key=lambda each: each.name):
        target = folder / _renamed(one.name.removesuffix(SUFFIX), names)
        if one.is_dir():
            _copy(one, target, names, written)
        else:
            target.write_text(_renamed(one.read_text(encoding="utf-8"), names), encoding="utf-8")
            written.append(target)


def _renamed(text: str, names: Mapping[str, str]) -> str:
    # One pass, so that a new name that contains a name of the template is not replaced again.
    return re.sub("|".join(map(re.escape, names)), lambda found: names[found[0]], text)
