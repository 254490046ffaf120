"""The check that every database statement is limited to an account, and shared fixtures."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from tests import tenancy  # noqa: F401  # The import registers the check.

if TYPE_CHECKING:
    from pathlib import Path

UNTIL = datetime(2026, 4, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def invented_surveys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of invented surveys for a sandbox, which no test changes."""
    return invent_surveys(tmp_path_factory.mktemp("surveys"))


def invent_surveys(folder: Path) -> Path:
    """Write invented surveys and return their folder."""
    # Imported on use: most tests need no sandbox.
    from smaply_metrics_qualtrics_sandbox import generate

    generate(folder, seed=5, until=UNTIL)
    return folder
