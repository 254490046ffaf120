"""The form of a table of entered values: what a person typed and pasted, and how it is read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from smaply_metrics_core.host import (
    CellFormats,
    EnteredCells,
    EnteredInput,
    EnteredTable,
    EnteredUnit,
    InputError,
    ReadCells,
    read_cells,
    split_pasted,
)
from smaply_metrics_host.metric_form.metric_text import FieldDifference
from smaply_metrics_host.uploads.upload_preview import DATES, DECIMALS
from smaply_metrics_host.web.forms import texts, whole

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence
    from datetime import date

    from starlette.datastructures import FormData

MOST_STATED: Final = 5
"""Cells of pasted text that cannot be read, and are stated one by one."""
BLANK: Final = EnteredCells()
NEW_ROWS: Final = 3
"""Blank rows below those of a table."""
MORE_ROWS: Final = 10
MOST_ROWS: Final = 600
"""Rows of a form, the blank ones included."""

UNITS: Final = {
    EnteredUnit.NUMBER: "Number with one decimal, such as 4.3",
    EnteredUnit.COUNT: "Whole number, such as 1,204",
    EnteredUnit.PERCENT: "Percent, 0 to 100",
    EnteredUnit.POINTS: "Points, \N{MINUS SIGN}100 to 100, such as an NPS",
}


@dataclass(frozen=True)
class TableForm:
    """What the form of a table contains, unvalidated.

    Attributes:
        name: The name of the table.
        unit: Its unit; empty if none is chosen.
        version: The version that the form shows; 0 for a new table.
        rows: The typed rows.
        pasted: The pasted text.
        dates: One of ``DATES``, or empty to recognise them.
        decimal: One of ``DECIMALS``, or empty to recognise it.
    """

    name: str = ""
    unit: str = ""
    version: int = 0
    rows: tuple[EnteredCells, ...] = (BLANK,) * NEW_ROWS
    pasted: str = ""
    dates: str = ""
    decimal: str = ""

    @classmethod
    def of(cls, table: EnteredTable) -> TableForm:
        """Return the form of a stored table, the newest value first."""
        stored = (EnteredCells.of(row) for row in reversed(table.rows))
        rows = (*(BLANK,) * NEW_ROWS, *stored)
        return cls(name=table.name, unit=table.unit, version=table.version, rows=rows)

    @classmethod
    def read(cls, sent: FormData) -> TableForm:
        """Return a submitted form.

        Raises:
            InputError: when it was not sent by the page.
        """
        given = texts(sent)
        columns = [
            [cell if isinstance(cell, str) else "" for cell in sent.getlist(name)]
            for name in ("day", "label", "value", "n")
        ]
        if len({len(column) for column in columns}) > 1 or len(columns[0]) > MOST_ROWS:
            raise InputError("The form is not complete.", remedy="Open it again.")
        return cls(
            name=given.get("name", ""),
            unit=_one_of(given.get("unit", ""), UNITS),
            version=whole(given.get("version", "")) or 0,
            rows=tuple(EnteredCells(*row) for row in zip(*columns, strict=True)),
            pasted=given.get("pasted", ""),
            dates=_one_of(given.get("dates", ""), DATES),
            decimal=_one_of(given.get("decimal", ""), DECIMALS),
        )

    def without_row(self, number: int) -> TableForm:
        """Return the form without the row with a number from 1."""
        return replace(self, rows=(*self.rows[: number - 1], *self.rows[number:]))

    def with_more_rows(self) -> TableForm:
        """Return the form with blank rows at the top."""
        return replace(self, rows=(*(BLANK,) * MORE_ROWS, *self.rows)[:MOST_ROWS])


@dataclass(frozen=True)
class ReadForm:
    """The values of a form, and what is wrong with it.

    Attributes:
        values: The values. A pasted one replaces a typed one with the same date and label.
        problems: What is wrong, by the place: ``name``, ``unit``, ``pasted``, or a row and column
            such as ``3-value``.
    """

    values: tuple[EnteredInput, ...]
    problems: dict[str, str]


def read_form(form: TableForm, stored: Sequence[EnteredInput], today: date) -> ReadForm:
    """Return the values of a form.

    Args:
        form: The form.
        stored: The values of the stored table.
        today: The current date of the account.
    """
    problems: dict[str, str] = {}
    if not form.name.strip():
        problems["name"] = "Enter a name."
    if not form.unit:
        problems["unit"] = "Choose a unit."
        return ReadForm((), problems)
    unit = EnteredUnit(form.unit)
    written = {"dates": form.dates or None, "decimal": form.decimal or None}
    formats = CellFormats.model_validate(written)
    typed = read_cells(form.rows, unit, today, formats=formats, stored=stored)
    problems |= {f"{one.row}-{one.column}": one.message for one in typed.problems}
    try:
        cells = split_pasted(form.pasted)
        pasted = read_cells(cells, unit, today, formats=formats, stored=stored)
    except InputError as error:
        problems["pasted"], pasted = f"{error.message} {error.remedy}", ReadCells((), ())
    if pasted.problems:
        stated = [str(one) for one in pasted.problems[:MOST_STATED]]
        left = len(pasted.problems) - len(stated)
        problems["pasted"] = " ".join([*stated, *([f"{left:,} more."] if left else [])])
    replaced = {value.key for value in pasted.rows}
    others = (value for value in typed.rows if value.key not in replaced)
    return ReadForm((*others, *pasted.rows), problems)


def _one_of(value: str, options: Container[str]) -> str:
    return value if value in options else ""


def differences(
    saved: Iterable[EnteredInput], own: Iterable[EnteredInput]
) -> tuple[FieldDifference, ...]:
    """Return the values that differ, the newest first."""
    theirs, mine = ({value.key: value for value in values} for values in (saved, own))
    return tuple(
        FieldDifference(
            " ".join(filter(None, [key[0].isoformat(), key[1]])),
            _text(theirs.get(key)),
            _text(mine.get(key)),
        )
        for key in sorted({*theirs, *mine}, reverse=True)
        if _text(theirs.get(key)) != _text(mine.get(key))
    )


def _text(value: EnteredInput | None) -> str:
    if value is None:
        return "—"
    cells = EnteredCells.of(value)
    return f"{cells.value} (n = {cells.n})" if cells.n else cells.value
