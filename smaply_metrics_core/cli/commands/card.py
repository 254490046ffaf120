"""``card load``: refreshes the cards that are due and shows all of them."""

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
"""Seconds within which the host finishes or cancels every refresh."""

app = typer.Typer()
app.callback()(option_groups(before_command))


@app.command("load")
@option_groups
def load(
    *,
    metrics: Annotated[
        list[str] | None,
        typer.Argument(metavar="ID", help="The IDs of metrics. Default: all metrics."),
    ] = None,
    wait: Annotated[
        float,
        typer.Option(
            metavar="SECONDS",
            min=0,
            max=24 * 3600,
            help="Time to wait for fresh values; 0 shows the stored values. A refresh that takes "
            "longer is cancelled and does not count as an attempt.",
        ),
    ] = LONGEST_WAIT,
    now: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Fix the clock at this ISO 8601 time, for example 2026-01-31T12:00:00Z. Without "
            "an offset it is UTC.",
        ),
    ] = None,
    force: Annotated[
        bool,
        typer.Option("--force", help="Also refresh cards that are not due, once a minute at most."),
    ] = False,
    invocation: CommandContext,
) -> None:
    """Refresh the cards that are due and show all of them.

    A card is due when its last refresh attempt is more than one hour old. A card that cannot be
    refreshed shows its last good value and the reason; the exit code is still 0.
    """
    at = instant("--now", now)
    wanted = list(dict.fromkeys(metrics)) if metrics else None
    with invocation.open(now=at) as opened:
        with progress_bar() as progress:
            # Without a wait, the end of the command would always cancel the refresh.
            cards = opened.host.cards.load(
                opened.actor, wanted, wait=wait, force=force, refresh=wait > 0, progress=progress
            )
        labels = opened.host.connections.labels(opened.actor)
        zone = opened.zone
    if invocation.wants_json:
        from smaply_metrics_core.host import card_json  # Imported on use: it loads the host.

        print_json({"cards": [card_json(card) for card in cards]})
    elif cards:
        show_cards(cards, labels, zone)
    else:
        print_text("There is no metric yet. Add one with `smaply-metrics metric add`.")
