"""``worker run``: runs the refreshes that a fleet has queued, until it is stopped."""

from __future__ import annotations

from typing import Annotated

import typer

from smaply_metrics_core.cli.command_context import CommandContext, before_command
from smaply_metrics_core.cli.option_groups import option_groups
from smaply_metrics_core.cli.output import print_text

app = typer.Typer(help="Run queued refreshes.")
app.callback()(option_groups(before_command))


@app.command("run")
@option_groups
def run(
    *,
    concurrency: Annotated[
        int,
        typer.Option(min=1, max=64, metavar="NUMBER", help="Surveys to refresh at the same time."),
    ] = 4,
    invocation: CommandContext,
) -> None:
    """Run queued refreshes, until Ctrl-C or SIGTERM.

    Needs PostgreSQL (SMAPLY_METRICS_DATABASE_URL) and the extra smaply-metrics-core[worker]. A
    refresh that the end cancels is not an attempt; another worker runs it.
    """
    with (
        invocation.open(hint=False) as opened,
        opened.host.worker(concurrency) as running,
    ):
        if not invocation.wants_json:
            print_text("Waiting for refreshes. Ctrl-C ends the worker.", stderr=True)
        running.wait()
