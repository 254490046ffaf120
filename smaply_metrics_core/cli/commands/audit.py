"""``audit list``: who connected, edited, deleted and exported."""

from __future__ import annotations

from typing import Annotated

import typer

from smaply_metrics_core.charts.date_text import instant_text
from smaply_metrics_core.cli.command_context import CommandContext, before_command
from smaply_metrics_core.cli.option_groups import option_groups
from smaply_metrics_core.cli.output import print_json, print_text, show, table, text

app = typer.Typer(help="List who connected, edited, deleted and exported.")
app.callback()(option_groups(before_command))


@app.command("list")
@option_groups
def list_entries(
    *,
    limit: Annotated[
        int, typer.Option(min=1, max=1_000, metavar="NUMBER", help="How many entries.")
    ] = 100,
    before: Annotated[
        int | None,
        typer.Option(metavar="ID", help="Only entries before this one.", show_default=False),
    ] = None,
    invocation: CommandContext,
) -> None:
    """List who did what, newest first."""
    with invocation.open() as opened:
        entries = opened.host.audit.list(opened.actor, limit=limit, before=before)
        zone = opened.zone
    if invocation.wants_json:
        print_json({"entries": [entry.model_dump(mode="json") for entry in entries]})
        return
    if not entries:
        print_text("Nothing has been done yet.")
        return
    shown = table("Id", "When", "Who", "What", "To", "Detail", right=("Id",), whole=("Id", "To"))
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
