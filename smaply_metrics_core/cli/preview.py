"""``preview``: measure something without saving it."""

from __future__ import annotations

import typer

from smaply_metrics_core.cli.cards import show_result
from smaply_metrics_core.cli.invocation import Invocation, actor, opened
from smaply_metrics_core.cli.options import QueryOptions
from smaply_metrics_core.cli.output import print_json
from smaply_metrics_core.cli.progress import progress_bar
from smaply_metrics_core.cli.spread import spread
from smaply_metrics_core.cli.surveys import ConnectionArgument
from smaply_metrics_core.cli.values import result_json

app = typer.Typer()


@app.command()
@spread
def preview(connection: ConnectionArgument, query: QueryOptions, invocation: Invocation) -> None:
    """Measure something without saving it."""
    definition = query.definition()
    with opened(invocation.folder) as host:
        with progress_bar() as progress:
            # Nothing is kept beyond this command, so nothing more is counted.
            result = host.metrics.preview(
                actor(), connection, definition, progress=progress, ahead=False
            )
        zone = host.metrics.account(actor()).zone
    if invocation.wants_json:
        print_json(result_json(result))
    else:
        show_result(result, zone)
