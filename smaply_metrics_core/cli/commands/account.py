"""``account list|show|edit``: accounts with their settings."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from smaply_metrics_core.cli.command_context import CommandContext, before_command
from smaply_metrics_core.cli.errors import CommandLineError
from smaply_metrics_core.cli.option_groups import option_groups
from smaply_metrics_core.cli.output import print_json, print_text, show, table, text
from smaply_metrics_core.models.uncertainty import CONFIDENCE_LEVELS

if TYPE_CHECKING:  # Loads SQLAlchemy.
    from smaply_metrics_core.host import AccountSettings

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

app = typer.Typer()
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
        print_text("There is no account yet. The first connection of an account creates it.")
        return
    made = table("Account", "Time zone", "Week starts on", "Confidence", whole=("Account",))
    for account, settings in accounts.items():
        made.add_row(
            text(account, "bold"), text(settings.zone), _weekday(settings), _level(settings)
        )
    show(made)


@app.command("show")
@option_groups
def show_account(invocation: CommandContext) -> None:
    """Show the account's time zone, first day of the week and level of confidence.

    The defaults are UTC, Monday and 95 %.
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
        typer.Option(
            metavar="ZONE", help="IANA time zone, for example Europe/Vienna.", show_default=False
        ),
    ] = None,
    week_start: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=7,
            metavar="NUMBER",
            help="First day of the week, from 1 (Monday) to 7 (Sunday).",
            show_default=False,
        ),
    ] = None,
    confidence: Annotated[
        float | None,
        typer.Option(
            min=CONFIDENCE_LEVELS[0],
            max=CONFIDENCE_LEVELS[1],
            metavar="PERCENT",
            help="Level of confidence of intervals and verdicts, from 80 to 99.9.",
            show_default=False,
        ),
    ] = None,
    invocation: CommandContext,
) -> None:
    """Edit the account's time zone, first day of the week or level of confidence.

    After a change of the first two, every metric is refreshed, because its date range changes.
    Another level of confidence changes only intervals and verdicts, without a refresh.
    """
    from smaply_metrics_core.host import AccountSettings  # Imported on use: it loads the host.

    if zone is None and week_start is None and confidence is None:
        raise CommandLineError("Nothing was changed.", "Add --zone, --week-start or --confidence.")
    with invocation.open(hint=False) as opened:
        accounts = opened.host.accounts
        old = accounts.show(opened.actor)
        settings = AccountSettings(
            zone=old.zone if zone is None else zone,
            week_start=old.week_start if week_start is None else week_start,
            confidence=old.confidence if confidence is None else confidence,
        )
        settings = accounts.edit(opened.actor, settings)
    _print_settings(settings, invocation)


def _print_settings(settings: AccountSettings, invocation: CommandContext) -> None:
    if invocation.wants_json:
        print_json(_json(settings))
        return
    print_text(text("Time zone       ", "bold"), settings.zone)
    print_text(text("Week starts on  ", "bold"), _weekday(settings))
    print_text(text("Confidence      ", "bold"), _level(settings))


def _json(settings: AccountSettings) -> dict[str, Any]:
    return asdict(settings)


def _level(settings: AccountSettings) -> str:
    return f"{settings.confidence:g} %"


def _weekday(settings: AccountSettings) -> str:
    return f"{WEEKDAYS[settings.week_start - 1]} ({settings.week_start})"
