"""Similar groupings are counted together from cells; very different ones from the rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest
from sqlalchemy import Executable, text

from plugins.sql.tests.databases import (
    a_deadline,
    a_query,
    answers,
    duckdb_file,
    duckdb_with,
    sqlite_with,
    survey,
)
from smaply_metrics_core import CalculationRefused, GroupBy, MetricQuery, Tally
from smaply_metrics_sql.counting import cells
from smaply_metrics_sql.databases import duckdb_file as module
from smaply_metrics_sql.databases.database import SqlDatabase
from smaply_metrics_sql.databases.duckdb_file import DuckdbDatabase

MAPPING = survey(
    """
    surveys:
    - id: s
      table: t
      recorded_at: {column: seen}
      questions: [{column: nps, type: nps}, {column: n, type: number}]
      fields: [{column: f}]
    """
)
ROWS = 2_000
TABLE = (
    "CREATE TABLE t (seen timestamp, nps integer, n double precision, f text)",
    (
        "WITH RECURSIVE numbers(i) AS "
        f"(SELECT 0 UNION ALL SELECT i + 1 FROM numbers WHERE i < {ROWS - 1}) "
        "INSERT INTO t SELECT '2026-01-02 03:04:05', i % 11, i / 7.0, 'f' || (i % 3) FROM numbers"
    ),
)
QUERIES = tuple(
    a_query("nps", "nps", group_by).model_copy(update={"id": str(place)})
    for place, group_by in enumerate(
        (
            None,
            GroupBy(kind="field", of="f"),
            *(GroupBy(kind="period", of=one) for one in ("day", "week", "month")),
        )
    )
)


def counting_statements(
    database: SqlDatabase, queries: Sequence[MetricQuery], monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    """Return the statements that count, after a check of what they count."""
    run: list[str] = []
    rows = database.rows

    def record(statement: Executable) -> list[tuple[Any, ...]]:
        run.append(str(statement.compile(dialect=database.dialect)))  # type: ignore[attr-defined]  # Of every statement.
        return rows(statement)

    monkeypatch.setattr(database, "rows", record)
    for tally in answers(database, MAPPING, queries).values():
        assert isinstance(tally, Tally), tally
        assert tally.windows[0].total.responses == ROWS
    database.close()
    return [one for one in run if "GROUP BY" in one]


def test_one_statement_counts_similar_groupings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Grouping sets of the cells in DuckDB, and parts of one statement in SQLite."""
    (found,) = counting_statements(duckdb_with(tmp_path, *TABLE), QUERIES, monkeypatch)
    assert "AS cells GROUP BY GROUPING SETS" in found

    (found,) = counting_statements(sqlite_with(*TABLE), QUERIES, monkeypatch)
    assert found.startswith("WITH cells AS")
    assert found.count("UNION ALL") == len(QUERIES) - 1


def test_numbers_are_not_part_of_cells(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Combinations with numbers may be as many as responses, so cells of them save nothing."""
    number = a_query("n", "median").model_copy(update={"id": "n"})
    found = counting_statements(duckdb_with(tmp_path, *TABLE), [*QUERIES, number], monkeypatch)

    assert ["cells" in one for one in found] == [True, False]


def test_too_many_combinations_of_cells(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The groupings of the cluster are then counted one by one, and only one has an error."""
    monkeypatch.setattr("smaply_metrics_sql.counting.statement.MOST_COUNTS", 25)
    monkeypatch.setattr(cells, "MOST_CELLS", 1_000)
    found = answers(duckdb_with(tmp_path, *TABLE), MAPPING, QUERIES)

    refused = [key for key, tally in found.items() if isinstance(tally, CalculationRefused)]
    assert refused == ["1"]  # By field: 33 combinations.


def test_one_duckdb_file_is_read_by_two_calls_at_once(tmp_path: Path) -> None:
    """Each call has a temporary folder of its own."""
    path = duckdb_file(tmp_path, *TABLE)
    folders = [tmp_path / "a", tmp_path / "b"]
    opened = [DuckdbDatabase(path, folder, a_deadline()) for folder in folders]

    assert [one.rows(text("SELECT count(*) FROM t")) for one in opened] == [[(ROWS,)]] * 2
    for one in opened:
        one.close()


def test_a_statement_that_needs_more_memory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It is repeated with more memory; other files still cannot be read."""
    monkeypatch.setattr(module, "USUAL_MEMORY", "1MB")
    database = duckdb_with(tmp_path, *TABLE)
    assert database.rows(text("SELECT count(DISTINCT n) FROM t")) == [(ROWS,)]

    other = tmp_path.parent / "other.csv"
    with pytest.raises(duckdb.PermissionException):
        database._connection.execute(f"SELECT * FROM read_csv('{other}')")
    database.close()
