"""``audit list``: the audit trail of an account."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Final

import typer

from smaply_metrics_core.bundle.spreadsheet_csv import escape_formula
from smaply_metrics_core.charts.date_text import instant_text
from smaply_metrics_core.cli.command_context import CommandContext, OpenedHost, before_command
from smaply_metrics_core.cli.csv_output import OutputFormat, csv_output, writes_csv
from smaply_metrics_core.cli.option_groups import option_groups
from smaply_metrics_core.cli.output import print_json, print_text, show, table, text
from smaply_metrics_core.terminal_text import visible

if TYPE_CHECKING:  # Loads SQLAlchemy.
    from smaply_metrics_core.host import AuditEntry

SHOWN: Final = 100
"""How many entries are listed by default."""

PAGE: Final = 1_000
CSV_COLUMNS: Final = ("id", "at", "user", "action", "subject", "detail")

app = typer.Typer()
app.callback()(option_groups(before_command))


@app.command("list")
@option_groups
def list_entries(
    *,
    limit: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=1_000_000,
            metavar="NUMBER",
            help="Maximum number of entries. Default: 100, or all of them as CSV.",
            show_default=False,
        ),
    ] = None,
    before: Annotated[
        int | None,
        typer.Option(
            metavar="ID", help="List only entries older than this one.", show_default=False
        ),
    ] = None,
    output_format: Annotated[
        OutputFormat,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="table, or csv: all entries with times in UTC; --limit restricts them.",
        ),
    ] = "table",
    invocation: CommandContext,
) -> None:
    """List who connected, edited, deleted and exported, newest first."""
    if writes_csv(output_format, wants_json=invocation.wants_json):
        with invocation.open() as opened:
            _write_csv(_entries(opened, limit, before))
        return
    with invocation.open() as opened:
        entries = tuple(_entries(opened, limit or SHOWN, before))
        zone = opened.zone
    if invocation.wants_json:
        print_json({"entries": [entry.model_dump(mode="json") for entry in entries]})
        return
    if not entries:
        print_text("There is no entry.")
        return
    shown = table(
        *("ID", "Time", "User", "Action", "Subject", "Details"),
        right=("ID",),
        whole=("ID", "Subject"),
    )
    for entry in entries:
        shown.add_row(
            str(entry.id),
            instant_text(entry.at, zone),
            text(entry.user),
            entry.action.replace("_", " "),
            text(entry.subject),
            text(entry.detail),
        )
    show(shown)


def _entries(opened: OpenedHost, limit: int | None, before: int | None) -> Iterator[AuditEntry]:
    """Yield entries, newest first, page after page."""
    left = sys.maxsize if limit is None else limit
    while left > 0:
        page = opened.host.audit.list(opened.actor, limit=min(left, PAGE), before=before)
        yield from page
        if len(page) < min(left, PAGE):
            return
        left -= len(page)
        before = page[-1].id


def _write_csv(entries: Iterable[AuditEntry]) -> None:
    """Write CSV in which no cell runs as a formula."""
    with csv_output() as out:
        written = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)
        written.writerow(CSV_COLUMNS)
        for entry in entries:
            texts = map(visible, (entry.user, entry.action, entry.subject, entry.detail))
            written.writerow((entry.id, entry.at.isoformat(), *map(escape_formula, texts)))
