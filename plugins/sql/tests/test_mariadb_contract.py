"""The source passes the contract tests on a MariaDB server that requires a password."""

from __future__ import annotations

from typing import ClassVar

import pytest

from plugins.sql.tests.conftest import ON_MARIADB, READER, READER_PASSWORD
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
from plugins.sql.tests.mariadb_server import PrivateMariadb
from smaply_metrics_core import Address
from smaply_metrics_core.testing import AllowedDestinations, SourceContract

pytestmark = ON_MARIADB


@pytest.fixture(scope="module", autouse=True)
def visits(mariadb: PrivateMariadb) -> None:
    """Create the table, and allow the address of the database."""
    name = mariadb.make_database()
    with mariadb.connect(name) as owner, owner.cursor() as cursor:
        cursor.execute(f"CREATE TABLE visits (recorded_at timestamp, {COLUMNS})")
        cursor.execute(f"CREATE TABLE new_visits (recorded_at timestamp, {EMPTY_COLUMNS})")
        marks = ", ".join(["%s"] * len(ROWS[0]))
        cursor.executemany(f"INSERT INTO visits VALUES ({marks})", ROWS)  # Marks only.
    address = f"mariadb://127.0.0.1:{mariadb.port}/{name}"
    made = TestMariadb
    made.credentials = {
        "database": address,
        "user": READER,
        "password": READER_PASSWORD,
        "mapping": MAPPING,
    }
    made.wrong_credentials = {**made.credentials, "password": "another-secret-made-up"}
    made.allowed = AllowedDestinations(addresses={"sql": (Address.parse(address),)})


class TestMariadb(SourceContract):
    """The contract tests on one table."""

    source = "sql"
    credentials: ClassVar[dict[str, str]]
    wrong_credentials: ClassVar[dict[str, str]]
    survey_id = "visits"
    empty_survey_ids = EMPTY_IDS
    recorded_at = RECORDED_AT
    excluded_at = EXCLUDED_AT
    expected = EXPECTED
    allowed: ClassVar[AllowedDestinations]
