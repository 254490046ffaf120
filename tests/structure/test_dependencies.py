"""Every dependency has a written reason."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Distribution


def asked_for(root: Path, distributions: list[Distribution]) -> dict[str, SpecifierSet]:
    """Give what the projects and the checks ask for: name and version range, ours left out."""
    texts = [
        line
        for line in (root / "requirements" / "dev.in").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith(("#", "-e "))
    ]
    for distribution in distributions:
        toml = tomllib.loads((distribution.project / "pyproject.toml").read_text(encoding="utf-8"))
        texts += toml["project"]["dependencies"]
        texts += toml["build-system"]["requires"]
        for extra in toml["project"].get("optional-dependencies", {}).values():
            texts += extra

    ours = {distribution.name for distribution in distributions}
    ranges: dict[str, SpecifierSet] = {}
    for requirement in map(Requirement, texts):
        if requirement.name in ours:
            continue
        known = ranges.setdefault(requirement.name, requirement.specifier)
        if requirement.specifier and known:
            assert requirement.specifier == known, f"{requirement.name} has two ranges"
        ranges[requirement.name] = known or requirement.specifier
    return ranges


def test_the_page_lists_each_dependency_with_its_range_and_no_other(
    root: Path, distributions: list[Distribution]
) -> None:
    """docs/dependencies.md has one row for each dependency, with the range that is asked for."""
    page = (root / "docs" / "dependencies.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([^`]+)` \| (?:`([^`]+)`|any) \| \S.*\| \S.*\|$", page, re.MULTILINE)
    documented: dict[str, str] = dict(rows)

    assert len(rows) == len(documented), "a dependency has two rows"
    assert {name: SpecifierSet(range_) for name, range_ in documented.items()} == asked_for(
        root, distributions
    )


def test_the_lock_pins_each_dependency_within_its_range(
    root: Path, distributions: list[Distribution]
) -> None:
    """What the checks run with is what the projects ask for: the lock is not out of date."""
    lock = (root / "requirements" / "dev.txt").read_text(encoding="utf-8")
    pins: dict[str, str] = dict(re.findall(r"^([a-z0-9-]+)==(\S+)", lock, re.MULTILINE))

    for name, range_ in asked_for(root, distributions).items():
        assert pins[name] in range_, name
