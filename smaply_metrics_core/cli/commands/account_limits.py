"""``account limits|set-limits``: how much one account may use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Final

import typer

from smaply_metrics_core.cli.command_context import CommandContext
from smaply_metrics_core.cli.errors import CommandLineError
from smaply_metrics_core.cli.option_groups import option_groups
from smaply_metrics_core.cli.output import print_json, show, table, text

if TYPE_CHECKING:  # Loads SQLAlchemy.
    from smaply_metrics_core.host import LimitUse

DEFAULT: Final = "default"
UNLIMITED: Final = "unlimited"
MOST_DIGITS: Final = 10
"""Python refuses to parse numbers with thousands of them."""
NAMES: Final = {
    "connections": "Connections",
    "metrics": "Metrics",
    "exports_per_hour": "Exports in this hour",
}

app = typer.Typer()

LimitOption = Annotated[
    str | None,
    typer.Option(
        metavar="LIMIT",
        help=f"A number of 1 or more, “{UNLIMITED}”, or “{DEFAULT}” for the setting.",
        show_default=False,
    ),
]


@app.command("limits")
@option_groups
def show_limits(invocation: CommandContext) -> None:
    """Show the limits of the account and how much of each is used."""
    with invocation.open(hint=False) as opened:
        uses = opened.host.accounts.limits(opened.actor.account)
    _print(uses, invocation)


@app.command("set-limits")
@option_groups
def set_limits(
    *,
    connections: LimitOption = None,
    metrics: LimitOption = None,
    exports_per_hour: LimitOption = None,
    invocation: CommandContext,
) -> None:
    """Raise or lower the limits of the account.

    They take precedence over SMAPLY_METRICS_ACCOUNT_MAX_CONNECTIONS, …_MAX_METRICS and
    …_MAX_EXPORTS_PER_HOUR, at once and in every process. Lowering a limit deletes nothing.
    """
    from smaply_metrics_core.host import AccountLimits  # Imported on use: it loads the host.

    given = {
        "connections": connections,
        "metrics": metrics,
        "exports_per_hour": exports_per_hour,
    }
    changes = {name: _limit(name, value) for name, value in given.items() if value is not None}
    if not changes:
        raise CommandLineError(
            "Nothing was changed.", "Add --connections, --metrics or --exports-per-hour."
        )
    with invocation.open(hint=False) as opened:
        accounts, account = opened.host.accounts, opened.actor.account
        old = {name: use.own for name, use in accounts.limits(account).items()}
        uses = accounts.set_limits(account, AccountLimits(**(old | changes)))
    _print(uses, invocation)


def _limit(name: str, value: str) -> int | None:
    if value == DEFAULT:
        return None
    if value == UNLIMITED:
        return 0
    is_number = value.isascii() and value.isdecimal() and len(value) <= MOST_DIGITS
    if not (is_number and int(value)):
        raise CommandLineError(
            f"“{value}” is not a valid limit (--{name.replace('_', '-')}).",
            f"Enter a number of 1 or more, “{UNLIMITED}” or “{DEFAULT}”.",
        )
    return int(value)


def _print(uses: Mapping[str, LimitUse], invocation: CommandContext) -> None:
    if invocation.wants_json:
        print_json({name: asdict(use) for name, use in uses.items()})
        return
    made = table("Limit", "Allowed", "Used", "Set for", right=("Allowed", "Used"))
    for name, use in uses.items():
        made.add_row(
            text(NAMES[name]),
            "no limit" if use.allowed is None else f"{use.allowed:,}",
            "not counted" if use.used is None else f"{use.used:,}",
            "all accounts" if use.own is None else "this account",
        )
    show(made)
