"""``worker run``: runs queued refreshes until it is stopped."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Final

import typer

from smaply_metrics_core.cli.command_context import (
    SETTINGS_LOGGER,
    CommandContext,
    before_command,
)
from smaply_metrics_core.cli.option_groups import option_groups
from smaply_metrics_core.cli.output import print_text
from smaply_metrics_core.cli.terminal_text import TerminalFormatter

LINE: Final = "%(asctime)s %(levelname)s %(message)s"
TIME: Final = "%Y-%m-%dT%H:%M:%SZ"

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

    Requires PostgreSQL (SMAPLY_METRICS_DATABASE_URL), encryption keys and the extra
    smaply-metrics-core[worker]. A refresh that the shutdown cancels does not count as an attempt;
    another worker runs it. The log is on standard error, with one line for each refresh.
    """
    with (
        log_on_stderr(),
        invocation.open(hint=False) as opened,
        opened.host.worker(concurrency) as running,
    ):
        if not invocation.wants_json:
            print_text("Waiting for refreshes. Press Ctrl-C to stop.", stderr=True)
        running.wait()


@contextmanager
def log_on_stderr() -> Iterator[None]:
    """Write the log of the worker to standard error, and problems of the library of the queue.

    With --debug, the log is written there anyway.
    """
    if logging.getLogger("smaply_metrics_core").level == logging.DEBUG:
        yield
        return
    handler = logging.StreamHandler()
    formatter = TerminalFormatter(LINE, TIME)
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    # Every command shows the warnings about settings.
    handler.addFilter(lambda record: record.name != SETTINGS_LOGGER)
    levels = {
        "smaply_metrics_core": logging.INFO,
        "procrastinate": logging.WARNING,
        "psycopg": logging.WARNING,
    }
    before = {name: logging.getLogger(name).level for name in levels}
    for name, level in levels.items():
        logging.getLogger(name).addHandler(handler)
        logging.getLogger(name).setLevel(level)
    try:
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).removeHandler(handler)
            logging.getLogger(name).setLevel(level)
