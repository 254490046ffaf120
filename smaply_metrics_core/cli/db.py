"""``db``: the tables of the store, brought up to date with this release."""

from __future__ import annotations

from typing import Any

import typer

from smaply_metrics_core.cli.invocation import Invocation, before_command, opened
from smaply_metrics_core.cli.output import print_json, say, text
from smaply_metrics_core.cli.spread import spread

app = typer.Typer(help="The tables of the store.")
app.callback()(spread(before_command))


@app.command()
@spread
def upgrade(invocation: Invocation) -> None:
    """Bring the tables up to date with this release, or make them.

    Every start does so too; a fleet runs this once, before its processes start. Those that start
    meanwhile wait for it.
    """
    with opened(invocation.folder) as host:
        done = host.upgraded
    if invocation.wants_json:
        answer: dict[str, Any] = {"before": done.before, "after": done.after}
        print_json(answer)
    elif done.before == done.after:
        say("The tables are up to date: version ", text(done.after, "bold"), ".")
    elif done.before is None:
        say("Made the tables: version ", text(done.after, "bold"), ".")
    else:
        say("Upgraded the tables from version ", done.before, " to ", text(done.after, "bold"), ".")
