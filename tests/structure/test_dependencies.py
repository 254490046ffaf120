"""Every dependency is documented, pinned and declared."""

from __future__ import annotations

import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Distribution

WITH = {"pydantic": "pydantic-core"}
"""Distributions that another distribution always installs in the matching version."""


def required_ranges(root: Path, distributions: list[Distribution]) -> dict[str, SpecifierSet]:
    """Return the version ranges of third-party requirements of the projects and checks, by name."""
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
    """docs/dependencies.md has one row for each dependency with its required range."""
    page = (root / "docs" / "dependencies.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([^`]+)` \| (?:`([^`]+)`|any) \| \S.*\| \S.*\|$", page, re.MULTILINE)
    documented: dict[str, str] = dict(rows)

    assert len(rows) == len(documented), "a dependency has two rows"
    assert {name: SpecifierSet(range_) for name, range_ in documented.items()} == required_ranges(
        root, distributions
    )


def test_the_lock_pins_each_dependency_within_its_range(
    root: Path, distributions: list[Distribution]
) -> None:
    """The versions in the lock are within the required ranges."""
    lock = (root / "requirements" / "dev.txt").read_text(encoding="utf-8")
    pins: dict[str, str] = dict(re.findall(r"^([a-z0-9-]+)==(\S+)", lock, re.MULTILINE))

    for name, range_ in required_ranges(root, distributions).items():
        assert pins[name] in range_, name


# One module per statement, as Ruff requires. Parsing all modules would take 3 s.
IMPORT = re.compile(
    r"^[ \t]*(?:import (\w+)[\w.]*(?: as \w+)?(?: *#.*)?$|from (\w+)[\w.]* import )", re.MULTILINE
)


def imported_packages(package: Path) -> set[str]:
    """Return the top-level packages that the modules of a package import anywhere."""
    return {
        imported or imported_from
        for path in package.rglob("*.py")
        for imported, imported_from in IMPORT.findall(path.read_text(encoding="utf-8"))
    }


def test_all_kinds_of_imports_are_found(tmp_path: Path) -> None:
    """Imports at the top, in blocks and in functions are found, but not relative ones."""
    (tmp_path / "module.py").write_text(
        "from __future__ import annotations\nimport a\nimport b.c as d  # Why.\n"
        "if TYPE_CHECKING:\n    from e.f import (\n        G,\n    )\n"
        "def late():\n    import h.i\n    from .own import j\n    from . import k\n"
    )
    assert imported_packages(tmp_path) == {"__future__", "a", "b", "e", "h"}


def test_each_distribution_declares_what_it_imports(distributions: list[Distribution]) -> None:
    """Each distribution declares every package that it imports."""
    provided_by = packages_distributions()
    undeclared = {}
    for distribution in distributions:
        toml = tomllib.loads((distribution.project / "pyproject.toml").read_text(encoding="utf-8"))
        texts = list(toml["project"].get("dependencies", []))
        for extra in toml["project"].get("optional-dependencies", {}).values():
            texts += extra
        declared: set[str] = {canonicalize_name(Requirement(text).name) for text in texts}
        declared |= {distribution.name, *(WITH[name] for name in declared if name in WITH)}
        missing = {
            package
            for package in imported_packages(distribution.package)
            if package not in {*sys.stdlib_module_names, "_typeshed"}
            if not {canonicalize_name(name) for name in provided_by.get(package, [package])}
            & declared
        }
        if missing:
            undeclared[distribution.name] = missing

    assert undeclared == {}
