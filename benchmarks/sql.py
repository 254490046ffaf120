"""The SQL source against a statement by hand: ``python -m benchmarks.sql [--quick] --json``.

A DuckDB file with invented responses; 20 weighted metrics in the zone Europe/Berlin. The statement
by hand groups by the same keys in grouping sets, and uses DuckDB's own time zones.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import duckdb
import httpx

from benchmarks.report import command, report
from smaply_metrics_core import (
    Deadline,
    Definition,
    Filter,
    GroupBy,
    MetricQuery,
    SourceContext,
    SystemClock,
    Tally,
    Weight,
    Window,
)
from smaply_metrics_sql.counting.relation import Catalog
from smaply_metrics_sql.databases.duckdb_file import DuckdbDatabase
from smaply_metrics_sql.fetch import fetch
from smaply_metrics_sql.mapping.yaml_text import read_mapping

ROWS: Final = 10_000_000
QUICK_ROWS: Final = 1_000_000
RUNS: Final = 3
QUERIES: Final = 20

_MIDDLE: Final = datetime(2025, 7, 1, tzinfo=UTC)
_TABLE: Final = """
CREATE TABLE visits AS SELECT
  to_timestamp(1704067200 + hash(i) % 63072000) AS recorded_at,
  CASE WHEN hash(i + 1) % 10 < 8 THEN 'done' ELSE 'partial' END AS state,
  CASE WHEN hash(i + 2) % 12 < 11 THEN (hash(i + 2) % 12)::integer END AS nps,
  CASE WHEN hash(i + 3) % 6 < 5 THEN (hash(i + 3) % 6)::integer + 1 END AS csat,
  ['shop', 'web', 'phone'][(hash(i + 4) % 3)::integer + 1] AS channel,
  ['AT', 'DE', 'FR', 'CH'][(hash(i + 5) % 4)::integer + 1] AS country,
  0.5 + (hash(i + 6) % 8) / 4 AS weight
FROM range({rows}) AS numbers(i)
"""
_MAPPING: Final = read_mapping(
    """
    surveys:
    - id: visits
      table: visits
      recorded_at: {column: recorded_at}
      status: {column: state, exclude: {partial: unfinished}}
      questions:
      - {column: nps, type: nps}
      - {column: csat, type: scale, choices: [{key: 1}, {key: 2}, {key: 3}, {key: 4}, {key: 5}]}
      - {column: channel, type: choice}
      fields: [{column: country}, {column: weight}]
    """
).surveys[0]
_KEYS: Final = (
    "",
    "month",
    "week",
    "country",
    "channel",
    "few",
    "month, few",
    "later",
    "later, month",
)
_BY_HAND: Final = f"""
SELECT grouping(nps, csat, month, week, country, channel, few, later), count(*), sum(weight),
  sum(weight * weight), nps, csat, month, week, country, channel, few, later
FROM (
  SELECT nps, csat, country, channel, weight, date_trunc('month', local) AS month,
    date_trunc('week', local) AS week, country IN ('AT', 'DE') AS few,
    recorded_at >= TIMESTAMPTZ '2025-07-01 00:00:00+00' AS later
  FROM (SELECT *, recorded_at AT TIME ZONE 'Europe/Berlin' AS local FROM visits)
  WHERE state = 'done'
)
GROUP BY GROUPING SETS ({
    ", ".join(
        f"({question}, {keys})" if keys else f"({question})"
        for question in ("nps", "csat")
        for keys in _KEYS
    )
})
"""  # noqa: S608  # Names of this module.


def queries() -> list[MetricQuery]:
    """Return 20 weighted metrics of two questions."""
    month, week = (GroupBy(kind="period", of=one) for one in ("month", "week"))
    few = (Filter(kind="field", of="country", values=("AT", "DE")),)
    every, later = (Window(),), (Window(start=_MIDDLE), Window(name="previous", end=_MIDDLE))
    variants: list[tuple[GroupBy | None, tuple[Filter, ...], tuple[Window, ...]]] = [
        (None, (), every),
        (month, (), every),
        (week, (), every),
        (GroupBy(kind="field", of="country"), (), every),
        (GroupBy(kind="question", of="channel"), (), every),
        (None, few, every),
        (month, few, every),
        (None, (), later),
        (month, (), later),
    ]
    found = [
        (question, calculation, variant)
        for question, calculation in (("nps", "nps"), ("csat", "average"))
        for variant in variants
    ]
    found += [("nps", "top_box", variants[0]), ("csat", "top_2_box", variants[1])]
    return [
        MetricQuery(
            id=f"q{number}",
            definition=Definition.model_validate(
                {
                    "survey_id": "visits",
                    "type": "number" if group_by is None else "series",
                    "question_id": question,
                    "calculation": calculation,
                    "group_by": group_by,
                    "filters": filters,
                    "weight": Weight(kind="field", of="weight"),
                }
            ),
            windows=windows,
            zone="Europe/Berlin",
            week_start=1,
        )
        for number, (question, calculation, (group_by, filters, windows)) in enumerate(found)
    ]


def measure(rows: int) -> dict[str, Any]:
    """Measure one metric, 20 metrics, and the statement by hand; the best run counts."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        path = folder / "visits.duckdb"
        with duckdb.connect(str(path)) as connection:
            connection.execute(_TABLE.format(rows=rows))
        every = queries()
        assert len(every) == QUERIES  # noqa: S101  # As the documentation says.
        one, all_, hand = (
            _best(work)
            for work in (
                lambda: _ours(path, folder, every[:1]),
                lambda: _ours(path, folder, every),
                lambda: _by_hand(path),
            )
        )
    return {
        "responses": rows,
        "one_metric_s": one,
        "all_metrics_s": all_,
        "by_hand_s": hand,
        "all_to_by_hand": round(all_ / hand, 2),
        "all_to_one": round(all_ / one, 2),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def _best(work: Callable[[], None]) -> float:
    seconds = []
    for _ in range(RUNS):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return round(min(seconds), 3)


def _ours(path: Path, folder: Path, wanted: list[MetricQuery]) -> None:
    """Open the file and answer queries, as a refresh does."""
    clock = SystemClock()
    deadline = Deadline.after(600, clock)
    database = DuckdbDatabase(path, folder, deadline)
    catalog = Catalog.of(database.tables())
    with httpx.Client() as client:
        context = SourceContext(
            http=client, deadline=deadline, destinations=(), folder=folder, clock=clock
        )
        found = dict(fetch(database, catalog, _MAPPING, wanted, context, clock.now()))
    database.close()
    assert all(isinstance(tally, Tally) for tally in found.values()), found  # noqa: S101  # Else it measures errors.


def _by_hand(path: Path) -> None:
    with duckdb.connect(str(path), read_only=True) as connection:
        connection.execute(_BY_HAND).fetchall()


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark and return the exit code."""
    parser = command("sql", __doc__, f"{QUICK_ROWS:,} responses instead of {ROWS:,}")
    options = parser.parse_args(arguments)
    report(measure(QUICK_ROWS if options.quick else ROWS), as_json=options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
