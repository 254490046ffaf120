"""The distributions have consistent metadata, a licence and their own README."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any

from smaply_metrics_core.extras import PURPOSES

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Distribution

LINK = re.compile(r"\]\(([^)]*)\)")
PYTHON = "Programming Language :: Python :: "


def project(distribution: Distribution) -> dict[str, Any]:
    """Return the `[project]` table of a distribution."""
    text = (distribution.project / "pyproject.toml").read_text(encoding="utf-8")
    table: dict[str, Any] = tomllib.loads(text)["project"]
    return table


def test_each_distribution_has_the_same_licence(distributions: list[Distribution]) -> None:
    """Each project folder contains the same LICENSE, and its metadata names it."""
    texts = {(one.project / "LICENSE").read_text(encoding="utf-8") for one in distributions}

    assert len(distributions) == 8
    assert len(texts) == 1
    (text,) = texts
    assert "Apache License" in text
    assert "Copyright 2026 the Smaply Metrics authors" in text
    for distribution in distributions:
        table = project(distribution)
        assert table["license"] == "Apache-2.0", distribution.name
        assert table["license-files"] == ["LICENSE"], distribution.name
        assert table["authors"] == [{"name": "the Smaply Metrics authors"}], distribution.name
        assert table["keywords"], distribution.name


def test_the_python_versions_are_those_of_continuous_integration(
    root: Path, distributions: list[Distribution]
) -> None:
    """The classifiers of every distribution are the versions of the CI matrix."""
    workflow = (root / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    matrix = re.search(r"^ +python: \[(.*)\]$", workflow, re.MULTILINE)
    assert matrix is not None
    versions = re.findall(r"\d+\.\d+", matrix[1])

    assert versions
    for distribution in distributions:
        table = project(distribution)
        named = [one.removeprefix(PYTHON) for one in table["classifiers"] if PYTHON in one]
        assert named == versions, distribution.name
        assert table["requires-python"] == f">={versions[0]}", distribution.name


def test_actions_are_pinned_by_major_version(root: Path) -> None:
    """Each action of the workflow is pinned to a major version."""
    workflow = (root / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    actions = re.findall(r"uses: (\S+)", workflow)

    assert actions
    assert [one for one in actions if not re.fullmatch(r"[\w.-]+/[\w.-]+@v\d+", one)] == []


def test_a_readme_on_an_index_has_no_dead_link(distributions: list[Distribution]) -> None:
    """Each distribution has its own README without relative links."""
    readmes = {one.name: one.project / project(one)["readme"] for one in distributions}

    assert len(set(readmes.values())) == len(distributions)
    for name, readme in readmes.items():
        text = readme.read_text(encoding="utf-8")
        assert text.startswith(f"# {name}\n")
        assert [link for link in LINK.findall(text) if not link.startswith("https://")] == [], name


def test_the_core_documents_each_extra(distributions: list[Distribution]) -> None:
    """Each extra has a purpose for error messages, and a row in the README of the core."""
    core = distributions[0]
    table = project(core)
    readme = (core.project / table["readme"]).read_text(encoding="utf-8")

    assert sorted(table["optional-dependencies"]) == sorted(PURPOSES)
    assert [extra for extra in PURPOSES if f"| `{extra}` |" not in readme] == []
