"""Pytest plugin that reads the files of installed distributions once, not for each registry.

A registry looks for sources in the metadata of all distributions. Tests open a thousand hosts with
a registry of their own, and each read 170 files, which takes as long as opening its store.
"""

from __future__ import annotations

import sysconfig
from importlib.metadata import PathDistribution
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session", autouse=True)
def distributions_read_once() -> Iterator[None]:
    """Read each file of the distributions of this environment once; others are always read."""
    installed = Path(sysconfig.get_path("purelib"))
    read = PathDistribution.read_text
    texts: dict[tuple[str, str], str | None] = {}

    def read_once(self: PathDistribution, filename: str) -> str | None:
        folder = self._path
        if not isinstance(folder, Path) or folder.parent != installed:
            return read(self, filename)
        key = (folder.name, str(filename))
        if key not in texts:
            texts[key] = read(self, filename)
        return texts[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PathDistribution, "read_text", read_once)
        yield
