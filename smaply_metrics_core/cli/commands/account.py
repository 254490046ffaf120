"""``account list|show|edit|export|…``: accounts and what is stored of them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from smaply_metrics_core.account_settings import MINIMUM_GROUPS
from smaply_metrics_core.cli.arguments import file_name_part
from smaply_metrics_core.cli.command_context import CommandContext, OpenedHost, before_command
from smaply_metrics_core.cli.commands import account_limits
from smaply_metrics_core.cli.confirmation import YesOption, confirm, require_terminal
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
    """List all accounts of the store.

    For the store of a host app, use its --home, or its SMAPLY_METRICS_HOME and
    SMAPLY_METRICS_DATABASE_URL.
    """
    with invocation.open(hint=False) as opened:
        accounts = opened.host.accounts.list()
        store = opened.host.store_name
    if invocation.wants_json:
        print_json([{"id": account} | _json(found) for account, found in accounts.items()])
        return
    if not accounts:
        print_text(f"There is no account yet in {store}.")
        print_text("The first connection of an account creates it. If a host app has accounts, use")
        print_text("its --home, or its SMAPLY_METRICS_HOME and SMAPLY_METRICS_DATABASE_URL.")
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


@app.command("export")
@option_groups
def export_account(
    *,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="ZIP file to write; it must not exist yet. Default: account-ACCOUNT.zip in the "
            "current folder.",
            show_default=False,
        ),
    ] = None,
    invocation: CommandContext,
) -> None:
    """Export everything that the store has about the account.

    The file has one file of JSON lines for each table: settings, connections without credentials,
    metrics, values, history and audit trail. Files that sources read are not included.
    """
    with invocation.open(hint=False) as opened:
        account = opened.actor.account
        path = output or Path(f"account-{file_name_part(account)}.zip")
        written = opened.host.accounts.export(opened.actor, path.absolute())
    if invocation.wants_json:
        print_json({"account": account, "export": str(written.path), "rows": written.rows})
        return
    print_text(
        "Written: ", text(str(written.path), "bold"), f" ({sum(written.rows.values()):,} rows)"
    )


@app.command("erase-user")
@option_groups
def erase_user(
    user: Annotated[
        str, typer.Argument(metavar="USER", help="The user, as the audit trail names them.")
    ],
    *,
    yes: YesOption = False,
    invocation: CommandContext,
) -> None:
    """Replace the name of a user by “deleted user” in the account.

    This concerns the audit trail, and who created connections and metrics. It cannot be undone.
    """
    with invocation.open() as opened:
        account = opened.actor.account
        if not yes:
            require_terminal(invocation, "Erasing a user")
            print_text(f"This erases the name {user} in the account {account}.", stderr=True)
            confirm("Erase this user?", "Nothing was erased.")
        changed = opened.host.accounts.erase_user(opened.actor, user)
    if invocation.wants_json:
        print_json({"account": account, "rows": changed})
        return
    print_text(f"Erased the user in {changed:,} row{'' if changed == 1 else 's'}.")


@app.command("delete")
@option_groups
def delete_account(*, yes: YesOption = False, invocation: CommandContext) -> None:
    """Delete the account and everything that is stored about it.

    That is every row of the store, its audit trail included, queued refreshes, and its folder for
    files in the home. It cannot be undone: consider `account export` before. Backups and logs are
    not changed.
    """
    with invocation.open(hint=False) as opened:
        host, actor = opened.host, opened.actor
        if not yes:
            require_terminal(invocation, "Deleting an account")
            if host.accounts.exists(actor.account):
                _print_content(opened)
            confirm(f"Delete the account {actor.account}?", "Nothing was deleted.")
        deleted = host.accounts.delete(actor)
    if invocation.wants_json:
        print_json(deleted.model_dump(mode="json"))
        return
    print_text("Deleted the account ", text(deleted.id, "bold"), ".")
    if deleted.rows:
        made = table("Table", "Deleted rows", right=("Deleted rows",))
        for name, count in deleted.rows.items():
            made.add_row(text(name), f"{count:,}")
        show(made)
    if deleted.queued_refreshes:
        print_text(f"Removed from the queue: {deleted.queued_refreshes:,}.")
    if deleted.files is not None:
        print_text(f"Deleted the folder {deleted.files}.")
    if deleted.remaining_files is not None:
        print_text(
            f"! The files in {deleted.remaining_files} were not deleted: the folder is not in the "
            "home.",
            style="yellow",
        )


def _print_content(opened: OpenedHost) -> None:
    host, actor = opened.host, opened.actor
    connections, metrics = host.connections.list(actor), host.metrics.list(actor)
    print_text(
        f"This deletes the account {actor.account} with its connections ({len(connections):,}), "
        f"metrics ({len(metrics):,}), values, history and audit trail.",
        stderr=True,
    )


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


app.add_typer(account_limits.app)
