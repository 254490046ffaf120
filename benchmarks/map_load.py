"""The cost of loading fresh cards: ``python -m benchmarks.map_load [--quick] --json``.

Nothing is refreshed: this is the cost of nearly every page view of a map.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import event, insert
from sqlalchemy.engine import Engine

from benchmarks.report import command, report
from benchmarks.stores import ACTOR, bytes_of, fill, keys, open_store, postgres_url, settings_of
from smaply_metrics_core.host import AccountSettings, Freshness, MetricsHost
from smaply_metrics_core.host.store.metric_states import read
from smaply_metrics_core.host.store.tables import attempts, history, metric_values, metrics

CARDS: Final = 1_000
MAP: Final = 30
SIZES: Final = (10, MAP, 100, CARDS, 10_000)
RUNS: Final = 15
QUICK_RUNS: Final = 3
MANY_RUNS: Final = 5
"""The maximum number of runs with more than ``CARDS`` cards."""
PAST: Final = 50_000
"""The number of past values that are written to measure the size of one."""

_MILLI: Final = 1_000
_MICRO: Final = 1_000_000


def measure(runs: int) -> dict[str, Any]:
    """Measure both databases."""
    with tempfile.TemporaryDirectory(prefix="bench-") as made, postgres_url() as url:
        measured: dict[str, Any] = {"cards": CARDS}
        measured["sqlite"] = _measure(Path(made) / "sqlite", None, runs)
        measured["postgresql"] = (
            None if url is None else _measure(Path(made) / "postgresql", url, runs)
        )
    return measured


def _measure(home: Path, url: str | None, runs: int) -> dict[str, Any]:
    environment = keys()
    ids = fill(home, url, environment, max(SIZES))
    sizes: dict[str, dict[str, float]] = {}
    with MetricsHost(settings_of(home, url, environment)) as host:
        for size in SIZES:
            wanted = ids[:size]
            times, counts, fresh = [], set(), True
            for _ in range(1 + (min(runs, MANY_RUNS) if size > CARDS else runs)):
                with _statements() as seen:
                    begun = time.perf_counter()
                    cards = host.cards.load(ACTOR, wanted)
                    times.append(time.perf_counter() - begun)
                fresh = fresh and {card.freshness for card in cards} == {Freshness.FRESH}
                counts.add(len(seen))
            seconds = statistics.median(times[1:])  # The first one parses what is not cached.
            sizes[str(size)] = {
                "ms": round(seconds * _MILLI, 2),
                "us_per_card": round(seconds * _MICRO / size, 1),
                "first_us_per_card": round(times[0] * _MICRO / size, 1),
                "statements": min(counts),  # Some loads query the time of the database too.
            }
            if not fresh:
                raise ValueError("a card was not fresh: something else was measured")
    thousand = sizes[str(CARDS)]
    measured: dict[str, Any] = {
        **thousand,
        "by_cards": sizes,
        "growth": round(sizes[str(max(SIZES))]["us_per_card"] / thousand["us_per_card"], 2),
        "database_ms_of_a_map": _database_ms(home, url, ids[:MAP], runs),
    }
    if url is not None:
        measured["server_ms_of_a_map"] = _server_ms(home, url, ids[:MAP], runs)
        measured["bytes"] = _bytes(home, url, ids)
    return measured


def _database_ms(home: Path, url: str | None, ids: Sequence[str], runs: int) -> float:
    """Return the time of the statements alone, without making cards of the rows."""
    store = open_store(home, url)
    times: list[float] = []

    def begin(_c: Any, _cur: Any, _s: str, _p: Any, context: Any, _m: Any) -> None:  # noqa: ANN401
        context.begun = time.perf_counter()

    def end(_c: Any, _cur: Any, _s: str, _p: Any, context: Any, _m: Any) -> None:  # noqa: ANN401
        times.append(time.perf_counter() - context.begun)

    event.listen(store.engine, "before_cursor_execute", begin)
    event.listen(store.engine, "after_cursor_execute", end)
    for _ in range(runs + 1):
        with store.reading() as db:
            read(db, ACTOR.account, AccountSettings(), metric_ids=ids)
    store.close()
    return round(statistics.median(times[1:]) * _MILLI, 2)


def _server_ms(home: Path, url: str, ids: Sequence[str], runs: int) -> float:
    """Return the planning and execution time that the server reports."""
    store = open_store(home, url)
    executed: list[tuple[str, Any]] = []

    def note(_c: Any, _cur: Any, statement: str, given: Any, *_: Any) -> None:  # noqa: ANN401
        executed.append((statement, given))

    event.listen(store.engine, "before_cursor_execute", note)
    with store.reading() as db:
        read(db, ACTOR.account, AccountSettings(), metric_ids=ids)
    event.remove(store.engine, "before_cursor_execute", note)
    statement, given = executed[-1]
    times: list[float] = []
    for _ in range(runs + 1):
        with store.reading() as db:
            explained = db.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", given)
            ((plan,),) = explained.scalars()
        times.append(plan["Planning Time"] + plan["Execution Time"])
    store.close()
    return round(statistics.median(times[1:]), 2)


def _bytes(home: Path, url: str, ids: Sequence[str]) -> dict[str, float]:
    """Return the bytes of a metric with its value, and of a past value."""
    store = open_store(home, url)
    now = datetime.now(UTC)
    of_each = PAST // len(ids)
    with store.writing() as db:
        db.execute(
            insert(history),
            [
                {
                    "metric_id": one,
                    "as_of": now - timedelta(hours=hours + 1),
                    "account": ACTOR.account,
                    "fingerprint": "f" * 32,
                    "unit": "points",
                    "value": 12.5,
                    "responses": 1_000,
                    "answered": 900,
                }
                for one in ids
                for hours in range(of_each)
            ],
        )
    found = {
        "metric": sum(bytes_of(store, table) for table in (metrics, metric_values, attempts)),
        "past_value": bytes_of(store, history),
    }
    store.close()
    return found


@contextmanager
def _statements() -> Iterator[list[str]]:
    seen: list[str] = []

    def note(_c: Any, _cur: Any, statement: str, *_: Any) -> None:  # noqa: ANN401
        if not statement.startswith("BEGIN"):
            seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print the result."""
    options = command("map_load", __doc__, f"{QUICK_RUNS} runs of each size").parse_args(arguments)
    measured = measure(QUICK_RUNS if options.quick else RUNS)
    report(measured, as_json=options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
