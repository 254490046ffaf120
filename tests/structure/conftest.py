"""Fixtures for the tests of the repository: root, distributions and files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

NOT_OURS = {"build", "dist", "__pycache__"}
HIDDEN_BUT_OURS = {".ci", ".github", ".gitignore", ".pre-commit-config.yaml"}


@dataclass(frozen=True)
class Distribution:
    """A distribution with its name, project folder and package."""

    name: str
    project: Path
    package: Path


@pytest.fixture(scope="session")
def root() -> Path:
    """The root of the repository."""
    return Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def distributions(root: Path) -> list[Distribution]:
    """The distributions of this repository, the core first."""
    plugins = root / "plugins"
    return [
        Distribution("smaply-metrics-core", root, root / "smaply_metrics_core"),
        Distribution(
            "smaply-metrics-qualtrics",
            plugins / "qualtrics",
            plugins / "qualtrics" / "src" / "smaply_metrics_qualtrics",
        ),
        Distribution(
            "smaply-metrics-qualtrics-sandbox",
            plugins / "qualtrics_sandbox",
            plugins / "qualtrics_sandbox" / "src" / "smaply_metrics_qualtrics_sandbox",
        ),
        Distribution(
            "smaply-metrics-csv-example",
            plugins / "csv_example",
            plugins / "csv_example" / "src" / "smaply_metrics_csv_example",
        ),
        Distribution(
            "smaply-metrics-form-garden",
            plugins / "form_garden",
            plugins / "form_garden" / "src" / "smaply_metrics_form_garden",
        ),
        Distribution(
            "smaply-metrics-limesurvey",
            plugins / "limesurvey",
            plugins / "limesurvey" / "src" / "smaply_metrics_limesurvey",
        ),
        Distribution(
            "smaply-metrics-sql",
            plugins / "sql",
            plugins / "sql" / "src" / "smaply_metrics_sql",
        ),
        Distribution(
            "smaply-metrics-host",
            root / "reference_host",
            root / "reference_host" / "src" / "smaply_metrics_host",
        ),
    ]


@pytest.fixture(scope="session")
def our_files(root: Path) -> list[Path]:
    """All files of the project, without generated files and most hidden files."""
    files = [file for file in project_files(root) if file.suffix != ".pyc"]
    assert root / "pyproject.toml" in files
    return files


def project_files(folder: Path) -> list[Path]:
    """Return the files of the project in a folder, also those that Python generates."""
    found: list[Path] = []
    for path in sorted(folder.iterdir()):
        if path.name in NOT_OURS:
            continue
        if path.name.startswith(".") and path.name not in HIDDEN_BUT_OURS:
            continue
        if path.is_dir():
            found += project_files(path)
        else:
            found.append(path)
    return found
