"""``load``: cards, with what is due refreshed first."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from smaply_metrics_core.cli.card_table import show_cards
from smaply_metrics_core.cli.command_context import CommandContext, actor, opened
from smaply_metrics_core.cli.json_output import card_json
from smaply_metrics_core.cli.option_groups import option_groups
from smaply_metrics_core.cli.output import print_json, print_text
from smaply_metrics_core.cli.param_types import instant
from smaply_metrics_core.cli.progress import progress_bar

LONGEST_WAIT: Final = 900.0
"""Seconds; by then the host has ended every refresh."""

app = typer.Typer()


@app.command()
@option_groups
def load(
    *,
    metrics: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID]...", help="Which metrics; all of them by default."),
    ] = None,
    wait: Annotated[
        float,
        typer.Option(
            metavar="SECONDS",
            min=0,
            max=24 * 3600,
            help="How long to wait for fresh values. An update that has not ended by then is "
            "given up and is no attempt; 0 shows what is stored.",
        ),
    ] = LONGEST_WAIT,
    now: Annotated[
        str | None,
        typer.Option(
            metavar="ISO", help="Hold the clock at this instant (UTC when it names no zone)."
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Refresh although it is not due (once a minute).")
    ] = False,
    invocation: CommandContext,
) -> None:
    """Show cards, refreshed where that is due.

    A metric is due when its last update attempt is older than an hour. Cards that could not be
    refreshed say so themselves, with their last good value: that is no failure of the command.
    """
    at = instant("--now", now)
    wanted = list(dict.fromkeys(metrics)) if metrics else None
    with opened(invocation.folder, now=at) as host:
        with progress_bar() as progress:
            # Without waiting, a refresh would be cut off by the end of the command, each time anew.
            cards = host.cards.load(
                actor(), wanted, wait=wait, force=force, refresh=wait > 0, progress=progress
            )
        zone = host.accounts.show(actor()).zone
    if invocation.wants_json:
        print_json({"cards": [card_json(card) for card in cards]})
    elif cards:
        show_cards(cards, zone)
    else:
        print_text("There is no metric yet. Make one with `smaply-metrics metric add`.")
