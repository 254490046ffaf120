"""The source only reads, reads only what is mapped, and lets only counts leave the database."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.engine import Compiled

from plugins.sql.tests.conftest import (
    ON_MARIADB,
    READER,
    READER_PASSWORD,
    MariadbReaderDatabase,
    ReaderDatabase,
)
from plugins.sql.tests.databases import (
    a_context,
    a_deadline,
    a_query,
    answers,
    duckdb_file,
    mariadb_at,
    postgresql_at,
    sqlite_file,
)
from plugins.sql.tests.random_survey import MAPPING, create_table
from smaply_metrics_core import (
    AccessMissing,
    CheckStep,
    Destination,
    GroupBy,
    MetricsError,
    SurveyUnavailable,
    Unreachable,
    Weight,
)
from smaply_metrics_sql.check import check
from smaply_metrics_sql.credentials import SqlCredentials
from smaply_metrics_sql.databases.database import Cursor, SqlDatabase
from smaply_metrics_sql.databases.duckdb_file import DuckdbDatabase
from smaply_metrics_sql.databases.mariadb import privileges_of
from smaply_metrics_sql.databases.sqlite import SqliteDatabase
from smaply_metrics_sql.opening import opened

TABLE = (
    create_table("timestamp", "double precision"),
    *(
        f"INSERT INTO visits VALUES ('RESPONSE-{number}', '2026-01-01', 'done', 9, 1, 1.5, 'web', "
        f"'price', 'SECRET remark {number}', 'AT', 2.0)"
        for number in (1, 2)
    ),
)
EVERYTHING = [
    ("nps", "nps", GroupBy(kind="field", of="country")),
    ("csat", "average", GroupBy(kind="question", of="channel")),
    ("minutes", "sum", GroupBy(kind="period", of="day")),
    ("channel", "distribution", None),
    ("topics", "distribution", None),
    ("remark", "answered", None),
    (None, "responses", None),
]


class RecordedStatements:
    """Replaces the cursor of a database, and records its statements and rows."""

    def __init__(self, database: SqlDatabase) -> None:
        self.statements: list[str] = []
        self.rows: list[Sequence[Any]] = []
        self._inner = database._cursor
        database._cursor = self._cursor  # type: ignore[method-assign]

    @contextmanager
    def _cursor(self, compiled: Compiled) -> Iterator[Cursor]:
        self.statements.append(str(compiled))
        with self._inner(compiled) as cursor:
            self._cursor_of = cursor
            yield self

    def fetchmany(self, size: int, /) -> list[tuple[Any, ...]]:
        """Return the next rows."""
        found = self._cursor_of.fetchmany(size)
        self.rows += found
        return found


@pytest.mark.parametrize("engine", ["sqlite", "duckdb", pytest.param("mariadb", marks=ON_MARIADB)])
def test_no_statement_returns_a_response_or_free_text(
    engine: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Every statement counts, lists different values of a choice, or reads the catalogue."""
    database: SqlDatabase
    if engine == "sqlite":
        database = SqliteDatabase(sqlite_file(tmp_path / "visits.sqlite", *TABLE), a_deadline())
    elif engine == "mariadb":
        made: MariadbReaderDatabase = request.getfixturevalue("mariadb_database")(*TABLE)
        database = mariadb_at(made.port, made.name, READER, READER_PASSWORD)
    else:
        database = DuckdbDatabase(duckdb_file(tmp_path, *TABLE), tmp_path, a_deadline())
    recorded = RecordedStatements(database)
    queries = [
        a_query(question, calculation, group_by).model_copy(update={"id": f"q{place}"})
        for place, (question, calculation, group_by) in enumerate(EVERYTHING)
    ]
    queries.append(a_query("nps", "nps", None, weight=Weight(kind="field", of="weight")))
    found = answers(database, MAPPING, queries)
    database.close()

    assert not [one for one in found.values() if isinstance(one, MetricsError)]
    for statement in recorded.statements:
        catalogue = any(name in statement for name in ("sqlite_master", "pragma_", "_schema."))
        aggregate = any(name in statement for name in ("count(", "min("))
        distinct = "SELECT DISTINCT" in statement and "remark" not in statement
        assert catalogue or aggregate or distinct, statement
    assert "RESPONSE" not in str(recorded.rows)
    assert "SECRET" not in str(recorded.rows)


def test_a_sqlite_file_cannot_be_written(tmp_path: Path) -> None:
    """The connection is read-only."""
    database = SqliteDatabase(sqlite_file(tmp_path / "a.sqlite", *TABLE), a_deadline())

    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        database._connection.execute("DELETE FROM visits")
    database.close()


def test_a_duckdb_file_cannot_be_written_nor_others_be_read(tmp_path: Path) -> None:
    """Neither by SQL of our own, nor by a name of a mapping that looks like a function."""
    other = tmp_path / "other.csv"
    other.write_text("secret\n1\n", encoding="utf-8")
    path, temporary = duckdb_file(tmp_path, *TABLE), tmp_path / "temporary"
    database = DuckdbDatabase(path, temporary, a_deadline())

    for statement in (
        "DELETE FROM visits",
        f"SELECT * FROM read_csv('{other}')",
        f"SELECT * FROM '{other}'",
        f"COPY visits TO '{tmp_path / 'out.csv'}'",
        f"ATTACH '{tmp_path / 'new.duckdb'}'",
        "SET enable_external_access = true",
        "INSTALL httpfs",
    ):
        with pytest.raises(duckdb.Error):
            database._connection.execute(statement).fetchall()
    mapping = MAPPING.model_copy(update={"table": f"read_csv('{other}')"})
    with pytest.raises(SurveyUnavailable):
        answers(database, mapping, [a_query(None, "responses")])
    database.close()


def test_a_parquet_folder_reads_nothing_else(tmp_path: Path) -> None:
    """Only the folder is allowed."""
    folder = tmp_path / "allowed"
    folder.mkdir()
    other = tmp_path / "other.csv"
    other.write_text("secret\n1\n", encoding="utf-8")
    database = DuckdbDatabase(folder, tmp_path / "temporary", a_deadline())

    with pytest.raises(duckdb.PermissionException):
        database._connection.execute(f"SELECT * FROM read_csv('{other}')")
    database.close()


@pytest.mark.parametrize("name", ["link.sqlite", "gone.sqlite"])
def test_a_link_out_of_the_folder_is_no_file(name: str, tmp_path: Path) -> None:
    """It has the error of a file that does not exist."""
    folder = tmp_path / "allowed"
    folder.mkdir()
    (folder / "link.sqlite").symlink_to(sqlite_file(tmp_path / "a.sqlite", *TABLE))
    context = replace(a_context(), destinations=(Destination(kind="folder", folder=folder),))
    credentials = SqlCredentials(database=f"sqlite:{name}")

    with pytest.raises(Unreachable, match="There is no file"), opened(credentials, context):
        pass


def steps_of(made: ReaderDatabase, tmp_path: Path) -> list[CheckStep]:
    """Return the steps of a check that passed."""
    credentials = SqlCredentials.model_validate(
        {
            "database": f"postgresql://127.0.0.1:{made.port}/{made.name}",
            "user": READER,
            "password": READER_PASSWORD,
        }
    )
    steps = check(credentials, a_context(tmp_path))
    return [step for step in steps if isinstance(step, CheckStep)]


@pytest.mark.xdist_group("sql_postgresql")
def test_postgresql_only_reads(
    reader_database: Callable[..., ReaderDatabase], tmp_path: Path
) -> None:
    """A user that may write is a warning of the check, and does not write anyway."""
    made = reader_database(*TABLE)
    assert [step.name for step in steps_of(made, tmp_path)][-2:] == ["read_only", "export"]

    made.owner.execute(f"GRANT INSERT ON visits TO {READER}")
    with pytest.raises(AccessMissing, match="may change data"):
        steps_of(made, tmp_path)
    database = postgresql_at(made.port, made.name, READER, READER_PASSWORD)
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        database._connection.execute("INSERT INTO visits (id) VALUES ('x')")
    with pytest.raises(MetricsError) as caught:
        database.rows(text("DELETE FROM visits RETURNING id"))
    assert "visits" not in str(caught.value)
    database.close()


@pytest.mark.xdist_group("sql_postgresql")
def test_only_a_stream_reads_with_a_cursor_on_the_server(
    reader_database: Callable[..., ReaderDatabase],
) -> None:
    """PostgreSQL plans no parallel workers for a cursor, so statements that count have none."""
    made = reader_database()
    database = postgresql_at(made.port, made.name, READER, READER_PASSWORD)
    cursors = text("SELECT count(*) FROM pg_cursors")
    assert database.rows(cursors) == [(0,)]
    assert [*database.stream(cursors)] == [[(1,)]]
    database.close()


def test_privileges_of_grants() -> None:
    """Names that look like privileges are none; columns are not part of one."""
    assert privileges_of("GRANT USAGE ON *.* TO `r`@`%` IDENTIFIED BY PASSWORD '*A'") == {"USAGE"}
    assert privileges_of("GRANT SELECT (`a, DELETE`), INSERT (`b)`) ON `q`.`t` TO `r`@`%`") == {
        "SELECT",
        "INSERT",
    }
    assert privileges_of("GRANT SELECT ON `x ON y, DROP`.* TO `r`@`%`") == {"SELECT"}
    assert privileges_of("GRANT `INSERT`, `role` TO `r`@`%`") == set()
