"""``account list|show|edit``: accounts, their time zone and first day of the week."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from smaply_metrics_core.cli.command_context import CommandContext, before_command
from smaply_metrics_core.cli.errors import CommandLineError
from smaply_metrics_core.cli.option_groups import option_groups
from smaply_metrics_core.cli.output import print_json, print_text, show, table, text

if TYPE_CHECKING:  # Loads SQLAlchemy.
    from smaply_metrics_core.host import AccountSettings

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

app = typer.Typer(help="List accounts; show and edit time zone and first day of the week.")
app.callback()(option_groups(before_command))


@app.command("list")
@option_groups
def list_accounts(invocation: CommandContext) -> None:
    """List all accounts of the store."""
    with invocation.open(hint=False) as opened:
        accounts = opened.host.accounts.list()
    if invocation.wants_json:
        print_json([{"id": account} | _json(found) for account, found in accounts.items()])
        return
    if not accounts:
        print_text("There is no account yet. It is created with its first connection.")
        return
    made = table("Account", "Time zone", "Weeks begin with", whole=("Account",))
    for account, settings in accounts.items():
        made.add_row(text(account, "bold"), text(settings.zone), _weekday(settings))
    show(made)


@app.command("show")
@option_groups
def show_account(invocation: CommandContext) -> None:
    """Show the account's time zone and first day of the week.

    An account for which nothing is stored has the defaults: UTC and Monday.
    """
    with invocation.open() as opened:
        settings = opened.host.accounts.show(opened.actor)
    _print_settings(settings, invocation)


@app.command("edit")
@option_groups
def edit_account(
    *,
    zone: Annotated[
        str | None,
        typer.Option(metavar="ZONE", help="An IANA name, as in Europe/Vienna.", show_default=False),
    ] = None,
    week_start: Annotated[
        int | None,
        typer.Option(min=1, max=7, help="1 is Monday, 7 is Sunday.", show_default=False),
    ] = None,
    invocation: CommandContext,
) -> None:
    """Change time zone or first day of the week.

    All metrics are measured again, because their days begin at another time.
    """
    from smaply_metrics_core.host import AccountSettings  # Loads the host: only on use.

    if zone is None and week_start is None:
        raise CommandLineError("Nothing was changed.", "Give --zone, --week-start, or both.")
    with invocation.open(hint=False) as opened:
        accounts = opened.host.accounts
        old = accounts.show(opened.actor)
        settings = AccountSettings(
            zone=old.zone if zone is None else zone,
            week_start=old.week_start if week_start is None else week_start,
        )
        settings = accounts.edit(opened.actor, settings)
    _print_settings(settings, invocation)


def _print_settings(settings: AccountSettings, invocation: CommandContext) -> None:
    if invocation.wants_json:
        print_json(_json(settings))
        return
    print_text(text("Time zone        ", "bold"), settings.zone)
    print_text(text("Weeks begin with ", "bold"), _weekday(settings))


def _json(settings: AccountSettings) -> dict[str, Any]:
    return {"zone": settings.zone, "week_start": settings.week_start}


def _weekday(settings: AccountSettings) -> str:
    return f"{WEEKDAYS[settings.week_start - 1]} ({settings.week_start})"
