"""Loads a study into databases, each with another shape of table."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import duckdb
import psycopg
import yaml
from psycopg import sql

from plugins.sql.tests.conftest import READER, READER_PASSWORD
from smaply_metrics_core import Address, QuestionKind
from smaply_metrics_core.testing import AllowedDestinations
from tests.one_study.study import Answer, Study, StudyQuestion
from tests.one_study.tools import ACCOUNT, SEVERAL, LoadedStudy, source_session
from tests.ports import free_port
from tests.postgresql_server import PrivatePostgres, find_programs, running_postgres

TABLE: Final = "responses"
TOPICS: Final = "given_answers"
_TYPES: Final = {
    QuestionKind.NPS: "nps",
    QuestionKind.NUMBER: "number",
    QuestionKind.TEXT: "text",
    QuestionKind.MULTIPLE_CHOICE: "multiple",
}
Json = Any


def in_sqlite(study: Study, folder: Path) -> LoadedStudy:
    """Load a study into a file: times are texts in UTC, several answers one text."""
    with closing(sqlite3.connect(folder / "study.sqlite")) as connection:
        connection.execute(f"CREATE TABLE {TABLE} ({_columns(study, 'text', 'real', 'text')})")
        rows = _records(study, lambda time: time.isoformat(), SEVERAL.join)
        connection.executemany(_insert_with_marks(rows), rows)
        connection.commit()
    mapping = mapping_text(study, {"column": "recorded_at"}, {"delimiter": SEVERAL})
    return _loaded("SQLite", {"database": "sqlite:study.sqlite", "mapping": mapping}, folder)


def in_duckdb(study: Study, folder: Path) -> LoadedStudy:
    """Load a study into a file: times are those of a clock on a wall, several answers an array."""
    zone = ZoneInfo(study.zone)
    with duckdb.connect(str(folder / "study.duckdb")) as connection:
        columns = _columns(study, "timestamp", "double", "text[]")
        connection.execute(f"CREATE TABLE {TABLE} ({columns})")
        rows = _records(study, lambda time: time.astimezone(zone).replace(tzinfo=None), list)
        connection.executemany(_insert_with_marks(rows), rows)
    mapping = mapping_text(study, {"column": "recorded_at", "zone": study.zone}, {})
    return _loaded("DuckDB", {"database": "duckdb:study.duckdb", "mapping": mapping}, folder)


def in_parquet(study: Study, folder: Path) -> LoadedStudy:
    """Load a study into a folder with one file: times are in UTC, several answers an array."""
    (folder / "parquet").mkdir()
    with duckdb.connect() as connection:
        columns = _columns(study, "timestamp", "double", "text[]")
        connection.execute(f"CREATE TABLE {TABLE} ({columns})")
        rows = _records(study, lambda time: time.astimezone(UTC).replace(tzinfo=None), list)
        connection.executemany(_insert_with_marks(rows), rows)
        connection.execute(f"COPY {TABLE} TO '{folder}/parquet/{TABLE}.parquet'")
    mapping = mapping_text(study, {"column": "recorded_at"}, {})
    return _loaded("Parquet", {"database": "parquet:parquet", "mapping": mapping}, folder)


def in_long_format(study: Study, folder: Path) -> LoadedStudy:
    """Load a study into a SQLite file with one row per answer, several ones as several rows."""
    fields = "".join(f', "{name}"' for name in study.roles.fields)
    rows, given = [], []
    for number, recorded, state, *values in _records(study, datetime.isoformat, list):
        rows.append([number, recorded, state, *values[len(study.questions) :]])
        for question_id, answer in zip(study.questions, values, strict=False):
            several = answer if isinstance(answer, list) else [answer]
            given += [(number, question_id, one) for one in several if one is not None]
    with closing(sqlite3.connect(folder / "long.sqlite")) as connection:
        connection.execute(f"CREATE TABLE {TABLE} (id, recorded_at, state{fields})")
        connection.execute(f"CREATE TABLE {TOPICS} (response, question, answer)")
        connection.executemany(_insert_with_marks(rows), rows)
        connection.executemany(f"INSERT INTO {TOPICS} VALUES (?, ?, ?)", given)  # noqa: S608  # A name of this module.
        connection.commit()
    long = {"table": TOPICS, "response": "response", "question": "question", "answer": "answer"}
    mapping = mapping_text(study, {"column": "recorded_at"}, {}, answers=long)
    return _loaded("Long format", {"database": "sqlite:long.sqlite", "mapping": mapping}, folder)


def in_postgresql(study: Study, server: PrivatePostgres) -> LoadedStudy:
    """Load a study into a server: times have a zone, several answers are rows of another table."""
    name = server.make_database()
    several = study.roles.several
    with psycopg.connect(server.url(name), autocommit=True) as owner, owner.cursor() as cursor:
        columns = _columns(study, "timestamptz", "double precision", "")
        cursor.execute(f"CREATE TABLE {TABLE} ({columns})".encode())
        _insert(cursor, TABLE, _records(study, lambda time: time, None))
        cursor.execute(f"CREATE TABLE {TOPICS} (response integer, answer text)".encode())
        given = [
            (number, key)
            for number, row in enumerate(study.rows)
            for key in (row.answers[several] or () if several else ())
        ]
        _insert(cursor, TOPICS, given)
        cursor.execute(f"GRANT SELECT ON {TABLE}, {TOPICS} TO {READER}".encode())
    # The number of a response is its place.
    child = {"child": {"table": TOPICS, "response": "response", "answer": "answer"}}
    mapping = mapping_text(study, {"column": "recorded_at"}, child)
    database = f"postgresql://127.0.0.1:{server.port}/{name}"
    credentials = {"database": database, "user": READER, "password": READER_PASSWORD}
    allowed = AllowedDestinations(addresses={"sql": (Address.parse(database),)})
    session = partial(source_session, "sql", {**credentials, "mapping": mapping}, allowed)
    return LoadedStudy("PostgreSQL", "study", session)


def _insert(cursor: psycopg.Cursor[Json], table: str, rows: Sequence[Sequence[object]]) -> None:
    if rows:
        marks = sql.SQL(", ").join(sql.Placeholder() * len(rows[0]))
        insert = sql.SQL("INSERT INTO {} VALUES ({})")
        cursor.executemany(insert.format(sql.Identifier(table), marks), rows)


@contextmanager
def reader_server() -> Iterator[PrivatePostgres | None]:
    """Run a server with a user that only reads; ``None`` if PostgreSQL is not installed."""
    programs = find_programs()
    if programs is None:
        yield None
        return
    with running_postgres(programs, port=free_port()) as server:
        with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
            connection.execute(
                sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(
                    sql.Identifier(READER), sql.Literal(READER_PASSWORD)
                )
            )
        yield server


def _loaded(tool: str, credentials: Mapping[str, str], folder: Path) -> LoadedStudy:
    allowed = AllowedDestinations(folders={ACCOUNT: folder})
    return LoadedStudy(tool, "study", partial(source_session, "sql", credentials, allowed))


def _in_table(study: Study, *, arrays: bool) -> list[StudyQuestion]:
    """Return the questions that are columns: all, unless several answers are in another table."""
    questions = study.questions.values()
    return [one for one in questions if arrays or one.kind is not QuestionKind.MULTIPLE_CHOICE]


def _columns(study: Study, time: str, number: str, arrays: str) -> str:
    """Return the columns of the table with their types; ``arrays`` is that of several answers."""
    types = {QuestionKind.NUMBER: number, QuestionKind.MULTIPLE_CHOICE: arrays}
    columns = ["id integer", f"recorded_at {time}", "state text"]
    questions = _in_table(study, arrays=bool(arrays))
    columns += [f'"{one.id}" {types.get(one.kind, "text")}' for one in questions]
    weight = study.roles.weight.removeprefix("field:")
    columns += [f'"{name}" {number if name == weight else "text"}' for name in study.roles.fields]
    return ", ".join(columns)


def _records(
    study: Study,
    time: Callable[[datetime], object],
    together: Callable[[tuple[str, ...]], object] | None,
) -> list[list[object]]:
    """Return the rows of the table.

    Args:
        study: The study.
        time: Returns a time as it is stored.
        together: Returns several answers as they are stored; ``None`` if in another table.
    """

    def value(question: StudyQuestion, answer: Answer) -> object:
        if isinstance(answer, tuple) and together is not None:
            return together(answer)
        is_number = question.kind is QuestionKind.NUMBER and isinstance(answer, str)
        return float(str(answer)) if is_number else answer

    questions = _in_table(study, arrays=together is not None)
    weight = study.roles.weight.removeprefix("field:")
    rows = []
    for number, row in enumerate(study.rows):
        answers = [value(one, row.answers[one.id]) for one in questions]
        texts = [(name, row.fields[name]) for name in study.roles.fields]
        fields = [float(text) if text and name == weight else text for name, text in texts]
        rows.append([number, time(row.recorded), row.excluded or None, *answers, *fields])
    return rows


def _insert_with_marks(rows: Sequence[Sequence[object]]) -> str:
    return f"INSERT INTO {TABLE} VALUES ({', '.join('?' * len(rows[0]))})"  # noqa: S608  # Marks only.


def mapping_text(
    study: Study, recorded_at: Mapping[str, str], several: Mapping[str, Json], **more: Json
) -> str:
    """Return the mapping of the table as YAML."""
    reasons = ("unfinished", "preview", "test", "spam")
    survey = {
        "id": "study",
        "table": TABLE,
        "response": "id",
        "recorded_at": dict(recorded_at),
        "status": {"column": "state", "exclude": {one: one for one in reasons}},
        "questions": [_mapped(one, several) for one in study.questions.values()],
        "fields": [{"column": name} for name in study.roles.fields],
        **more,
    }
    return yaml.safe_dump({"surveys": [survey]}, sort_keys=False)


def _mapped(question: StudyQuestion, several: Mapping[str, Json]) -> dict[str, Json]:
    kind = _TYPES.get(question.kind, "scale" if question.values else "choice")
    found: dict[str, Json] = {"id": question.id, "column": question.id, "type": kind}
    if question.choices and kind != "nps":
        found["choices"] = [
            {
                "key": one.key,
                "counts": one.analyze,
                **({} if one.value is None else {"value": one.value}),
            }
            for one in question.choices
        ]
    if kind == "multiple":
        found |= several
        if "child" in several:
            del found["column"]
    return found
