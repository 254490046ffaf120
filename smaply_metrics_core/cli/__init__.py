"""The command ``smaply-metrics``: everything that a terminal or a script needs."""

from __future__ import annotations

import json
import sys

from smaply_metrics_core.errors import InputError
from smaply_metrics_core.extras import require_extra

__all__ = ["main"]


def main() -> None:
    """Run the command line of this process and end it."""
    try:
        require_extra("cli", "typer", "rich")
    except InputError as error:
        sys.exit(_report(error))
    from smaply_metrics_core.cli.app import run  # Needs the extra `cli`.

    run()


def _report(error: InputError) -> int:
    """Write an error without the libraries of the extra; return the exit code."""
    if "--json" in sys.argv:
        problem = error.to_problem()
        written = {name: getattr(problem, name) for name in ("kind", "issue", "message", "remedy")}
        sys.stdout.write(json.dumps({"error": written}) + "\n")
    else:
        sys.stderr.write(f"{error.message}\n{error.remedy}\n")
    return 1
