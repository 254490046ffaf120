"""The source passes the contract tests on a PostgreSQL server that requires a password."""

from __future__ import annotations

from typing import ClassVar

import psycopg
import pytest

from plugins.sql.tests.conftest import READER, READER_PASSWORD
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
from smaply_metrics_core import Address
from smaply_metrics_core.testing import AllowedDestinations, SourceContract
from tests.postgresql_server import PrivatePostgres

pytestmark = [
    pytest.mark.deep(reason="the whole contract suite on a server"),
    pytest.mark.xdist_group("sql_postgresql"),
]


@pytest.fixture(scope="module", autouse=True)
def visits(postgres: PrivatePostgres) -> None:
    """Create the table, and allow the address of the database."""
    name = postgres.make_database()
    with psycopg.connect(postgres.url(name), autocommit=True) as owner:
        owner.execute("SET TimeZone = 'UTC'")
        owner.execute(f"CREATE TABLE visits (recorded_at timestamptz, {COLUMNS})")
        owner.execute(f"CREATE TABLE new_visits (recorded_at timestamptz, {EMPTY_COLUMNS})")
        with owner.cursor() as cursor:
            marks = ", ".join(["%s"] * len(ROWS[0]))
            cursor.executemany(f"INSERT INTO visits VALUES ({marks})", ROWS)  # Marks only.
        owner.execute(f"GRANT SELECT ON visits, new_visits TO {READER}")
    address = f"postgresql://127.0.0.1:{postgres.port}/{name}"
    made = TestPostgresql
    made.credentials = {
        "database": address,
        "user": READER,
        "password": READER_PASSWORD,
        "mapping": MAPPING,
    }
    made.wrong_credentials = {**made.credentials, "password": "another-secret-made-up"}
    made.allowed = AllowedDestinations(addresses={"sql": (Address.parse(address),)})


class TestPostgresql(SourceContract):
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
