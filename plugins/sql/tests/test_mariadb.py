"""MariaDB: texts that its collations do not tell apart, time zones, dates and comments."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from plugins.sql.tests.conftest import (
    ON_MARIADB,
    READER,
    READER_PASSWORD,
    MariadbReaderDatabase,
)
from plugins.sql.tests.databases import (
    a_query,
    answer,
    counted,
    labels,
    mariadb_at,
    survey,
)
from smaply_metrics_core import (
    Deadline,
    Filter,
    GroupBy,
)
from smaply_metrics_sql.databases.mariadb import MariadbDatabase

HEAD = "surveys:\n- id: s\n  table: t\n  recorded_at: {column: seen}\n"
TABLE = (
    "CREATE TABLE t (seen datetime, nps integer)",
    "INSERT INTO t VALUES ('2026-01-01', 9)",
)
SURVEY = survey(HEAD + "  questions: [{column: nps, type: nps}]\n")
NPS = [a_query("nps", "nps")]

Servers = Callable[..., MariadbReaderDatabase]


pytestmark = ON_MARIADB


def opened(made: MariadbReaderDatabase, deadline: Deadline | None = None) -> MariadbDatabase:
    """Connect as the user that only reads."""
    return mariadb_at(made.port, made.name, READER, READER_PASSWORD, deadline)


def test_texts_that_a_collation_does_not_tell_apart(mariadb_database: Servers) -> None:
    """Case, accents, trailing spaces, and long texts, in any character set."""
    made = mariadb_database(
        "CREATE TABLE t (seen datetime, c varchar(20) CHARACTER SET latin1, f longtext, "
        "e enum('a', 'B'))",
        "INSERT INTO t VALUES "
        "('2026-01-01', 'Zürich', concat(repeat('x', 3000), '1'), 'a'), "
        "('2026-01-01', 'ZURICH', concat(repeat('x', 3000), '2'), 'B'), "
        "('2026-01-01', 'zürich', '', 'B'), "
        "('2026-01-01', 'zürich ', ' ', 'B')",
    )
    mapping = survey(
        HEAD + "  questions:\n  - {column: c, type: choice}\n  - {column: e, type: choice}\n"
        "  fields: [{column: f}]\n"
    )
    database = opened(made)
    by_field = GroupBy(kind="field", of="f")
    groups = answer(database, mapping, a_query("c", "answered", by_field)).windows[0].groups
    upper = Filter(kind="question", of="c", values=("ZURICH",))
    found = answer(database, mapping, a_query("c", "distribution"))
    filtered = answer(database, mapping, a_query("e", "distribution", filters=(upper,)))
    database.close()

    assert counted(found) == {"Zürich": 1, "ZURICH": 1, "zürich": 1, "zürich ": 1}
    assert {one.key: one.counts.responses for one in groups} == {
        "x" * 3000 + "1": 1,
        "x" * 3000 + "2": 1,
        " ": 1,
    }
    assert counted(filtered) == {"B": 1}


def test_responses_whose_ids_differ_in_case(mariadb_database: Servers) -> None:
    """Rows of a long table belong to one of them, whatever the collation of the column."""
    made = mariadb_database(
        "CREATE TABLE t (id varchar(5), seen datetime)",
        "INSERT INTO t VALUES ('a1', '2026-01-01'), ('A1', '2026-01-01')",
        "CREATE TABLE a (rid varchar(5) COLLATE utf8mb4_unicode_ci, q text, v text)",
        "INSERT INTO a VALUES ('a1', 'nps', '9'), ('A1', 'nps', '3'), ('A1', 'NPS', '5'), "
        "('a1', 'm', 'x'), ('A1', 'm', 'X')",
    )
    mapping = survey(
        HEAD + "  response: id\n"
        "  answers: {table: a, response: rid, question: q, answer: v}\n"
        "  questions: [{column: nps, type: nps}, {column: m, type: multiple}]\n"
    )
    database = opened(made)
    nps = answer(database, mapping, a_query("nps", "nps"))
    several = answer(database, mapping, a_query("m", "distribution"))
    database.close()

    assert counted(nps) == {"3": 1, "9": 1}
    assert counted(several) == {"x": 1, "X": 1}


@pytest.mark.parametrize("kind", ["timestamp", "datetime(3)"])
def test_time_zones_without_tables(kind: str, mariadb_database: Servers) -> None:
    """The server knows no zone by name, and has one of its own; days are those of Python."""
    zone = "Australia/Lord_Howe"
    walls = ("2025-04-06 01:44:59", "2025-04-06 01:45:00", "2025-10-05 01:59:59", "1999-12-31")
    values = ", ".join(f"('{wall}', 1)" for wall in walls)
    made = mariadb_database(
        f"CREATE TABLE t (seen {kind}, n integer)", f"INSERT INTO t VALUES {values}, (NULL, 1)"
    )
    with made.owner.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM mysql.time_zone_name")
        assert cursor.fetchone() == (0,)
        cursor.execute("SELECT convert_tz('2026-01-01', 'UTC', 'Europe/Vienna')")
        assert cursor.fetchone() == (None,)
    mapping = survey(
        HEAD.replace("seen}", f"seen, zone: {zone}}}")
        + "  questions: [{column: n, type: number}]\n"
    )
    query = a_query("n", "sum", GroupBy(kind="period", of="day"))
    database = opened(made)
    made.run("SET GLOBAL time_zone = '+05:45'")  # Of connections from now on.
    other = opened(made)
    try:
        groups = [answer(one, mapping, query).windows[0].groups for one in (database, other)]
    finally:
        made.run("SET GLOBAL time_zone = 'SYSTEM'")
        database.close()
        other.close()

    # A timestamp is an instant, stored here from UTC; a datetime is of the mapped zone.
    stored = ZoneInfo("UTC") if kind == "timestamp" else ZoneInfo(zone)
    days = {
        datetime.fromisoformat(wall)
        .replace(tzinfo=stored)
        .astimezone(ZoneInfo("UTC"))
        .date()
        .isoformat()
        for wall in walls
    }
    assert {one.key for one in groups[0]} == days
    assert groups[0] == groups[1]


def test_dates_that_are_none(mariadb_database: Servers) -> None:
    """Zero dates, which older applications store, are responses without a date."""
    made = mariadb_database(
        "CREATE TABLE t (seen datetime, nps integer)",
        "SET sql_mode = ''",
        "INSERT INTO t VALUES ('0000-00-00', 9), ('2026-00-00', 9), ('2026-01-01', 9)",
    )
    database = opened(made)
    found = answer(database, SURVEY, a_query(None, "responses", GroupBy(kind="period", of="month")))
    database.close()

    assert [one.key for one in found.windows[0].groups] == ["2026-01"]
    assert found.windows[0].total.responses == 3


def test_labels_and_comments(mariadb_database: Servers) -> None:
    """Comments become names; other databases of the server are schemas."""
    other = mariadb_database("CREATE TABLE l (k integer, n text)", "INSERT INTO l VALUES (1, 'x')")
    made = mariadb_database(
        "CREATE TABLE t (seen datetime, c integer COMMENT 'How was it?') COMMENT 'Visits'",
        "INSERT INTO t VALUES ('2026-01-01', 1)",
        "CREATE VIEW v AS SELECT * FROM t",
    )
    mapping = survey(
        HEAD + "  questions:\n  - {column: c, type: scale, "
        f"labels: {{table: {other.name}.l, key: k, label: n}}}}\n"
    )
    database = opened(made)
    tables = {one.full_name: one for one in database.tables()}
    found = labels(database, mapping, "c")
    database.close()

    assert found == {"1": "x"}
    assert tables["t"].comment == "Visits"
    assert tables["t"].columns[1].comment == "How was it?"
    assert not tables["v"].comment
