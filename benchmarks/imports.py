"""The cost of importing the framework: ``python -m benchmarks.imports [--quick] --json``.

Each import is compared with the import of the libraries that it cannot work without. Both run in
new interpreters, one after the other, and the smallest CPU time of several rounds counts, so that
the ratio hardly depends on what else the machine does.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, Final

from benchmarks.report import command, report

ROUNDS: Final = 15
QUICK_ROUNDS: Final = 5

_MODEL: Final = """
import pluggy
from pydantic import BaseModel
class Model(BaseModel):
    number: int
    text: str
"""

IMPORTS: Final = {
    "contract": (
        _MODEL,
        "from smaply_metrics_core import Survey, hookimpl",
    ),
    "host": (
        f"{_MODEL}import sqlalchemy, cryptography",
        "from smaply_metrics_core.host import MetricsHost",
    ),
    "command_help": (
        f"{_MODEL}import typer, rich",
        "import sys\nfrom smaply_metrics_core.cli import main\nsys.argv[1:] = ['--help']\nmain()",
    ),
}
"""For each import: the code of the libraries alone, and our code."""


def measure(rounds: int) -> dict[str, Any]:
    """Return the CPU milliseconds of both and their ratio, for each import."""
    measured: dict[str, Any] = {}
    for name, codes in IMPORTS.items():
        best = [float("inf"), float("inf")]
        for _ in range(rounds):
            best = [min(least, cpu_seconds(code)) for least, code in zip(best, codes, strict=True)]
        libraries, ours = best
        measured[name] = {
            "libraries_ms": round(libraries * 1_000, 1),
            "ours_ms": round(ours * 1_000, 1),
            "ratio": round(ours / libraries, 3),
        }
    return measured


def cpu_seconds(code: str) -> float:
    """Run code in a new interpreter, with a bytecode cache; return its user and system time."""
    environment = {name: value for name, value in os.environ.items() if name != _NO_CACHE}
    before = _children()
    subprocess.run(  # noqa: S603  # Our own code.
        [sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL, env=environment
    )
    return _children() - before


def _children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


_NO_CACHE: Final = "PYTHONDONTWRITEBYTECODE"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = command("imports", __doc__, f"measure {QUICK_ROUNDS} rounds instead of {ROUNDS}")
    options = parser.parse_args(arguments)
    report(measure(QUICK_ROUNDS if options.quick else ROUNDS), as_json=options.json)


if __name__ == "__main__":
    main()
