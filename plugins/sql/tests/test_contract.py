"""The source passes the contract tests on an SQLite file."""

from __future__ import annotations

import sqlite3
from typing import ClassVar

import pytest

from plugins.sql.tests.contract_survey import (
    COLUMNS,
    EMPTY_COLUMNS,
    EMPTY_IDS,
    EXCLUDED_AT,
    EXPECTED,
    MAPPING,
    RECORDED_AT,
    ROWS,
)
from smaply_metrics_core.testing import AllowedDestinations, SourceContract


@pytest.fixture(scope="module", autouse=True)
def visits(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Create the file, and allow its folder."""
    folder = tmp_path_factory.mktemp("allowed") / "files"
    folder.mkdir()
    connection = sqlite3.connect(folder / "visits.sqlite")
    connection.execute(f"CREATE TABLE visits (recorded_at text, {COLUMNS})")
    connection.execute(f"CREATE TABLE new_visits (recorded_at text, {EMPTY_COLUMNS})")
    marks = ", ".join("?" * len(ROWS[0]))
    connection.executemany(f"INSERT INTO visits VALUES ({marks})", ROWS)  # Marks only.
    connection.commit()
    connection.close()
    TestSqlite.allowed = AllowedDestinations(folders={"contract": folder.parent})


class TestSqlite(SourceContract):
    """The contract tests on one table."""

    source = "sql"
    credentials: ClassVar = {"database": "sqlite:files/visits.sqlite", "mapping": MAPPING}
    wrong_credentials: ClassVar = {
        "database": "sqlite:elsewhere/visits.sqlite",
        "mapping": MAPPING,
    }
    survey_id = "visits"
    empty_survey_ids = EMPTY_IDS
    recorded_at = RECORDED_AT
    excluded_at = EXCLUDED_AT
    expected = EXPECTED
    allowed: ClassVar[AllowedDestinations]
