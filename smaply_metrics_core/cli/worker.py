"""``worker``: makes the refreshes that a fleet has queued, until it is stopped."""

from __future__ import annotations

from typing import Annotated

import typer

from smaply_metrics_core.cli.invocation import Invocation, opened
from smaply_metrics_core.cli.output import say
from smaply_metrics_core.cli.spread import spread

app = typer.Typer()


@app.command()
@spread
def worker(
    *,
    concurrency: Annotated[
        int,
        typer.Option(min=1, max=64, metavar="NUMBER", help="Surveys to refresh at the same time."),
    ] = 4,
    invocation: Invocation,
) -> None:
    """Run queued refreshes, until Ctrl-C or SIGTERM.

    Needs PostgreSQL (SMAPLY_METRICS_DATABASE) and the extra smaply-metrics-core[worker]. What is
    cut short by the end leaves no trace, and another worker makes it.
    """
    with opened(invocation.folder) as host, host.worker(concurrency) as running:
        if not invocation.wants_json:
            say("Waiting for refreshes. Ctrl-C ends it.", stderr=True)
        running.wait()
