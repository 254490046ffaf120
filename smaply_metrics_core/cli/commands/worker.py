"""``worker run``: runs queued refreshes until it is stopped."""

from __future__ import annotations

from typing import Annotated

import typer

from smaply_metrics_core.cli.command_context import CommandContext, before_command
from smaply_metrics_core.cli.option_groups import option_groups
from smaply_metrics_core.cli.output import print_text

app = typer.Typer()
app.callback()(option_groups(before_command))


@app.command("run")
@option_groups
def run(
    *,
    concurrency: Annotated[
        int,
        typer.Option(
            min=1, max=64, metavar="NUMBER", help="Number of surveys to refresh at the same time."
        ),
    ] = 4,
    invocation: CommandContext,
) -> None:
    """Run queued refreshes until Ctrl-C or SIGTERM.

    Requires PostgreSQL (SMAPLY_METRICS_DATABASE_URL) and the extra smaply-metrics-core[worker]. A
    refresh that the shutdown cancels does not count as an attempt; another worker runs it.
    """
    with (
        invocation.open(hint=False) as opened,
        opened.host.worker(concurrency) as running,
    ):
        if not invocation.wants_json:
            print_text("Waiting for refreshes. Press Ctrl-C to stop.", stderr=True)
        running.wait()
