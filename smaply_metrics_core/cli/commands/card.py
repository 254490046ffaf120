"""``card load``: cards, after refreshing those that are due."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from smaply_metrics_core.cli.card_table import show_cards
from smaply_metrics_core.cli.command_context import CommandContext, before_command
from smaply_metrics_core.cli.option_groups import option_groups
from smaply_metrics_core.cli.output import print_json, print_text
from smaply_metrics_core.cli.param_types import instant
from smaply_metrics_core.cli.progress import progress_bar

LONGEST_WAIT: Final = 900.0
"""Seconds after which the host has ended every refresh."""

app = typer.Typer(help="Load cards.")
app.callback()(option_groups(before_command))


@app.command("load")
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
            "cancelled and does not count as an attempt; 0 shows the stored values.",
        ),
    ] = LONGEST_WAIT,
    now: Annotated[
        str | None,
        typer.Option(
            metavar="ISO", help="Fix the clock at this instant (UTC if it names no zone)."
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Refresh cards that are not due too (once a minute).")
    ] = False,
    invocation: CommandContext,
) -> None:
    """Show cards; those that are due are refreshed first.

    A metric is due when its last update attempt is older than an hour. A card that could not be
    refreshed shows its last good value and the reason: the command does not fail because of it.
    """
    at = instant("--now", now)
    wanted = list(dict.fromkeys(metrics)) if metrics else None
    with invocation.open(now=at) as opened:
        with progress_bar() as progress:
            # Without waiting, the end of the command would cancel the refresh every time.
            cards = opened.host.cards.load(
                opened.actor, wanted, wait=wait, force=force, refresh=wait > 0, progress=progress
            )
        zone = opened.zone
    if invocation.wants_json:
        from smaply_metrics_core.host import card_json  # Loads the host: only on use.

        print_json({"cards": [card_json(card) for card in cards]})
    elif cards:
        show_cards(cards, zone)
    else:
        print_text("There is no metric yet. Make one with `smaply-metrics metric add`.")
