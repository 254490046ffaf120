"""``account``: the time zone and the first day of the week, which decide where days begin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from smaply_metrics_core.cli.invocation import Invocation, actor, before_command, opened
from smaply_metrics_core.cli.output import print_json, say, text
from smaply_metrics_core.cli.spread import spread
from smaply_metrics_core.cli.usage import WrongUsage

if TYPE_CHECKING:
    from smaply_metrics_core.host import AccountSettings

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

app = typer.Typer(help="The time zone and the first day of the week.")
app.callback()(spread(before_command))


@app.command("show")
@spread
def show_settings(invocation: Invocation) -> None:
    """Show the time zone and the first day of the week."""
    with opened(invocation.folder) as host:
        settings = host.metrics.account(actor())
    _tell(settings, invocation)


@app.command("set")
@spread
def set_settings(
    *,
    zone: Annotated[
        str | None, typer.Option(metavar="ZONE", help="An IANA name, as in Europe/Vienna.")
    ] = None,
    week_start: Annotated[
        int | None, typer.Option(min=1, max=7, help="1 is Monday, 7 is Sunday.")
    ] = None,
    invocation: Invocation,
) -> None:
    """Change them; metrics are measured anew, as their days begin elsewhere."""
    from smaply_metrics_core.host import AccountSettings  # Loads the host: only on use.

    if zone is None and week_start is None:
        raise WrongUsage("Nothing was changed.", "Give --zone, --week-start, or both.")
    with opened(invocation.folder) as host:
        old = host.metrics.account(actor())
        settings = AccountSettings(
            zone=old.zone if zone is None else zone,
            week_start=old.week_start if week_start is None else week_start,
        )
        host.metrics.set_account(actor(), settings)
    _tell(settings, invocation)


def _tell(settings: AccountSettings, invocation: Invocation) -> None:
    if invocation.wants_json:
        print_json({"zone": settings.zone, "week_start": settings.week_start})
        return
    say(text("Time zone        ", "bold"), settings.zone)
    say(
        text("Weeks begin with ", "bold"),
        f"{WEEKDAYS[settings.week_start - 1]} ({settings.week_start})",
    )
