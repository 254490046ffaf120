"""``audit list``: the audit trail of an account."""

from __future__ import annotations

from typing import Annotated

import typer

from smaply_metrics_core.charts.date_text import instant_text
from smaply_metrics_core.cli.command_context import CommandContext, before_command
from smaply_metrics_core.cli.option_groups import option_groups
from smaply_metrics_core.cli.output import print_json, print_text, show, table, text

app = typer.Typer()
app.callback()(option_groups(before_command))


@app.command("list")
@option_groups
def list_entries(
    *,
    limit: Annotated[
        int, typer.Option(min=1, max=1_000, metavar="NUMBER", help="Maximum number of entries.")
    ] = 100,
    before: Annotated[
        int | None,
        typer.Option(
            metavar="ID", help="List only entries older than this one.", show_default=False
        ),
    ] = None,
    invocation: CommandContext,
) -> None:
    """List who connected, edited, deleted and exported, newest first."""
    with invocation.open() as opened:
        entries = opened.host.audit.list(opened.actor, limit=limit, before=before)
        zone = opened.zone
    if invocation.wants_json:
        print_json({"entries": [entry.model_dump(mode="json") for entry in entries]})
        return
    if not entries:
        print_text("There is no entry.")
        return
    shown = table(
        *("ID", "Time", "User", "Action", "Subject", "Details"),
        right=("ID",),
        whole=("ID", "Subject"),
    )
    for entry in entries:
        shown.add_row(
            str(entry.id),
            instant_text(entry.at, zone),
            text(entry.user),
            entry.action.replace("_", " "),
            text(entry.subject),
            text(entry.detail),
        )
    show(shown)
