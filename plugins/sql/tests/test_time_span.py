"""Times whose range is known are counted without a check of each row, and equal those with one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from plugins.sql.tests.databases import (
    a_context,
    a_query,
    answer,
    duckdb_with,
    sqlite_with,
    survey,
)
from smaply_metrics_core import Destination, GroupBy
from smaply_metrics_sql.counting.relation import Catalog, Relation
from smaply_metrics_sql.counting.time_span import TimeSpan, time_span
from smaply_metrics_sql.credentials import SqlCredentials
from smaply_metrics_sql.databases.database import SqlDatabase
from smaply_metrics_sql.databases.duckdb_file import DuckdbDatabase
from smaply_metrics_sql.fetch import CountedQueries
from smaply_metrics_sql.source import SqlSource

MAPPING_TEXT = """
    surveys:
    - id: s
      table: t
      recorded_at: {column: seen}
      questions: [{column: nps, type: nps}]
    """
MAPPING = survey(MAPPING_TEXT)
BY_DAY = a_query(None, "responses", GroupBy(kind="period", of="day"))
USUAL = ("2026-01-31 23:59:59.999999", "2026-02-01 00:00:00", "2026-02-01 07:59:59.5")


def rows(kind: str, *times: str | None) -> tuple[str, str]:
    """Return the statements that make a table with some times."""
    written = (f"('{time}', 9)" if time else "(NULL, 9)" for time in times)
    return (
        f"CREATE TABLE t (seen {kind}, nps integer)",
        f"INSERT INTO t VALUES {', '.join(written)}",
    )


def span_of(database: SqlDatabase) -> TimeSpan:
    """Return the responses of the table in time."""
    return time_span(Relation(database, MAPPING, Catalog.of(database.tables()), {}))


def days(database: SqlDatabase) -> dict[str | None, int]:
    """Return how many responses were recorded on each day."""
    (window,) = answer(database, MAPPING, BY_DAY).windows
    return {group.key: group.counts.responses for group in window.groups}


@pytest.mark.parametrize("kind", ["timestamp", "timestamptz", "date", "timestamp_ns"])
def test_the_range_of_a_file_is_certain(kind: str, tmp_path: Path) -> None:
    """A file of DuckDB cannot change while it is open; seconds are rounded down as everywhere."""
    database = duckdb_with(tmp_path, *rows(kind, *USUAL, None))

    assert span_of(database).certain
    certain = days(database)
    database.unchanging = False
    assert not span_of(database).certain
    assert days(database) == certain
    assert sum(certain.values()) == len(USUAL)


@pytest.mark.parametrize("other", ["1969-12-31 23:59:59.5", "infinity", "-infinity", "9999-12-31"])
def test_times_of_another_range_are_checked(other: str, tmp_path: Path) -> None:
    """Times that are infinite or far away are unknown, and none before 1970 is rounded up."""
    database = duckdb_with(tmp_path, *rows("timestamp", *USUAL, other))

    assert not span_of(database).certain
    expected = {"2026-01-31": 1, "2026-02-01": 2}
    if other.startswith("1969"):
        expected["1969-12-31"] = 1
    assert {key: n for key, n in days(database).items() if n} == expected


def test_the_database_is_closed_before_tallies_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So its memory is free by then."""
    duckdb_with(tmp_path, *rows("timestamp", *USUAL)).close()
    order: list[str] = []
    monkeypatch.setattr(DuckdbDatabase, "close", lambda _: order.append("closed"))

    def answers(*_: object) -> Iterator[None]:
        order.append("answered")
        yield None

    monkeypatch.setattr(CountedQueries, "answers", answers)
    credentials = SqlCredentials(database="duckdb:files/visits.duckdb", mapping=MAPPING_TEXT)
    place = Destination(kind="folder", folder=tmp_path)
    context = replace(a_context(tmp_path), destinations=(place,))

    assert len([*SqlSource().fetch_metric(credentials, context, "s", [BY_DAY])]) == 1
    assert order == ["closed", "answered"]


def test_other_databases_can_change() -> None:
    """Rows may be inserted between two statements."""
    assert not span_of(sqlite_with(*rows("integer", "1767323045"))).certain
