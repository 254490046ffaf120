"""Each cause has its own error, and none has a statement, a value or a password."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError
from sqlalchemy import text

from plugins.sql.tests.conftest import READER, READER_PASSWORD, ReaderDatabase
from plugins.sql.tests.databases import (
    NOW,
    a_context,
    a_deadline,
    a_query,
    answers,
    duckdb_file,
    postgresql_at,
    sqlite_file,
    sqlite_with,
    survey,
)
from smaply_metrics_core import (
    AccessMissing,
    Address,
    Cancelled,
    CheckStep,
    CredentialRefused,
    Deadline,
    DeadlineExceeded,
    Destination,
    ExportFailed,
    MetricsError,
    QuestionUnavailable,
    SurveyUnavailable,
    Unreachable,
)
from smaply_metrics_core.testing import ManualClock
from smaply_metrics_sql.check import check
from smaply_metrics_sql.counting.relation import Catalog
from smaply_metrics_sql.credentials import SqlCredentials
from smaply_metrics_sql.databases.duckdb_file import DuckdbDatabase
from smaply_metrics_sql.databases.postgresql import ping
from smaply_metrics_sql.databases.sqlite import SqliteDatabase
from smaply_metrics_sql.fetch import fetch

TABLE = (
    "CREATE TABLE t (seen timestamp, nps integer)",
    "INSERT INTO t VALUES ('2026-01-01', 9)",
)
SURVEY = survey(
    "surveys:\n- id: s\n  table: t\n  recorded_at: {column: seen}\n"
    "  questions: [{column: nps, type: nps}]\n"
)
NPS = [a_query("nps", "nps")]

on_postgresql = pytest.mark.xdist_group("sql_postgresql")
Servers = Callable[..., ReaderDatabase]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"database": "mysql://a/b"}, "A database is written as"),
        ({"database": "sqlite:../a.sqlite"}, "must not be empty or have “..” in it"),
        ({"database": "sqlite:"}, "must not be empty"),
        ({"database": "postgresql://db.example.com:5432/"}, "ends with the name of one database"),
        ({"database": "postgresql://db.example.com:5432/a/b"}, "the name of one database"),
        ({"database": "postgresql://db.example.com:5432/a"}, "requires a user and a password"),
        ({"database": "sqlite:a.sqlite", "mapping": "surveys: ["}, "Line 1"),
    ],
)
def test_wrong_credentials_have_a_sentence(values: dict[str, str], message: str) -> None:
    """Before anything is opened."""
    with pytest.raises(ValidationError, match=message.replace("(", r"\(")):
        SqlCredentials.model_validate(values)


def test_a_file_requires_no_password() -> None:
    """A form sends empty texts."""
    values = {"database": "sqlite:a.sqlite", "user": "", "password": "", "mapping": ""}
    assert SqlCredentials.model_validate(values).surveys() is None


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    """SQLite and DuckDB notice it."""
    file = tmp_path / "notes.txt"
    file.write_text("These are notes, and not a database. " * 200, encoding="utf-8")

    with pytest.raises(ExportFailed, match="not a SQLite database"):
        SqliteDatabase(file, a_deadline()).tables()
    with pytest.raises(Unreachable, match="DuckDB file cannot be read"):
        DuckdbDatabase(file, tmp_path, a_deadline())


def test_what_is_gone_in_sqlite() -> None:
    """A table and a column that the mapping names."""
    database = sqlite_with("CREATE TABLE t (seen text)")

    (error,) = answers(database, SURVEY, NPS).values()
    assert isinstance(error, QuestionUnavailable)
    assert "“t” has no column “nps”" in str(error)
    with pytest.raises(SurveyUnavailable, match="“t” does not exist"):
        answers(sqlite_with(), SURVEY, NPS)
    with pytest.raises(SurveyUnavailable, match="has no column “seen”"):
        answers(sqlite_with("CREATE TABLE t (nps integer)"), SURVEY, NPS)


def test_a_table_that_goes_between_two_statements(tmp_path: Path) -> None:
    """The catalogue had it, and the database has it no longer."""
    catalog = Catalog.of(sqlite_with(*TABLE).tables())
    with pytest.raises(SurveyUnavailable, match="of the mapping does not exist"):
        [*fetch(sqlite_with(), catalog, SURVEY, NPS, a_context(), NOW)]

    database = DuckdbDatabase(duckdb_file(tmp_path), tmp_path, a_deadline())
    with pytest.raises(SurveyUnavailable, match="of the mapping does not exist"):
        database.rows(text("SELECT count(*) FROM t"))
    with pytest.raises(ExportFailed, match="do not have the type"):
        database.rows(text("SELECT sum(cast(x AS integer)) FROM (SELECT 'secret' AS x)"))
    database.close()


def test_a_statement_of_a_file_is_cancelled(tmp_path: Path) -> None:
    """By the event of the caller, while it runs."""
    cancelled = threading.Event()
    deadline = Deadline.after(60, ManualClock(NOW), cancelled)

    def cancel() -> int:
        cancelled.set()
        return 1

    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT sum(x) FROM n"
    database, connection = SqliteDatabase.in_memory(deadline)
    connection.create_function("cancel", 0, cancel)
    with pytest.raises(Cancelled):
        database.rows(text(f"SELECT count(*) FROM (SELECT cancel() AS c), ({endless})"))

    cancelled.clear()
    file = DuckdbDatabase(duckdb_file(tmp_path), tmp_path, deadline)
    file._connection.create_function("cancel", cancel, [], "integer")
    with pytest.raises(Cancelled):
        file.rows(text("SELECT cancel(), count(*) FROM range(1000000) a, range(1000000) b"))
    file.close()


@on_postgresql
def test_the_server_stops_at_the_deadline_and_on_cancel(reader_database: Servers) -> None:
    """Its statement timeout is the rest of the deadline; a cancellation reaches it."""
    made = reader_database(*TABLE)
    sleep = text("SELECT count(*) FROM pg_sleep(60)")
    short = Deadline.after(0.05, ManualClock(NOW))
    database = postgresql_at(made.port, made.name, READER, READER_PASSWORD, short)
    with pytest.raises(DeadlineExceeded, match="the statement was stopped"):
        database.rows(sleep)
    database.close()

    cancelled = threading.Event()
    deadline = Deadline.after(60, ManualClock(NOW), cancelled)
    database = postgresql_at(made.port, made.name, READER, READER_PASSWORD, deadline)
    failed: list[Exception] = []

    def run() -> None:
        try:
            database.rows(sleep)
        except MetricsError as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    running = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
    while thread.is_alive() and made.owner.execute(running).fetchone() == (0,):
        pass
    cancelled.set()
    thread.join(180)
    database.close()

    assert [type(one) for one in failed] == [Cancelled]


@on_postgresql
def test_who_may_connect(reader_database: Servers) -> None:
    """Wrong passwords, unknown databases and closed ports have different errors."""
    made = reader_database(*TABLE)
    with pytest.raises(CredentialRefused) as refused:
        postgresql_at(made.port, made.name, READER, "wrong-and-made-up")
    with pytest.raises(CredentialRefused):
        postgresql_at(made.port, made.name, "unknown", READER_PASSWORD)
    with pytest.raises(Unreachable, match="no database of this name"):
        postgresql_at(made.port, "unknown", READER, READER_PASSWORD)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        with pytest.raises(Unreachable, match="cannot be reached"):
            postgresql_at(port, made.name, READER, READER_PASSWORD)
        with pytest.raises(Unreachable, match="cannot be reached"):
            ping(Address.parse(f"postgresql://127.0.0.1:{port}/a"))
    assert "wrong" not in repr(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None


@on_postgresql
def test_permissions_and_types(reader_database: Servers) -> None:
    """No permission on a table or a column, before and after the catalogue was read."""
    view = "CREATE VIEW v AS SELECT seen, cast('secret' || nps AS integer) AS nps FROM t"
    made = reader_database(*TABLE, view)
    database = postgresql_at(made.port, made.name, READER, READER_PASSWORD)
    catalog = Catalog.of(database.tables())
    with pytest.raises(ExportFailed, match="do not have the type") as mismatch:
        answers(database, SURVEY.model_copy(update={"table": "v"}), NPS)
    assert "secret" not in repr(mismatch.value)

    made.owner.execute(f"REVOKE SELECT ON t FROM {READER}")
    with pytest.raises(AccessMissing, match="may not read a table or column"):
        [*fetch(database, catalog, SURVEY, NPS, a_context(), NOW)]
    with pytest.raises(SurveyUnavailable, match="or this user may not read it"):
        answers(database, SURVEY, NPS)
    made.owner.execute(f"GRANT SELECT (seen) ON t TO {READER}")
    (error,) = answers(database, SURVEY, NPS).values()
    assert isinstance(error, QuestionUnavailable)
    made.owner.execute("DROP TABLE t CASCADE")
    with pytest.raises(SurveyUnavailable, match="of the mapping does not exist"):
        [*fetch(database, catalog, SURVEY, NPS, a_context(), NOW)]
    database.close()


@pytest.mark.parametrize("kind", ["boolean", "text"])
def test_a_time_that_is_none(kind: str, tmp_path: Path) -> None:
    """The type of the column is named."""
    path = duckdb_file(tmp_path, f"CREATE TABLE t (seen {kind}, nps integer)")
    database = DuckdbDatabase(path, tmp_path, a_deadline())
    with pytest.raises(SurveyUnavailable, match=f"has the type {kind}"):
        answers(database, SURVEY, NPS)
    database.close()


def test_the_check_compares_all_surveys_of_the_mapping(tmp_path: Path) -> None:
    """Not only those that a metric counts later; without faults, it goes on."""
    path = sqlite_file(tmp_path / "visits.sqlite", *TABLE)
    place = Destination(kind="folder", folder=tmp_path)
    context = replace(a_context(tmp_path), destinations=(place,))
    right = "- {id: a, table: t, recorded_at: {column: seen}}\n"
    wrong = "- {id: b, table: t, recorded_at: {column: sen}}\n"

    def steps(mapping: str) -> list[str]:
        values = {"database": f"sqlite:{path}", "mapping": f"surveys:\n{mapping}"}
        found = check(SqlCredentials.model_validate(values), context)
        return [one.name for one in found if isinstance(one, CheckStep)]

    assert steps(right)[-1] == "export"
    with pytest.raises(SurveyUnavailable, match=r"Line 3, “column”: .* Write “seen”\."):
        steps(right + wrong)
