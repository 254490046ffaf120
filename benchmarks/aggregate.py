"""The time of 20 metrics of one large survey: ``python -m benchmarks.aggregate --json``.

Each run is a separate process, so that its peak memory is its own. Its time begins at the
downloaded file, after all imports. Runs alternate, so that a busy moment affects all of them.
"""

from __future__ import annotations

import math
import multiprocessing
import statistics
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.pipelines.shared import Files, PipelineResult
from benchmarks.report import command, report

if TYPE_CHECKING:
    from collections.abc import Sequence

ROWS: Final = 1_000_000
QUICK_ROWS: Final = 100_000
RUNS: Final = 5
CONTENDERS: Final = ("connector", "polars_by_hand", "pandas_full", "csv_loop")
_INFLATE: Final = "inflate"
_PEAK: Final = "VmHWM:"
_KILOBYTES: Final = 1_024


def run(name: str, files: Files) -> tuple[float, float, PipelineResult]:
    """Run one pipeline in this process; return seconds, peak megabytes and its results."""
    contender = import_module(f"benchmarks.pipelines.{name}")
    begin = time.perf_counter()
    numbers = contender.numbers(files)
    return time.perf_counter() - begin, peak(), numbers


def peak() -> float:
    """Return the peak memory of this process, in megabytes.

    ``ru_maxrss`` is not used, because a child process inherits it from its parent.
    """
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    (kilobytes,) = (line.split()[1] for line in lines if line.startswith(_PEAK))
    return int(kilobytes) / _KILOBYTES


def make(folder: Path, rows: int) -> Files:
    """Create the exports in this process, whose memory is freed when it ends."""
    files: Files = import_module("benchmarks.data.exports").make_files(folder, rows)
    return files


def measure(rows: int, runs: int) -> dict[str, Any]:
    """Run each pipeline a number of times, in turn."""
    seconds: dict[str, list[float]] = {name: [] for name in (_INFLATE, *CONTENDERS)}
    peaks: dict[str, list[float]] = {name: [] for name in seconds}
    found: list[PipelineResult] = []
    spawn = multiprocessing.get_context("spawn")
    with (
        tempfile.TemporaryDirectory(prefix="smaply-benchmark-") as folder,
        ProcessPoolExecutor(1, mp_context=spawn, max_tasks_per_child=1) as child,
    ):
        files = child.submit(make, Path(folder), rows).result()
        for _ in range(runs):
            for name, times in seconds.items():
                took, megabytes, numbers = child.submit(run, name, files).result()
                times.append(took)
                peaks[name].append(megabytes)
                if name in CONTENDERS:
                    found.append(numbers)
    inflate = statistics.median(seconds[_INFLATE])
    return {
        "rows": rows,
        "inflate_s": round(inflate, 3),
        **{
            name: {
                "s": round(statistics.median(seconds[name]), 3),
                "peak_mb": round(max(peaks[name])),
                "over_inflate": round(statistics.median(seconds[name]) / inflate, 2),
            }
            for name in CONTENDERS
        },
        "equal": all(equal(found[0], numbers) for numbers in found),
    }


def equal(one: PipelineResult, other: PipelineResult) -> bool:
    """Whether two pipelines have the same numbers, except for the last digits of a division."""
    return one.keys() == other.keys() and all(
        one[name].keys() == other[name].keys()
        and all(math.isclose(one[name][key], other[name][key], rel_tol=1e-9) for key in one[name])
        for name in one
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print the result; return 1 if the numbers are not equal."""
    parser = command("aggregate", __doc__, f"{QUICK_ROWS:,} responses")
    parser.add_argument("--runs", type=int, default=RUNS, help="runs of each (%(default)s)")
    options = parser.parse_args(arguments)
    if options.runs < 1:
        parser.error("--runs is 1 or more")
    measured = measure(QUICK_ROWS if options.quick else ROWS, options.runs)
    report(measured, as_json=options.json)
    return 0 if measured["equal"] else 1


if __name__ == "__main__":
    sys.exit(main())
