"""The source passes the tests that every source has to pass."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from smaply_metrics_core.sources import AllowedDestinations
from smaply_metrics_core.testing import SourceContract


class TestCsvExample(SourceContract):
    """The facts: a folder with one file, of which the account may read."""

    source = "csv_example"
    credentials = {"folder": "files"}  # noqa: RUF012  # A fact, which nobody changes.
    wrong_credentials = {"folder": "elsewhere"}  # noqa: RUF012  # As above.
    survey_id = "visits"
    recorded_at = datetime(2026, 1, 5, 10, tzinfo=UTC)
    allowed = AllowedDestinations(folders={"contract": Path(__file__).parent})
