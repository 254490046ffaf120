"""``account list|show|edit``: accounts with their settings."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from smaply_metrics_core.account_settings import MINIMUM_GROUPS
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
    made = table(
        "Account", "Time zone", "Week starts on", "Confidence", "Smallest group", whole=("Account",)
    )
    for account, settings in accounts.items():
        made.add_row(
            text(account, "bold"),
            text(settings.zone),
            _weekday(settings),
            _level(settings),
            _minimum(settings),
        )
    show(made)


@app.command("show")
@option_groups
def show_account(invocation: CommandContext) -> None:
    """Show the account's time zone, first day of the week, confidence and smallest group.

    The defaults are UTC, Monday, 95 % and all groups shown.
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
    minimum_group: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=MINIMUM_GROUPS[1],
            metavar="NUMBER",
            help="Hide values of fewer answers than this, from 3 to 1000; 0 shows all.",
            show_default=False,
        ),
    ] = None,
    invocation: CommandContext,
) -> None:
    """Edit the account's time zone, first day of the week, confidence or smallest group.

    After a change of the first two, every metric is refreshed, because its date range changes.
    Another level of confidence changes only intervals and verdicts, without a refresh. Small groups
    are hidden at once; metrics with filters are refreshed when hiding starts or ends.
    """
    from smaply_metrics_core.host import AccountSettings  # Imported on use: it loads the host.

    given = {
        "zone": zone,
        "week_start": week_start,
        "confidence": confidence,
        "minimum_group": minimum_group,
    }
    changes = {name: value for name, value in given.items() if value is not None}
    if not changes:
        raise CommandLineError(
            "Nothing was changed.",
            "Add --zone, --week-start, --confidence or --minimum-group.",
        )
    with invocation.open(hint=False) as opened:
        accounts = opened.host.accounts
        old = accounts.show(opened.actor)
        settings = AccountSettings(**(asdict(old) | changes))
        settings = accounts.edit(opened.actor, settings)
    _print_settings(settings, invocation)


def _print_settings(settings: AccountSettings, invocation: CommandContext) -> None:
    if invocation.wants_json:
        print_json(_json(settings))
        return
    print_text(text("Time zone       ", "bold"), settings.zone)
    print_text(text("Week starts on  ", "bold"), _weekday(settings))
    print_text(text("Confidence      ", "bold"), _level(settings))
    print_text(text("Smallest group  ", "bold"), _minimum(settings))


def _json(settings: AccountSettings) -> dict[str, Any]:
    return asdict(settings)


def _level(settings: AccountSettings) -> str:
    return f"{settings.confidence:g} %"


def _minimum(settings: AccountSettings) -> str:
    return f"{settings.minimum_group:,} answers" if settings.minimum_group else "all shown"


def _weekday(settings: AccountSettings) -> str:
    return f"{WEEKDAYS[settings.week_start - 1]} ({settings.week_start})"
