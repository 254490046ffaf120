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
from smaply_metrics_sql.databases import duckdb_file as module
from smaply_metrics_sql.databases.database import SqlDatabase, positional
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


@pytest.mark.parametrize("engine", ["duckdb", "sqlite"])
def test_one_statement_counts_similar_groupings(
    engine: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """All are added up from the cells that it returns."""
    database = sqlite_with(*TABLE) if engine == "sqlite" else duckdb_with(tmp_path, *TABLE)
    (found,) = counting_statements(database, QUERIES, monkeypatch)

    assert found.count("SELECT") == 3  # In two steps for each row.


def test_numbers_are_not_part_of_cells(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Combinations with numbers may be as many as responses, so cells of them save nothing."""
    monkeypatch.setattr(DuckdbDatabase, "most_cells", ROWS - 1)
    number = a_query("n", "median").model_copy(update={"id": "n"})
    found = counting_statements(duckdb_with(tmp_path, *TABLE), [*QUERIES, number], monkeypatch)

    assert ['"n"' in one for one in found] == [True, False]


def test_different_questions_are_not_counted_together(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """If their combinations are too many, each has a statement of its own."""
    monkeypatch.setattr(DuckdbDatabase, "most_cells", 20)
    other = a_query(None, "responses", GroupBy(kind="field", of="f"))
    both = [QUERIES[0], other.model_copy(update={"id": "other"})]
    found = counting_statements(duckdb_with(tmp_path, *TABLE), both, monkeypatch)

    assert ['"nps"' in one for one in found] == [True, False]


def test_duckdb_counts_in_an_array(tmp_path: Path) -> None:
    """It knows the range of integers, flags and pieces of time, so that it needs no hash table."""
    database = duckdb_with(tmp_path, *TABLE)
    plans: list[str] = []
    rows = database.rows

    def explain(statement: Executable) -> list[tuple[Any, ...]]:
        compiled = statement.compile(  # type: ignore[attr-defined]  # Of every statement.
            dialect=database.dialect, compile_kwargs={"render_postcompile": True}
        )
        explained = f"EXPLAIN {compiled}"
        plan = database._connection.execute(explained, positional(compiled)).fetchall()
        plans.append(str(plan))
        return rows(statement)

    database.rows = explain  # type: ignore[method-assign]
    answers(database, MAPPING, [QUERIES[0], *QUERIES[2:]])
    database.close()

    assert "Perfect Hash Group By" in plans[-1].replace("_", " ").title()


def test_too_many_combinations_of_cells(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The groupings of the cluster are then counted one by one, and only one has an error."""
    monkeypatch.setattr("smaply_metrics_sql.counting.statement.MOST_COUNTS", 25)
    monkeypatch.setattr(DuckdbDatabase, "most_cells", 1_000)
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
