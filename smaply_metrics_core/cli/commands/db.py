"""``db upgrade``: migrates the store to this release."""

from __future__ import annotations

from typing import Any

import typer

from smaply_metrics_core.cli.command_context import CommandContext, before_command
from smaply_metrics_core.cli.option_groups import option_groups
from smaply_metrics_core.cli.output import print_json, print_text, text

app = typer.Typer()
app.callback()(option_groups(before_command))


@app.command("upgrade")
@option_groups
def upgrade(invocation: CommandContext) -> None:
    """Create the tables of the store or upgrade them to this release.

    Every process also does this when it starts. A fleet runs this command once before its processes
    start; processes that start during an upgrade wait for it.
    """
    with invocation.open(hint=False) as opened:
        done = opened.host.upgraded
    if invocation.wants_json:
        answer: dict[str, Any] = {"before": done.before, "after": done.after}
        print_json(answer)
    elif done.before == done.after:
        print_text("The tables are up to date: version ", text(done.after, "bold"), ".")
    elif done.before is None:
        print_text("Created the tables: version ", text(done.after, "bold"), ".")
    else:
        print_text(
            "Upgraded the tables from version ", done.before, " to ", text(done.after, "bold"), "."
        )
