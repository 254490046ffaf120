"""Databases for tests, and calls of ``fetch`` on them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import duckdb
from pydantic import SecretStr

from smaply_metrics_core import (
    Address,
    Deadline,
    Definition,
    GroupBy,
    MetricQuery,
    MetricsError,
    SourceContext,
    Tally,
    Window,
)
from smaply_metrics_core.testing import ManualClock
from smaply_metrics_sql.counting.relation import Catalog
from smaply_metrics_sql.databases.database import SqlDatabase
from smaply_metrics_sql.databases.duckdb_file import DuckdbDatabase
from smaply_metrics_sql.databases.mariadb import MariadbDatabase
from smaply_metrics_sql.databases.postgresql import PostgresqlDatabase
from smaply_metrics_sql.databases.sqlite import SqliteDatabase
from smaply_metrics_sql.fetch import fetch
from smaply_metrics_sql.mapping.model import SurveyMapping
from smaply_metrics_sql.mapping.yaml_text import read_mapping
from smaply_metrics_sql.questionnaire import QuestionnaireReader
from tests.http_clients import client_without_network

NOW: Final = datetime(2026, 6, 1, tzinfo=UTC)


def a_deadline() -> Deadline:
    """Return a deadline on a clock that stands still."""
    return Deadline.after(60, ManualClock(NOW))


def a_context(folder: Path = Path("/nonexistent")) -> SourceContext:
    """Return the context of a call; nothing is sent with its client."""
    return SourceContext(
        http=client_without_network(),
        deadline=a_deadline(),
        destinations=(),
        folder=folder,
        clock=ManualClock(NOW),
    )


def sqlite_with(*statements: str) -> SqliteDatabase:
    """Return a database in memory after some statements."""
    database, connection = SqliteDatabase.in_memory(a_deadline())
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    return database


def sqlite_file(path: Path, *statements: str) -> Path:
    """Create a file, and return its path."""
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()
    return path


def duckdb_file(folder: Path, *statements: str, name: str = "visits.duckdb") -> Path:
    """Create a file, and return its path."""
    path = folder / name
    with duckdb.connect(str(path)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for statement in statements:
            connection.execute(statement)
    return path


def duckdb_with(folder: Path, *statements: str) -> DuckdbDatabase:
    """Return an opened file after some statements."""
    return DuckdbDatabase(duckdb_file(folder, *statements), folder, a_deadline())


def postgresql_at(
    port: int, database: str, user: str, password: str, deadline: Deadline | None = None
) -> PostgresqlDatabase:
    """Connect to the private server."""
    return PostgresqlDatabase(
        Address.parse(f"postgresql://127.0.0.1:{port}/{database}"),
        user,
        SecretStr(password),
        None,
        deadline or a_deadline(),
    )


def mariadb_at(
    port: int, database: str, user: str, password: str, deadline: Deadline | None = None
) -> MariadbDatabase:
    """Connect to the private server."""
    return MariadbDatabase(
        Address.parse(f"mariadb://127.0.0.1:{port}/{database}"),
        user,
        SecretStr(password),
        None,
        deadline or a_deadline(),
    )


def survey(text: str) -> SurveyMapping:
    """Return the first survey of a mapping."""
    return read_mapping(text).surveys[0]


def a_query(
    question: str | None, calculation: str, group_by: GroupBy | None = None, **parts: object
) -> MetricQuery:
    """Return a query over all times."""
    series = group_by is not None or calculation == "distribution"
    return MetricQuery(
        id="q",
        definition=Definition.model_validate(
            {
                "survey_id": "s",
                "type": "series" if series else "number",
                "question_id": question,
                "calculation": calculation,
                "group_by": group_by,
                **parts,
            }
        ),
        windows=(Window(),),
        zone="UTC",
        week_start=1,
    )


def answers(
    database: SqlDatabase, mapping: SurveyMapping, queries: Sequence[MetricQuery]
) -> dict[str, Tally | MetricsError]:
    """Return what a source answers."""
    catalog = Catalog.of(database.tables())
    return dict(fetch(database, catalog, mapping, queries, a_context(), NOW))


def answer(database: SqlDatabase, mapping: SurveyMapping, query: MetricQuery) -> Tally:
    """Return the tally of a query."""
    found = answers(database, mapping, [query])[query.id]
    assert isinstance(found, Tally), found
    return found


def labels(database: SqlDatabase, mapping: SurveyMapping, question: str) -> dict[str, str]:
    """Return the labels of the choices of a question."""
    reader = QuestionnaireReader(database, Catalog.of(database.tables()))
    return {one.key: one.label for one in reader.read(mapping).question(question).choices}


def counted(tally: Tally) -> dict[str, int]:
    """Return how many responses gave each answer."""
    return dict(tally.windows[0].total.answers)
