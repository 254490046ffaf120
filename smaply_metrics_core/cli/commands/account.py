"""``account``: the time zone and the first day of the week, which decide where days begin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from smaply_metrics_core.cli.command_context import CommandContext, actor, before_command, opened
from smaply_metrics_core.cli.errors import CommandLineError
from smaply_metrics_core.cli.option_groups import option_groups
from smaply_metrics_core.cli.output import print_json, print_text, text

if TYPE_CHECKING:
    from smaply_metrics_core.host import AccountSettings

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

app = typer.Typer(help="The time zone and the first day of the week.")
app.callback()(option_groups(before_command))


@app.command("show")
@option_groups
def show_settings(invocation: CommandContext) -> None:
    """Show the time zone and the first day of the week."""
    with opened(invocation.folder) as host:
        settings = host.accounts.show(actor())
    _tell(settings, invocation)


@app.command("set")
@option_groups
def set_settings(
    *,
    zone: Annotated[
        str | None, typer.Option(metavar="ZONE", help="An IANA name, as in Europe/Vienna.")
    ] = None,
    week_start: Annotated[
        int | None, typer.Option(min=1, max=7, help="1 is Monday, 7 is Sunday.")
    ] = None,
    invocation: CommandContext,
) -> None:
    """Change them; metrics are measured anew, as their days begin elsewhere."""
    from smaply_metrics_core.host import AccountSettings  # Loads the host: only on use.

    if zone is None and week_start is None:
        raise CommandLineError("Nothing was changed.", "Give --zone, --week-start, or both.")
    with opened(invocation.folder) as host:
        old = host.accounts.show(actor())
        settings = AccountSettings(
            zone=old.zone if zone is None else zone,
            week_start=old.week_start if week_start is None else week_start,
        )
        host.accounts.edit(actor(), settings)
    _tell(settings, invocation)


def _tell(settings: AccountSettings, invocation: CommandContext) -> None:
    if invocation.wants_json:
        print_json({"zone": settings.zone, "week_start": settings.week_start})
        return
    print_text(text("Time zone        ", "bold"), settings.zone)
    print_text(
        text("Weeks begin with ", "bold"),
        f"{WEEKDAYS[settings.week_start - 1]} ({settings.week_start})",
    )
