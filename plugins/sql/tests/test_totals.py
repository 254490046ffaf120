"""Numbers of which there are too many different ones are added up by the database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import fsum
from pathlib import Path

import pytest

from plugins.sql.tests.conftest import READER, READER_PASSWORD, ReaderDatabase
from plugins.sql.tests.databases import (
    a_query,
    answers,
    duckdb_with,
    postgresql_at,
    sqlite_with,
    survey,
)
from smaply_metrics_core import (
    CalculationRefused,
    Counts,
    Filter,
    GroupBy,
    MetricQuery,
    Tally,
    Totals,
    Weight,
)
from smaply_metrics_sql.counting import statement
from smaply_metrics_sql.databases.database import SqlDatabase

MAPPING = survey(
    """
    surveys:
    - id: s
      table: t
      recorded_at: {column: seen}
      status: {column: state, exclude: {test: test}}
      questions: [{column: n, type: number}]
      fields: [{column: f}, {column: w}]
    """
)
REGION = GroupBy(kind="field", of="f")
NOT_C = (Filter(kind="field", of="f", values=("C",), exclude=True),)


@dataclass(frozen=True)
class Row:
    """A response."""

    state: str
    n: float | None
    f: str
    w: float


ROWS = [
    Row(
        "test" if number % 11 == 0 else "done",
        None if number % 7 == 0 else number / 8 - 10,
        "ABC"[number % 3],
        (number % 5 - 1) / 2,
    )
    for number in range(200)
]
QUERIES = (
    a_query("n", "average"),
    a_query("n", "sum", REGION),
    a_query("n", "minimum", GroupBy(kind="period", of="month"), filters=NOT_C),
    a_query("n", "average", REGION, weight=Weight(kind="field", of="w")),
)


def statements() -> tuple[str, str]:
    """Return the statements that make the table."""
    values = ", ".join(
        f"('2026-01-{number % 28 + 1:02}', '{row.state}', "
        f"{'NULL' if row.n is None else row.n}, '{row.f}', {row.w})"
        for number, row in enumerate(ROWS)
    )
    columns = "seen timestamp, state text, n double precision, f text, w double precision"
    return f"CREATE TABLE t ({columns})", f"INSERT INTO t VALUES {values}"


def expected(rows: Iterable[Row], *, weighted: bool) -> tuple[int, Totals]:
    """Return how many rows are answers, and their totals."""
    given = [(row.n, row.w) for row in rows if row.n is not None and (row.w > 0 or not weighted)]
    return len(given), Totals.model_validate(
        {
            "sum": fsum(x for x, _ in given),
            "minimum": min(x for x, _ in given),
            "maximum": max(x for x, _ in given),
            "squares": fsum(x * x for x, _ in given),
            "weighted": {
                "wx": fsum(w * x for x, w in given),
                "w2x": fsum(w * w * x for x, w in given),
                "w2x2": fsum(w * w * x * x for x, w in given),
            }
            if weighted
            else None,
        }
    )


def check(counts: Counts, rows: Sequence[Row], *, weighted: bool) -> None:
    """Compare counts with rows."""
    answered, totals = expected(rows, weighted=weighted)
    assert counts.responses == len(rows)
    assert counts.answered == answered
    assert counts.answers == {}
    assert counts.totals is not None
    found, wanted = counts.totals.model_dump(), totals.model_dump()
    for one, other in ((found, wanted), (found.pop("weighted"), wanted.pop("weighted"))):
        assert one == (None if other is None else pytest.approx(other, rel=1e-12))


def check_all(database: SqlDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compare all queries with rows, while numbers cannot be read one by one."""
    monkeypatch.setattr(statement, "MOST_COUNTS", 40)
    queries = [query.model_copy(update={"id": str(number)}) for number, query in enumerate(QUERIES)]
    median = a_query("n", "median")
    found = answers(database, MAPPING, [*queries, median])

    assert isinstance(found[median.id], CalculationRefused)
    for query in queries:
        check_one(query, found[query.id])


def check_one(query: MetricQuery, tally: object) -> None:
    """Compare the tally of a query with rows."""
    assert isinstance(tally, Tally), tally
    weighted = query.definition.weight is not None
    rows = [row for row in ROWS if not query.definition.filters or row.f != "C"]
    counted = [row for row in rows if row.state != "test"]
    (window,) = tally.windows
    assert window.excluded == {"test": len(rows) - len(counted)}
    check(window.total, counted, weighted=weighted)
    for group in window.groups:
        of_group = [row for row in counted if group.key in {row.f, "2026-01"}]
        check(group.counts, of_group, weighted=weighted)
    if query.definition.group_by == REGION:
        assert {group.key for group in window.groups} == {"A", "B", "C"}


def test_sqlite(monkeypatch: pytest.MonkeyPatch) -> None:
    """Totals on SQLite, overall, by group and weighted, with exclusions and filters."""
    check_all(sqlite_with(*statements()), monkeypatch)


def test_duckdb(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The same on DuckDB."""
    database = duckdb_with(tmp_path, *statements())
    check_all(database, monkeypatch)
    database.close()


@pytest.mark.xdist_group("sql_postgresql")
def test_postgresql(
    monkeypatch: pytest.MonkeyPatch, reader_database: Callable[..., ReaderDatabase]
) -> None:
    """The same on PostgreSQL."""
    made = reader_database(*statements())
    database = postgresql_at(made.port, made.name, READER, READER_PASSWORD)
    check_all(database, monkeypatch)
    database.close()
