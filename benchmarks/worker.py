"""The throughput of workers: ``python -m benchmarks.worker [--quick] --json``.

200 surveys of one account are due at once. One load queues them all, and workers, each a process,
refresh them. The surveys are small files, so the result is the overhead of a refresh.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import update

from benchmarks.report import command, report
from benchmarks.stores import (
    ACTOR,
    files_of,
    keys,
    open_store,
    postgres_url,
    settings_of,
    write_files,
)
from smaply_metrics_core.host import Definition, Freshness, MetricsHost
from smaply_metrics_core.host.store.tables import attempts
from tests.postgresql_server import WHY_NOT

SURVEYS: Final = 200
WORKERS: Final = (1, 2)
RUNS: Final = 3
SECONDS: Final = 120.0
PAUSE: Final = 0.05
LONG_AGO: Final = datetime(2020, 1, 1, tzinfo=UTC)


def measure(runs: int) -> dict[str, Any]:
    """Measure with each number of workers; return the best of the runs.

    Raises:
        RuntimeError: if PostgreSQL is not installed.
    """
    with tempfile.TemporaryDirectory(prefix="bench-") as made, postgres_url() as url:
        if url is None:
            raise RuntimeError(WHY_NOT)
        home = Path(made)
        environment = keys()
        write_files(files_of(home), SURVEYS)
        settings = settings_of(home, url, environment, refresh_executor="procrastinate")
        with MetricsHost(settings) as host:
            _add_metrics(host)
            found: dict[str, dict[str, float]] = {}
            for workers in WORKERS:
                with ExitStack() as stack:
                    for _ in range(workers):
                        stack.enter_context(_worker(home, url, environment))
                    seconds = min(_run(home, url, host) for _ in range(runs))
                found[str(workers)] = {
                    "s": round(seconds, 2),
                    "surveys_per_s": round(SURVEYS / seconds, 1),
                }
    return {
        "surveys": SURVEYS,
        "workers": found,
        "speedup": round(found["1"]["s"] / found["2"]["s"], 2),
    }


def _add_metrics(host: MetricsHost) -> None:
    host.connections.connect(ACTOR, "csv_example", {"folder": "."})
    for number in range(SURVEYS):
        definition = Definition.model_validate(
            {"survey_id": f"survey{number:03}", "question_id": "nps", "calculation": "nps"}
        )
        host.metrics.add(ACTOR, "csv_example", f"NPS {number}", definition)


def _run(home: Path, url: str, host: MetricsHost) -> float:
    """Make all surveys due, load once, and wait until every card is fresh."""
    store = open_store(home, url)
    with store.writing() as db:
        db.execute(
            update(attempts)
            .where(attempts.c.account == ACTOR.account)
            .values(started_at=LONG_AGO, ended_at=LONG_AGO)
        )
    store.close()
    begun = time.perf_counter()
    host.cards.load(ACTOR)
    while True:
        cards = host.cards.load(ACTOR, refresh=False)
        if all(card.freshness is Freshness.FRESH for card in cards):
            return time.perf_counter() - begun
        if time.perf_counter() - begun > SECONDS:
            raise RuntimeError("not every survey was refreshed in time")
        time.sleep(PAUSE)


@contextmanager
def _worker(home: Path, url: str, environment: Mapping[str, str]) -> Iterator[None]:
    """Run a worker; enter once it waits for jobs."""
    command = Path(sys.executable).with_name("smaply-metrics")
    process = subprocess.Popen(  # noqa: S603  # Our own command.
        [command, "worker", "run", "--home", str(home)],
        stderr=subprocess.PIPE,
        env={**os.environ, **environment, "SMAPLY_METRICS_DATABASE_URL": url},
    )
    try:
        if process.stderr is None or not any(b"Waiting" in line for line in process.stderr):
            raise RuntimeError("a worker did not start")
        yield
    finally:
        process.terminate()
        process.communicate()


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print the result."""
    parser = command("worker", __doc__, "one run with each number of workers")
    options = parser.parse_args(arguments)
    measured = measure(1 if options.quick else RUNS)
    report(measured, as_json=options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
