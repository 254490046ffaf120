"""The import walls stand, and each of them stops what it is there to stop.

`make imports` runs them on the real tree. Here a copy of the tree gets one import too many.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .conftest import Distribution

# Where an import is added, which one, and the rule (by its id in pyproject.toml) it breaks.
BREACHES = [
    ("smaply_metrics_core/added.py", "smaply_metrics_qualtrics", "plugins-above-core"),
    ("smaply_metrics_csv_example/added.py", "smaply_metrics_qualtrics", "plugins-above-core"),
    ("smaply_metrics_host/added.py", "smaply_metrics_qualtrics", "plugins-above-core"),
    ("smaply_metrics_host/added.py", "smaply_metrics_core.host.metrics_host", "host-app-doors"),
    ("smaply_metrics_host/added.py", "smaply_metrics_core.errors", "host-app-doors"),
    ("smaply_metrics_core/host/added.py", "smaply_metrics_core.testing", "core-layers"),
    ("smaply_metrics_core/testing/added.py", "smaply_metrics_core.host", "core-layers"),
    (
        "smaply_metrics_core/testing/leak_detection/added.py",
        "smaply_metrics_core.testing.suite.lab",
        "testing-layers",
    ),
    (
        "smaply_metrics_core/testing/suite/subjects/added.py",
        "smaply_metrics_core.testing.suite.subjects.surveys",
        "suite-flat",
    ),
    ("smaply_metrics_core/added.py", "smaply_metrics_core.cli", "cli-door"),
    ("smaply_metrics_core/models/added.py", "smaply_metrics_core.host", "host-door"),
    ("smaply_metrics_qualtrics/added.py", "smaply_metrics_core.host", "host-door"),
    ("smaply_metrics_csv_example/added.py", "smaply_metrics_core.testing", "testing-door"),
    ("smaply_metrics_qualtrics_sandbox/added.py", "smaply_metrics_core", "sandbox-stands-alone"),
    (
        "smaply_metrics_qualtrics_sandbox/added.py",
        "smaply_metrics_qualtrics.source",
        "sandbox-stands-alone",
    ),
    ("smaply_metrics_qualtrics/added.py", "smaply_metrics_qualtrics_sandbox", "sandbox-door"),
]


def check_walls(tree: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the import linter on the packages that lie in a folder."""
    linter = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [linter, "--no-cache", "--no-logo", *options],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture
def tree(root: Path, distributions: list[Distribution], tmp_path: Path) -> Path:
    """A copy of the packages and of the rules that are to hold for them."""
    shutil.copy(root / "pyproject.toml", tmp_path)
    for distribution in distributions:
        shutil.copytree(
            distribution.package,
            tmp_path / distribution.package.name,
            ignore=shutil.ignore_patterns("__pycache__"),
        )
    return tmp_path


def test_the_walls_stand(tree: Path) -> None:
    """The packages as they are break no wall."""
    done = check_walls(tree)

    assert done.returncode == 0, done.stdout + done.stderr


def test_each_wall_is_tried(root: Path) -> None:
    """No rule is without a breach here that shows it to work."""
    toml = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))

    rules = {contract["id"] for contract in toml["tool"]["importlinter"]["contracts"]}
    assert rules == {wall for _, _, wall in BREACHES}


@pytest.mark.parametrize(("where", "imported", "wall"), BREACHES)
def test_a_breach_is_seen(tree: Path, where: str, imported: str, wall: str) -> None:
    """An import through a wall, even one inside a function, breaks the rule made for it."""
    added = tree / where
    added.write_text(f"def late():\n    import {imported}\n", encoding="utf-8")

    done = check_walls(tree, "--contract", wall)

    assert done.returncode == 1, done.stdout + done.stderr
    assert "Contracts: 0 kept, 1 broken." in done.stdout, done.stdout + done.stderr
    assert f"{'.'.join(added.relative_to(tree).with_suffix('').parts)} " in done.stdout
