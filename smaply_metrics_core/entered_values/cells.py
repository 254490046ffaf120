"""Reads values that a person typed in cells or pasted from a spreadsheet."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final, NamedTuple

from smaply_metrics_core.entered_values.tables import (
    LONGEST_NAME,
    MOST_ANSWERS,
    MOST_ROWS,
    EnteredInput,
    EnteredUnit,
    is_text,
)
from smaply_metrics_core.errors import InputError
from smaply_metrics_core.files.date_text import EXAMPLES, parse_date, recognise_order
from smaply_metrics_core.files.file_mapping import DateOrder
from smaply_metrics_core.files.number_text import DecimalSign, parse_number, recognise_sign
from smaply_metrics_core.models.base import Frozen
from smaply_metrics_core.models.query import YEARS

DELIMITERS: Final = ("\t", ";", ",")
COLUMNS: Final = ("date", "label", "value", "n")
_SHOWN: Final = 100
_WHOLE: Final = re.compile(r"\d{1,15}|\d{1,3}(?:[., \u00a0]\d{3}){1,4}", re.ASCII)


class EnteredCells(NamedTuple):
    """The texts of one row, as they were typed or pasted."""

    day: str = ""
    label: str = ""
    value: str = ""
    n: str = ""

    @classmethod
    def of(cls, row: EnteredInput) -> EnteredCells:
        """Return the texts of a stored value, which are read as the same value again."""
        n = "" if row.n is None else str(row.n)
        return cls(row.day.isoformat(), row.label, plain_text(row.value), n)


@dataclass(frozen=True)
class CellProblem:
    """A cell that cannot be read.

    Attributes:
        row: The number of its row, from 1.
        column: One of ``COLUMNS``.
        message: What is wrong and what to enter instead, with the text of the cell.
    """

    row: int
    column: str
    message: str

    def __str__(self) -> str:
        """Return the problem with its place."""
        return f"Row {self.row}, {self.column}: {self.message}"


class CellFormats(Frozen):
    """How dates and numbers are written. What is ``None`` is recognised."""

    dates: DateOrder | None = None
    decimal: DecimalSign | None = None


@dataclass(frozen=True)
class ReadCells:
    """Values, and the cells that cannot be read.

    Attributes:
        rows: The values; blank rows are left out. Not complete if there are problems.
        problems: The cells that cannot be read, in their order.
    """

    rows: tuple[EnteredInput, ...]
    problems: tuple[CellProblem, ...]

    def require(self) -> tuple[EnteredInput, ...]:
        """Return the values.

        Raises:
            InputError: when a cell cannot be read; the message names the first.
        """
        if not self.problems:
            return self.rows
        first, *others = self.problems
        cells = "cell" if len(others) == 1 else "cells"
        more = f" {len(others):,} more {cells} cannot be read." if others else ""
        raise InputError(
            f"{first}{more}",
            remedy="Correct the rows and try again. Nothing was saved.",
        )


def plain_text(value: float) -> str:
    """Return a number with a decimal point and all of its digits, such as ``43`` or ``4.25``."""
    return f"{Decimal(repr(value)):f}".removesuffix(".0")


def split_pasted(text: str) -> tuple[EnteredCells, ...]:
    """Return the rows of a text that was copied from a spreadsheet or a CSV file.

    Columns are separated by tabs, semicolons or commas. A first row without a date names them:
    date, label, value and n, in any order. Without names they are date and value; date, value and
    n; date, label and value; or all four.

    Raises:
        InputError: when the columns are not these, or there are too many rows.
    """
    lines = [line for line in text.removeprefix("\ufeff").splitlines() if line.strip()]
    if not lines:
        return ()
    if len(lines) > MOST_ROWS + 1:
        raise InputError(
            f"There are more than {MOST_ROWS:,} rows.", remedy="Use several tables, or fewer rows."
        )
    delimiter = next((one for one in DELIMITERS if one in lines[0]), "\t")
    try:
        rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=delimiter)]
    except csv.Error:
        raise InputError(
            "A cell is too long.", remedy="Check the quotes in the text: each needs a second one."
        ) from None
    places = (place for row in rows for place, cell in enumerate(row, start=1) if cell)
    width = max(places, default=0)
    names = [cell.lower() for cell in rows[0]]
    if "date" in names:
        rows = rows[1:]
    else:
        # Not with commas, since the third column may be the decimals of the second.
        three = _three_columns(rows) if delimiter != "," else ()
        names = list({2: ("date", "value"), 3: three, 4: COLUMNS}.get(width, ()))
    unknown = [name for name in names[:width] if name not in COLUMNS]
    if unknown or not {"date", "value"} <= {*names} or width > len(names):
        raise InputError(
            "The columns cannot be recognised.",
            remedy="Name them in the first row: date, label, value and n. Only date and value are "
            "required.",
        )
    fields = ["day" if name == "date" else name for name in names[:width]]
    return tuple(EnteredCells(**dict(zip(fields, row, strict=False))) for row in rows)


def _three_columns(rows: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Return the columns of three cells: the second is a label if it is not a number."""
    numbers = all(_is_number(row[1]) for row in rows if len(row) > 1)
    return ("date", "value", "n") if numbers else ("date", "label", "value")


def read_cells(
    cells: Sequence[EnteredCells],
    unit: EnteredUnit,
    today: date,
    *,
    formats: CellFormats | None = None,
    stored: Iterable[EnteredInput] = (),
) -> ReadCells:
    """Return the values in typed or pasted rows.

    Args:
        cells: The rows; blank ones are left out.
        unit: The unit of the values.
        today: The current date of the account; no value is for a later day.
        formats: How dates and numbers are written.
        stored: Values whose texts are not evidence of how others are written.
    """
    known = {EnteredCells.of(row): row for row in stored}
    given = [
        (number, EnteredCells(*map(str.strip, row)))
        for number, row in enumerate(cells, start=1)
        if any(map(str.strip, row))
    ]
    new = [row for _, row in given if row not in known]
    reader = _CellReader(new, unit, today, formats or CellFormats())
    found: list[EnteredInput] = []
    places: dict[tuple[date, str], int] = {}
    for number, row in given:
        value = known.get(row) or reader.row(number, row)
        if value is None:
            continue
        first = places.setdefault(value.key, number)
        if first != number:
            what = f" and the label “{value.label}”" if value.label else ""
            message = f"Row {first} has the same date{what}. Delete one."
            reader.problems.append(CellProblem(number, "date", message))
        found.append(value)
    return ReadCells(tuple(found), tuple(reader.problems))


class _Unreadable(Exception):
    """A cell that cannot be read; the message is for people."""


class _CellReader:
    """Reads rows, and collects the cells that cannot be read."""

    def __init__(
        self, rows: Sequence[EnteredCells], unit: EnteredUnit, today: date, formats: CellFormats
    ) -> None:
        self._unit = unit
        self._today = today
        self.problems: list[CellProblem] = []
        order, self._unclear_date = recognise_order(row.day for row in rows)
        self._order = formats.dates or order
        values = [text for row in rows if _is_number(text := _number_text(row.value))]
        decimal, self._unclear_number = recognise_sign(values)
        if self._unclear_number is None and decimal is None:
            decimal = "."
        self._decimal = formats.decimal or decimal

    def row(self, number: int, cells: EnteredCells) -> EnteredInput | None:
        """Return the value of a row; ``None`` if a cell cannot be read."""
        read = {
            "day": (cells.day, self._day),
            "label": (cells.label, _label),
            "value": (cells.value, self._value),
            "n": (cells.n, _count),
        }
        parts: dict[str, object] = {}
        for part, (cell, parse) in read.items():
            try:
                parts[part] = parse(cell)
            except _Unreadable as problem:
                column = "date" if part == "day" else part
                self.problems.append(CellProblem(number, column, str(problem)))
        return EnteredInput.model_validate(parts) if parts.keys() == read.keys() else None

    def _day(self, cell: str) -> date:
        if self._order is None:
            raise _Unreadable(
                f"“{_shown(self._unclear_date)}” has two meanings. State whether the day or the "
                "month comes first."
            )
        example = EXAMPLES[self._order][:10]
        if not cell:
            raise _Unreadable(f"Enter a date such as {example}.")
        found = parse_date(cell, self._order)
        if found is None:
            raise _Unreadable(f"“{_shown(cell)}” is not a date such as {example}.")
        if found.year not in YEARS or found.date() > self._today:
            raise _Unreadable(
                f"“{_shown(cell)}” is in the future, or too long ago. Enter another date."
            )
        return found.date()

    def _value(self, cell: str) -> float:
        if self._decimal is None:
            raise _Unreadable(
                f"“{_shown(self._unclear_number)}” has two meanings. State whether the decimal "
                "sign is a point or a comma."
            )
        if not cell:
            raise _Unreadable("Enter a value.")
        value = parse_number(_number_text(cell), self._decimal)
        if value is None:
            sign = "point" if self._decimal == "." else "comma"
            raise _Unreadable(f"“{_shown(cell)}” is not a number with a decimal {sign}.")
        if expected := self._unit.refusal(value):
            raise _Unreadable(f"“{_shown(cell)}” must be {expected}.")
        return value


def _label(cell: str) -> str:
    if len(cell) > LONGEST_NAME:
        raise _Unreadable(f"A label has at most {LONGEST_NAME} characters.")
    if not is_text(cell):
        raise _Unreadable("A label has no line breaks and control characters.")
    return cell


def _count(cell: str) -> int | None:
    """Return the number of answers; ``None`` if the cell is blank."""
    if not cell:
        return None
    plain = re.sub(r"\D", "", cell) if _WHOLE.fullmatch(cell) else ""
    if plain and 0 < int(plain) <= MOST_ANSWERS:
        return int(plain)
    raise _Unreadable(
        f"“{_shown(cell)}” is not a number of answers. Enter a whole number from 1 to "
        f"{MOST_ANSWERS:,}, or leave it blank if it is unknown."
    )


def _is_number(cell: str) -> bool:
    return any(parse_number(_number_text(cell), sign) is not None for sign in (".", ","))


def _number_text(cell: str) -> str:
    """Return a number without a percent sign and with a hyphen as its sign."""
    return cell.removesuffix("%").strip().replace("\N{MINUS SIGN}", "-")


def _shown(cell: str | None) -> str:
    return (cell or "")[:_SHOWN]
