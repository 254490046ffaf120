"""The counts of a database equal those of the core over the same rows."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from plugins.sql.tests.conftest import (
    READER,
    READER_PASSWORD,
    MariadbReaderDatabase,
    ReaderDatabase,
)
from plugins.sql.tests.databases import NOW, a_deadline, answers, mariadb_at, postgresql_at
from plugins.sql.tests.random_survey import (
    MAPPING,
    Row,
    create_table,
    fill_sqlite,
    frame_of,
    random_query,
    random_rows,
)
from plugins.sql.tests.random_survey import (
    READER as ROW_READER,
)
from smaply_metrics_core import MetricsError
from smaply_metrics_core.calculations import answer_queries
from smaply_metrics_sql.counting.relation import Catalog
from smaply_metrics_sql.databases.database import SqlDatabase
from smaply_metrics_sql.databases.duckdb_file import DuckdbDatabase
from smaply_metrics_sql.databases.sqlite import SqliteDatabase
from smaply_metrics_sql.questionnaire import QuestionnaireReader

FEW = range(2)
MANY = range(2, int(os.environ.get("SQL_SURVEYS", "10")))
"""`make sql-counts` tries 100 surveys."""

DEEP = "random surveys with 25 queries each"


def make_sqlite(rows: list[Row]) -> SqliteDatabase:
    """Return a database in memory."""
    database, connection = SqliteDatabase.in_memory(a_deadline())
    fill_sqlite(connection, rows)
    return database


def make_duckdb(rows: list[Row], seed: int, folder: Path) -> DuckdbDatabase:
    """Return a file; the types of its columns depend on the seed."""
    path = folder / f"{seed}.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        time, number = (("timestamptz", "double"), ("timestamp", "decimal(9,2)"))[seed % 2]
        connection.execute(create_table(time, number))
        values = [[*row.values()] for row in rows]
        connection.executemany("INSERT INTO visits VALUES (?,?,?,?,?,?,?,?,?,?,?)", values)
    return DuckdbDatabase(path, folder, a_deadline())


def check(database: SqlDatabase, rows: list[Row], chance: random.Random) -> None:
    """Compare random queries."""
    queries = [random_query(chance, number) for number in range(25)]
    catalog = Catalog.of(database.tables())
    questionnaire = QuestionnaireReader(database, catalog).read(MAPPING)
    wanted = dict(answer_queries(frame_of(rows), queries, questionnaire, ROW_READER, as_of=NOW))
    found = answers(database, MAPPING, queries)

    assert found.keys() == wanted.keys()
    for query in queries:
        one, other = found[query.id], wanted[query.id]
        if isinstance(one, MetricsError) or isinstance(other, MetricsError):
            assert str(one) == str(other), query
        else:
            assert same(one.model_dump(mode="json"), other.model_dump(mode="json")), query


def same(one: object, other: object) -> bool:
    """Whether values are equal; decimals to 1e-12."""
    match one, other:
        case dict(), dict():
            return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
        case list(), list():
            return len(one) == len(other) and all(map(same, one, other))
        case float(), float():
            return one == pytest.approx(other, rel=1e-12, abs=0)
        case _:
            return bool(one == other)


@pytest.mark.parametrize("seed", FEW)
def test_sqlite(seed: int) -> None:
    """Periods, filters, weights, groups and exclusions on SQLite."""
    chance = random.Random(seed)  # noqa: S311  # Repeatable.
    rows = random_rows(chance, 300)
    check(make_sqlite(rows), rows, chance)


@pytest.mark.deep(reason=DEEP)
@pytest.mark.parametrize("seed", MANY)
def test_sqlite_often(seed: int) -> None:
    """The same on SQLite, many times."""
    test_sqlite(seed)


@pytest.mark.parametrize("seed", FEW)
def test_duckdb(seed: int, tmp_path: Path) -> None:
    """The same on DuckDB, with a calendar."""
    chance = random.Random(seed)  # noqa: S311  # Repeatable.
    rows = random_rows(chance, 300)
    database = make_duckdb(rows, seed, tmp_path)
    check(database, rows, chance)
    database.close()


@pytest.mark.deep(reason=DEEP)
@pytest.mark.parametrize("seed", MANY)
def test_duckdb_often(seed: int, tmp_path: Path) -> None:
    """The same on DuckDB, many times."""
    test_duckdb(seed, tmp_path)


@pytest.mark.parametrize(
    "seed", [FEW[0], *(pytest.param(one, marks=pytest.mark.deep(reason=DEEP)) for one in MANY)]
)
@pytest.mark.xdist_group("sql_postgresql")
def test_postgresql(seed: int, reader_database: Callable[..., ReaderDatabase]) -> None:
    """The same on PostgreSQL, by a user that only reads."""
    chance = random.Random(seed)  # noqa: S311  # Repeatable.
    rows = random_rows(chance, 300)
    time, number = (("timestamptz", "double precision"), ("timestamp", "numeric(9,2)"))[seed % 2]
    made = reader_database(create_table(time, number))
    with made.owner.cursor() as cursor:
        marks = ", ".join(["%s"] * len(rows[0]))
        values = [[*row.values()] for row in rows]
        cursor.executemany(f"INSERT INTO visits VALUES ({marks})", values)  # Marks only.
    database = postgresql_at(made.port, made.name, READER, READER_PASSWORD)
    check(database, rows, chance)
    database.close()


@pytest.mark.deep(reason=DEEP)
@pytest.mark.xdist_group("sql_mariadb")
@pytest.mark.parametrize("seed", [*FEW, *MANY])
def test_mariadb(seed: int, mariadb_database: Callable[..., MariadbReaderDatabase]) -> None:
    """The same on MariaDB, by a user that only reads."""
    chance = random.Random(seed)  # noqa: S311  # Repeatable.
    rows = random_rows(chance, 300)
    time, number = (("timestamp", "double"), ("datetime", "decimal(9,2)"))[seed % 2]
    made = mariadb_database(create_table(time, number))
    with made.owner.cursor() as cursor:
        marks = ", ".join(["%s"] * len(rows[0]))
        values = [[*row.values()] for row in rows]
        cursor.executemany(f"INSERT INTO visits VALUES ({marks})", values)  # Marks only.
    database = mariadb_at(made.port, made.name, READER, READER_PASSWORD)
    check(database, rows, chance)
    database.close()
