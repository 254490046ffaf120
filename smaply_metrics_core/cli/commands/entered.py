"""``entered list|add``: the values that people enter."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final

import typer

from smaply_metrics_core.cli.command_context import CommandContext, before_command
from smaply_metrics_core.cli.errors import CommandLineError
from smaply_metrics_core.cli.option_groups import option_groups
from smaply_metrics_core.cli.output import print_json, print_text, show, table, text
from smaply_metrics_core.entered_values.tables import MOST_CHARACTERS, EnteredUnit

if TYPE_CHECKING:
    from smaply_metrics_core.host import EnteredTable

app = typer.Typer()
app.callback()(option_groups(before_command))

_DECIMALS: Final = {"point": ".", "comma": ","}


class DateChoice(StrEnum):
    """Whether the day or the month comes first."""

    DAY_FIRST = "day_first"
    MONTH_FIRST = "month_first"


class DecimalChoice(StrEnum):
    """The decimal sign."""

    POINT = "point"
    COMMA = "comma"


@app.command("list")
@option_groups
def list_tables(invocation: CommandContext) -> None:
    """List the tables of entered values."""
    with invocation.open() as opened:
        tables = opened.host.entered_values.list(opened.actor)
    if invocation.wants_json:
        print_json([one.model_dump(mode="json") for one in tables])
        return
    made = table("Table", "Name", "Unit", "Values", "Newest", right=("Values",), whole=("Table",))
    for one in tables:
        newest = one.rows[-1].day.isoformat() if one.rows else ""
        made.add_row(text(one.id, "bold"), text(one.name), one.unit, f"{len(one.rows):,}", newest)
    show(made)


@app.command("add")
@option_groups
def add(  # The values, and how they are written.
    name: Annotated[
        str, typer.Argument(metavar="TABLE", help="The name or ID of a table; a new name adds one.")
    ],
    file: Annotated[
        typer.FileBinaryRead,
        typer.Argument(
            metavar="FILE",
            help="The rows as UTF-8, separated by tabs, semicolons or commas; “-” reads standard "
            "input. Columns: date, value; or date, label, value, n. In another order, the first "
            "row names them.",
        ),
    ],
    *,
    unit: Annotated[
        EnteredUnit | None,
        typer.Option(help="The unit; required for a new table.", show_default=False),
    ] = None,
    dates: Annotated[
        DateChoice | None,
        typer.Option(help="How ambiguous dates are written.", show_default=False),
    ] = None,
    decimal: Annotated[
        DecimalChoice | None,
        typer.Option(help="The decimal sign of ambiguous numbers.", show_default=False),
    ] = None,
    invocation: CommandContext,
) -> None:
    """Add entered values to a table; one with the same date and label is replaced.

    Cards name the user of the operating system as who entered them. The metrics of the table are
    refreshed when their cards are loaded next.
    """
    from smaply_metrics_core.host import CellFormats, read_cells, split_pasted

    cells = split_pasted(_text(file.read(MOST_CHARACTERS + 1)))
    formats = CellFormats.model_validate(
        {"dates": dates, "decimal": _DECIMALS[decimal] if decimal else None}
    )
    with invocation.open() as opened:
        entered, actor = opened.host.entered_values, opened.actor
        found = _find(entered.list(actor), name)
        if found is None and unit is None:
            raise CommandLineError(
                f"There is no table “{name}”.", "Add --unit to create it, or enter another name."
            )
        if found is not None and unit not in {None, found.unit}:
            raise CommandLineError(f"The unit of “{found.name}” is {found.unit}.", "Omit --unit.")
        wanted = found.unit if found else EnteredUnit(unit or "")
        values = read_cells(cells, wanted, entered.today(actor), formats=formats).require()
        saved = (
            entered.add_values(actor, found.id, values)
            if found
            else entered.add(actor, name, wanted, values)
        )
    if invocation.wants_json:
        print_json(saved.model_dump(mode="json"))
        return
    count = "1 value" if len(values) == 1 else f"{len(values):,} values"
    print_text(
        f"Saved {count} in ", text(saved.table.name, "bold"), text(f"  {saved.table.id}", "dim")
    )


def _text(content: bytes) -> str:
    if len(content) > MOST_CHARACTERS:
        raise CommandLineError(
            f"The file has more than {MOST_CHARACTERS:,} bytes.", "Remove rows and try again."
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise CommandLineError(
            "The file is not UTF-8.", "Save it as “CSV UTF-8” and try again."
        ) from None


def _find(tables: Sequence[EnteredTable], name: str) -> EnteredTable | None:
    wanted = name.strip().casefold()
    return next((one for one in tables if wanted in {one.id, one.name.casefold()}), None)
