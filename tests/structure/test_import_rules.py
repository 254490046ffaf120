"""Each import rule rejects a forbidden import.

`make imports`, a part of `make test`, checks the real tree. These tests add modules with one
forbidden import each to a copy of the tree, and run the linter once.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from .conftest import Distribution

# The package of the added module, its import, and the id in pyproject.toml of the broken rule.
BREACHES = [
    ("smaply_metrics_core/models", "smaply_metrics_qualtrics", "distributions"),
    ("smaply_metrics_csv_example", "smaply_metrics_qualtrics", "distributions"),
    ("smaply_metrics_host", "smaply_metrics_qualtrics", "distributions"),
    ("smaply_metrics_qualtrics", "smaply_metrics_core.errors", "plugin-doors"),
    ("smaply_metrics_qualtrics/survey", "smaply_metrics_core.http.pagination", "plugin-doors"),
    ("smaply_metrics_csv_example", "smaply_metrics_core.calculations.rules", "plugin-doors"),
    ("smaply_metrics_form_garden", "smaply_metrics_core.testing", "plugin-doors"),
    ("smaply_metrics_qualtrics", "smaply_metrics_core.host", "plugin-doors"),
    ("smaply_metrics_host", "smaply_metrics_core.host.metrics_host", "host-app-doors"),
    ("smaply_metrics_host", "smaply_metrics_core.errors", "host-app-doors"),
    ("smaply_metrics_qualtrics_sandbox", "smaply_metrics_core", "sandbox-alone"),
    ("smaply_metrics_qualtrics_sandbox", "smaply_metrics_qualtrics.source", "sandbox-alone"),
    ("smaply_metrics_qualtrics", "smaply_metrics_qualtrics_sandbox", "sandbox-door"),
    ("smaply_metrics_host", "smaply_metrics_qualtrics_sandbox", "sandbox-door"),
    ("smaply_metrics_core/host", "smaply_metrics_core.testing.clock", "core-layers"),
    ("smaply_metrics_core/testing", "smaply_metrics_core.host.settings", "core-layers"),
    ("smaply_metrics_core/http", "smaply_metrics_core.calculations.rules", "core-layers"),
    ("smaply_metrics_core/bundle", "smaply_metrics_core.sources.registry", "core-layers"),
    ("smaply_metrics_core/models", "smaply_metrics_core.redaction", "core-layers"),
    ("smaply_metrics_core/host", "smaply_metrics_core.cli", "nothing-above-cli"),
    ("smaply_metrics_core/sources", "smaply_metrics_core.host", "host-door"),
    ("smaply_metrics_qualtrics", "smaply_metrics_core.host", "host-door"),
    (
        "smaply_metrics_core/testing/leak_detection",
        "smaply_metrics_core.testing.suite.lab",
        "testing-layers",
    ),
    (
        "smaply_metrics_core/testing/suite/subjects",
        "smaply_metrics_core.testing.suite.subjects.surveys",
        "suite-flat",
    ),
    ("smaply_metrics_core/charts", "smaply_metrics_core.testing", "testing-door"),
    ("smaply_metrics_csv_example", "smaply_metrics_core.testing", "testing-door"),
    ("smaply_metrics_core/cli", "smaply_metrics_core.host.settings", "cli-uses-doors"),
    ("smaply_metrics_core/cli", "smaply_metrics_core.testing.suite.lab", "cli-uses-doors"),
    ("smaply_metrics_core/cli", "smaply_metrics_core.cli.commands.db", "cli-commands"),
    ("smaply_metrics_core/charts", "httpx", "http-library"),
    ("smaply_metrics_core/host/store", "httpx", "http-library"),
    ("smaply_metrics_core/host/metrics", "polars", "polars"),
    ("smaply_metrics_core/calculations", "polars", "polars"),
    ("smaply_metrics_core/host", "typer", "heavy-optionals"),
    ("smaply_metrics_core/host/store", "psycopg", "heavy-optionals"),
    ("smaply_metrics_core/host/store", "procrastinate", "heavy-optionals"),
    ("smaply_metrics_core/charts/marks", "vl_convert", "heavy-optionals"),
    ("smaply_metrics_core/sources", "pytest", "heavy-optionals"),
    ("smaply_metrics_core/http", "vcr", "heavy-optionals"),
    ("smaply_metrics_qualtrics/api", "smaply_metrics_qualtrics.survey.choices", "qualtrics-layers"),
    (
        "smaply_metrics_qualtrics_sandbox/surveys",
        "smaply_metrics_qualtrics_sandbox.exports.jobs",
        "sandbox-layers",
    ),
    ("smaply_metrics_host/store", "smaply_metrics_host.routes", "reference-host-layers"),
    ("smaply_metrics_core/models", "benchmarks", "benchmarks"),
    ("smaply_metrics_host", "tests", "benchmarks"),
]
ADDED = [f"added_{number}" for number in range(len(BREACHES))]


def check_rules(tree: Path) -> subprocess.CompletedProcess[str]:
    """Run the import linter on the packages in a folder."""
    linter = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [linter, "--no-cache", "--no-logo"],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree), "COLUMNS": "300"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.fixture(scope="module")
def contracts(root: Path) -> dict[str, str]:
    """The name of each rule by its id."""
    toml = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    return {one["id"]: one["name"] for one in toml["tool"]["importlinter"]["contracts"]}


@pytest.fixture(scope="module")
def report(
    root: Path, distributions: list[Distribution], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """The linter's report on a copy of the tree with every breach, by rule name."""
    tree = tmp_path_factory.mktemp("breaches")
    shutil.copy(root / "pyproject.toml", tree)
    for package in {*(one.package for one in distributions), root / "benchmarks"}:
        copied = tree / package.name
        shutil.copytree(package, copied, ignore=shutil.ignore_patterns("__pycache__"))
    for (package_path, imported, _), added in zip(BREACHES, ADDED, strict=True):
        # Inside a function, because the linter must detect late imports, too.
        code = f"def late():\n    import {imported}\n"
        (tree / package_path / f"{added}.py").write_text(code, encoding="utf-8")
    done = check_rules(tree)
    assert done.returncode == 1, done.stdout + done.stderr
    _, _, broken = done.stdout.partition("Broken contracts")
    parts = re.split(r"^(\S.*)\n-+$", broken, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_each_rule_has_a_breach(contracts: dict[str, str]) -> None:
    """Every rule is tested with an import that breaks it."""
    assert set(contracts) == {rule for _, _, rule in BREACHES}


@pytest.mark.parametrize(
    ("breach", "added"),
    list(zip(BREACHES, ADDED, strict=True)),
    ids=[f"{one[0]} -> {one[1]}: {one[2]}" for one in BREACHES],
)
def test_a_breach_is_reported(
    contracts: dict[str, str], report: dict[str, str], breach: tuple[str, str, str], added: str
) -> None:
    """The rule reports the module with the forbidden import."""
    package, _, rule = breach
    module = f"{package.replace('/', '.')}.{added}"

    assert f"{module} " in report[contracts[rule]]
