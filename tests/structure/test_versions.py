"""All distributions and the changelog have the same version."""

from __future__ import annotations

import importlib
import re
from importlib import metadata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Distribution


def test_the_newest_version_in_the_changelog_is_the_version_of_all(
    root: Path, distributions: list[Distribution]
) -> None:
    """The first version in the changelog equals all `__version__` and installed versions."""
    changelog = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## (\S+)", changelog, flags=re.MULTILINE)
    assert newest is not None

    for distribution in distributions:
        package = importlib.import_module(distribution.package.name)
        assert package.__version__ == newest[1], distribution.name
        assert metadata.version(distribution.name) == newest[1], distribution.name
