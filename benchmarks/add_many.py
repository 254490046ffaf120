"""Metrics added in one call: ``python -m benchmarks.add_many [--quick] --json``.

``seconds`` is the time of ``metrics.add_many``, and ``page_ms`` that of a page with a search among
all metrics, the best of five, on SQLite and on a PostgreSQL server with the usual durability.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from benchmarks.report import command, report
from benchmarks.stores import ACTOR, files_of, keys, postgres_url, settings_of, write_files
from smaply_metrics_core.host import Calculation, Definition, MetricInput, MetricsHost

METRICS: Final = 10_000
QUICK_METRICS: Final = 1_000
SURVEYS: Final = 50
PAGES: Final = 5


def measure(count: int, url: str | None) -> dict[str, float]:
    """Add metrics to a new store, a part of them to each survey, and search them."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        write_files(files_of(home), SURVEYS)
        with MetricsHost(settings_of(home, url, keys())) as host:
            host.connections.connect(ACTOR, "csv_example", {"folder": "."})
            new = [
                MetricInput(
                    name=f"NPS {number}",
                    definition=Definition(
                        survey_id=f"survey{number % SURVEYS:03}",
                        question_id="nps",
                        calculation=Calculation.NPS,
                    ),
                )
                for number in range(count)
            ]
            begin = time.perf_counter()
            host.metrics.add_many(ACTOR, "csv_example", new)
            seconds = time.perf_counter() - begin
            pages = []
            for _ in range(PAGES):
                begin = time.perf_counter()
                host.metrics.page(ACTOR, search="nps 9", offset=50)
                pages.append(time.perf_counter() - begin)
            return {"seconds": round(seconds, 2), "page_ms": round(min(pages) * 1000, 1)}


def main() -> int:
    """Run the benchmark."""
    options = command("add_many", __doc__, f"{QUICK_METRICS:,} metrics").parse_args()
    count = QUICK_METRICS if options.quick else METRICS
    measured: dict[str, Any] = {
        "metrics": count,
        "surveys": SURVEYS,
        "sqlite": measure(count, None),
    }
    with postgres_url() as url:
        if url is not None:
            measured["postgresql"] = measure(count, url)
    report(measured, as_json=options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
