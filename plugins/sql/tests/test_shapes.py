"""Tables of several shapes have the same counts: wide, long, child tables, arrays and labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from sqlalchemy import Executable, TextClause

from plugins.sql.tests.conftest import (
    ON_MARIADB,
    READER,
    READER_PASSWORD,
    MariadbReaderDatabase,
    ReaderDatabase,
)
from plugins.sql.tests.databases import (
    a_deadline,
    a_query,
    answer,
    answers,
    counted,
    duckdb_with,
    labels,
    mariadb_at,
    postgresql_at,
    sqlite_with,
    survey,
)
from smaply_metrics_core import CalculationRefused, ExportFailed, Filter, GroupBy, GroupingRefused
from smaply_metrics_sql.counting import statement
from smaply_metrics_sql.databases.database import SqlDatabase
from smaply_metrics_sql.databases.duckdb_file import DuckdbDatabase

HEAD = "surveys:\n- id: s\n  table: t\n  recorded_at: {column: seen}\n"

LONG = (
    "CREATE TABLE t (id integer, seen timestamp, country text)",
    "INSERT INTO t VALUES (1, '2026-01-01', 'AT'), (2, '2026-01-02', 'DE'), (3, NULL, 'AT')",
    "CREATE TABLE a (rid integer, q text, v text)",
    (
        "INSERT INTO a VALUES (1, 'nps', '9'), (2, 'nps', '3'), (1, 'topic', 'price'), "
        "(1, 'topic', 'staff'), (3, 'topic', 'price'), (3, 'topic', ''), (9, 'nps', '0')"
    ),
)
LONG_SURVEY = survey(
    HEAD + "  response: id\n  answers: {table: a, response: rid, question: q, answer: v}\n"
    "  questions:\n  - {column: nps, type: nps}\n  - {column: topic, type: multiple}\n"
    "  fields: [{column: country}]\n"
)

Make = Callable[..., SqlDatabase]
Rows = list[tuple[Any, ...]]


@pytest.fixture(
    params=[
        "sqlite",
        "duckdb",
        pytest.param("postgresql", marks=pytest.mark.xdist_group("sql_postgresql")),
        pytest.param("mariadb", marks=ON_MARIADB),
    ]
)
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    """Return a function that makes a database of one of the engines."""
    opened: list[SqlDatabase] = []

    def made(*statements: str) -> SqlDatabase:
        match request.param:
            case "sqlite":
                database: SqlDatabase = sqlite_with(*statements)
            case "duckdb":
                database = duckdb_with(tmp_path, *statements)
            case "mariadb":
                made_reader: MariadbReaderDatabase = request.getfixturevalue("mariadb_database")(
                    *statements
                )
                database = mariadb_at(made_reader.port, made_reader.name, READER, READER_PASSWORD)
            case _:
                make_reader: Callable[..., ReaderDatabase] = request.getfixturevalue(
                    "reader_database"
                )
                server = make_reader(*statements)
                database = postgresql_at(server.port, server.name, READER, READER_PASSWORD)
        opened.append(database)
        return database

    yield made
    for one in opened:
        one.close()


def test_a_long_table(make: Make) -> None:
    """One row per answer, also for questions that take several answers."""
    database = make(*LONG)

    assert counted(answer(database, LONG_SURVEY, a_query("nps", "nps"))) == {"3": 1, "9": 1}
    topics = answer(database, LONG_SURVEY, a_query("topic", "distribution"))
    assert counted(topics) == {"price": 2, "staff": 1}
    assert topics.windows[0].total.answered == 2
    price = Filter(kind="question", of="topic", values=("price",))
    by_country = a_query("nps", "nps", GroupBy(kind="field", of="country"), filters=(price,))
    (group,) = answer(database, LONG_SURVEY, by_country).windows[0].groups
    assert (group.key, group.counts.responses, group.counts.answered) == ("AT", 2, 1)


def test_a_child_table(make: Make) -> None:
    """One row per answer of one question; a response without rows gave none."""
    mapping = survey(
        HEAD + "  response: id\n  questions:\n"
        "  - {id: topics, type: multiple, child: {table: a, response: rid, answer: v}}\n"
    )
    database = make(
        *LONG[:3], "INSERT INTO a VALUES (1,'','x'), (1,'','y'), (1,'','x'), (2,'','y')"
    )
    found = answer(database, mapping, a_query("topics", "distribution"))

    assert counted(found) == {"x": 1, "y": 2}
    assert found.windows[0].total.unanswered == {"not_answered": 1}


def test_a_label_table(make: Make) -> None:
    """The labels of a dimension table, in the order of their keys."""
    mapping = survey(
        HEAD + "  questions:\n  - {column: c, type: scale, labels: {table: l, key: k, label: n}}\n"
    )
    database = make(
        "CREATE TABLE t (seen timestamp, c integer)",
        "INSERT INTO t VALUES ('2026-01-01', 2), ('2026-01-01', 10), ('2026-01-01', NULL)",
        "CREATE TABLE l (k integer, n text)",
        "INSERT INTO l VALUES (10, 'Great'), (2, 'It''s 100 %: \"fine\" :x')",
    )

    assert labels(database, mapping, "c") == {"2": 'It\'s 100 %: "fine" :x', "10": "Great"}
    assert counted(answer(database, mapping, a_query("c", "average"))) == {"2": 1, "10": 1}


def test_names_and_values_are_never_read_as_sql(make: Make) -> None:
    """Quotes, percents, colons and other scripts in names and values."""
    mapping = survey(
        "surveys:\n- id: s\n  table: 'we\"ird %s :x ü'\n"
        "  recorded_at: {column: 'at %(a)s :at'}\n"
        "  status: {column: 'st''ate?', exclude: {'%s'': --': test}}\n"
        "  questions:\n  - {id: q, column: 'q\"1 $1', type: choice}\n"
        "  - {id: m, column: ':m', type: multiple, delimiter: '%'}\n"
        "  fields: [{name: f, column: 'f; DROP TABLE t'}]\n"
    )
    database = make(
        'CREATE TABLE "we""ird %s :x ü" ("at %(a)s :at" timestamp, "st\'ate?" text, '
        '"q""1 $1" text, ":m" text, "f; DROP TABLE t" text)',
        'INSERT INTO "we""ird %s :x ü" VALUES '
        "('2026-01-01', 'ok', 'it''s :x', ':a%b''c', '100 %'), "
        "('2026-01-01', '%s'': --', 'gone', 'b''c', '$1'), "
        "('2026-01-01', NULL, '%(q)s', 'b''c', '100 %')",
    )
    field = GroupBy(kind="field", of="f")
    hundred = Filter(kind="field", of="f", values=("100 %", "x' OR 'a'='a"))
    found = answer(database, mapping, a_query("q", "share", field, answers=("it's :x",)))

    assert counted(found) == {"it's :x": 1, "%(q)s": 1}
    assert [group.key for group in found.windows[0].groups] == ["100 %"]
    assert found.windows[0].excluded == {"test": 1}
    several = answer(database, mapping, a_query("m", "distribution", filters=(hundred,)))
    assert counted(several) == {":a": 1, "b'c": 2}


def test_a_number_in_a_text_column_is_a_mismatch(make: Make) -> None:
    """The error names the question and the type."""
    mapping = survey(HEAD + "  questions:\n  - {column: n, type: number}\n")
    database = make("CREATE TABLE t (seen timestamp, n text)", "INSERT INTO t VALUES (NULL, '1')")
    error = answers(database, mapping, [a_query("n", "sum")])["q"]

    assert isinstance(error, ExportFailed)
    assert "“n” are not numbers: the column has the type text" in str(error)


def recorded_rows(database: SqlDatabase, monkeypatch: pytest.MonkeyPatch) -> list[Rows]:
    """Return the rows of each statement that is run from now on, but of the catalogue.

    The server of MariaDB is shared with other tests, whose tables are in its catalogue too.
    """
    read: list[Rows] = []
    rows = database.rows

    def record(statement: Executable) -> Rows:
        found = rows(statement)
        if not isinstance(statement, TextClause):
            read.append(found)
        return found

    monkeypatch.setattr(database, "rows", record)
    return read


def test_many_different_numbers(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many combinations are the error of one query, and are never all read."""
    monkeypatch.setattr(statement, "MOST_COUNTS", 50)
    mapping = survey(HEAD + "  questions: [{column: n, type: number}]\n  fields: [{column: f}]\n")
    values = ", ".join(f"('2026-01-01', {n}.5, '{n % 3}')" for n in range(200))
    database = make(
        "CREATE TABLE t (seen timestamp, n double precision, f text)",
        f"INSERT INTO t VALUES {values}",
    )
    read = recorded_rows(database, monkeypatch)
    queries = [
        a_query("n", "median"),
        a_query(None, "responses", GroupBy(kind="field", of="f")).model_copy(update={"id": "r"}),
    ]
    found = answers(database, mapping, queries)

    assert isinstance(found["q"], CalculationRefused)
    assert not isinstance(found["r"], Exception)
    assert found["r"].windows[0].total.responses == 200
    assert max(map(len, read)) <= 51


def test_a_grouping_by_identifiers_reads_none(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database counts the values; none of them is read."""
    mapping = survey(HEAD + "  fields: [{column: f}]\n")
    values = ", ".join(f"('2026-01-01', 'person{n}')" for n in range(300))
    database = make("CREATE TABLE t (seen timestamp, f text)", f"INSERT INTO t VALUES {values}")
    read = recorded_rows(database, monkeypatch)
    found = answers(database, mapping, [a_query(None, "responses", GroupBy(kind="field", of="f"))])

    assert isinstance(found["q"], GroupingRefused)
    assert "person" not in str(read)


def test_more_choices_than_an_integer_has_bits(make: Make) -> None:
    """Seventy choices are several words of bits."""
    mapping = survey(HEAD + '  questions: [{column: m, type: multiple, delimiter: ","}]\n')
    every = ",".join(str(n) for n in range(70))
    database = make(
        "CREATE TABLE t (seen timestamp, m text)",
        f"INSERT INTO t VALUES ('2026-01-01', '{every}'), ('2026-01-01', '69, 3'), "
        "('2026-01-01', '')",
    )
    found = answer(database, mapping, a_query("m", "distribution"))

    assert len(counted(found)) == 70
    assert {key for key, n in counted(found).items() if n == 2} == {"3", "69"}
    assert found.windows[0].total.answered == 2


ARRAYS = (
    "CREATE TABLE t (seen timestamp, m {texts})",
    "INSERT INTO t VALUES ('2026-01-01', {one}), ('2026-01-01', {two}), ('2026-01-01', NULL)",
)
ARRAY_SURVEY = survey(HEAD + "  questions: [{column: m, type: multiple}]\n")


def test_arrays_in_duckdb(tmp_path: Path) -> None:
    """The elements of a list are the choices."""
    create, insert = ARRAYS
    database = duckdb_with(
        tmp_path,
        create.format(texts="varchar[]"),
        insert.format(one="['it''s', 'b']", two="['b', NULL]"),
    )
    found = counted(answer(database, ARRAY_SURVEY, a_query("m", "distribution")))
    database.close()

    assert found == {"b": 2, "it's": 1}


@pytest.mark.xdist_group("sql_postgresql")
def test_arrays_in_postgresql(reader_database: Callable[..., ReaderDatabase]) -> None:
    """The elements of an array are the choices."""
    create, insert = ARRAYS
    made = reader_database(
        create.format(texts="text[]"),
        insert.format(one="ARRAY['it''s', 'b']", two="ARRAY['b', NULL]"),
    )
    database = postgresql_at(made.port, made.name, READER, READER_PASSWORD)
    found = counted(answer(database, ARRAY_SURVEY, a_query("m", "distribution")))
    database.close()

    assert found == {"b": 2, "it's": 1}


def test_a_folder_of_parquet_files(tmp_path: Path) -> None:
    """A file is a table, a folder is one table, and a link out of the folder is neither."""
    folder = tmp_path / "exports"
    (folder / "visits" / "2026").mkdir(parents=True)
    outside = tmp_path / "outside.parquet"
    row = "SELECT TIMESTAMP '2026-01-01' AS seen, {n} AS nps, " + ", ".join(
        f"{n} AS c{n}" for n in range(300)
    )
    with duckdb.connect() as connection:
        for n, path in enumerate(
            (folder / "visits" / "a.parquet", folder / "visits" / "2026" / "b.parquet", outside)
        ):
            connection.execute(f"COPY ({row.format(n=n)}) TO '{path}' (FORMAT parquet)")
    (folder / "visits" / "link.parquet").symlink_to(outside)
    (folder / "link.parquet").symlink_to(outside)
    (folder / "notes.txt").write_text("not a table", encoding="utf-8")
    database = DuckdbDatabase(folder, tmp_path, a_deadline())
    mapping = survey(
        HEAD.replace("table: t", "table: visits") + "  questions: [{column: nps, type: nps}]\n"
    )
    found = counted(answer(database, mapping, a_query("nps", "average")))
    tables = database.tables()
    database.close()

    assert [(table.name, len(table.columns)) for table in tables] == [("visits", 302)]
    assert found == {"0": 1, "1": 1}
