"""``worker run``: runs queued refreshes until it is stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from smaply_metrics_core.cli.command_context import CommandContext, before_command, opened
from smaply_metrics_core.cli.option_groups import option_groups
from smaply_metrics_core.cli.output import print_text
from smaply_metrics_core.observability.log_output import logging_to_stderr

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
    heartbeat_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="File to write the time to every 10 seconds while the worker is alive, for a "
            "liveness probe.",
        ),
    ] = None,
    invocation: CommandContext,
) -> None:
    """Run queued refreshes until Ctrl-C or SIGTERM.

    Requires PostgreSQL (SMAPLY_METRICS_DATABASE_URL), encryption keys and the extra
    smaply-metrics-core[worker]. A refresh that the shutdown cancels does not count as an attempt;
    another worker runs it. The log is on standard error, with one line for each refresh.
    """
    from smaply_metrics_core.host import telemetry_of  # Imported on use: it loads the host.

    settings = invocation.settings()
    with (
        logging_to_stderr(
            invocation.given_log_level or settings.log_level,
            invocation.given_log_format or settings.log_format,
        ),
        telemetry_of(settings, "smaply-metrics-worker"),
        opened(settings) as host,
        host.worker(concurrency, heartbeat_file=heartbeat_file) as running,
    ):
        if not invocation.wants_json:
            print_text("Waiting for refreshes. Press Ctrl-C to stop.", stderr=True)
        running.wait()
