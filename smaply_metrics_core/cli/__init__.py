"""The command ``smaply-metrics``, for terminals and scripts."""

from __future__ import annotations

import gc
import json
import sys

from smaply_metrics_core.errors import InputError
from smaply_metrics_core.extras import require_extra

__all__ = ["main"]


def main() -> None:
    """Run the command line of this process and exit."""
    gc.set_threshold(50_000)  # With 700, a fifth of a short command is garbage collection.
    try:
        require_extra("cli", "typer", "rich")
    except InputError as error:
        sys.exit(_report(error))
    from smaply_metrics_core.cli.app import run  # Needs the extra `cli`.

    run()


def _report(error: InputError) -> int:
    """Print an error without the libraries of the extra and return the exit code."""
    if "--json" in sys.argv:
        problem = error.to_problem()
        written = {name: getattr(problem, name) for name in ("kind", "issue", "message", "remedy")}
        sys.stdout.write(json.dumps({"error": written}) + "\n")
    else:
        sys.stderr.write(f"{error.message}\n{error.remedy}\n")
    return 1
