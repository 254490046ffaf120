"""Writes CSV files for spreadsheets, in which no cell runs as a formula."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from typing import BinaryIO, Final

from smaply_metrics_core.input_limits.csv_records import CsvLimits, csv_records

_SUSPECT: Final = frozenset("=+-@\t\r\n \uff1d\uff0b\uff0d\uff20")
"""The first characters of a cell that may be a formula: signs, their full-width forms, and white
space, which some programs skip."""

_NUMBER: Final = re.compile(r"[+-]?\d[\d.,]*(?:[eE][+-]?\d+)?\s?%?")
"""A sign, digits and separators are a number, which must not be escaped."""


def escape_formula(cell: str) -> str:
    """Return a cell with a leading ``'`` if a spreadsheet could run it as a formula.

    A cell is escaped when its first character other than a space is ``=``, ``+``, ``-`` or ``@``
    (also in full width), a tab, a carriage return or a line feed. Plain numbers such as ``-5``,
    ``+3.5`` and ``-1.234,50`` are not changed.
    """
    if cell[:1] not in _SUSPECT:
        return cell
    begin = cell.lstrip(" ")
    if begin[:1] not in _SUSPECT or _NUMBER.fullmatch(begin.rstrip(" ")):
        return cell
    return f"'{cell}"


def write_spreadsheet_csv(
    raw: BinaryIO,
    out: BinaryIO,
    blank: frozenset[str] = frozenset(),
    check: Callable[[], None] = lambda: None,
) -> None:
    """Copy a CSV in UTF-8 and escape formulas, holding one row in memory.

    Bytes that are not UTF-8 become U+FFFD. The copy begins with a byte order mark, by which
    spreadsheets detect UTF-8. Cells that are in ``blank`` become empty. Neither stream is closed.
    ``check`` is called for each row, and raises to stop the work.

    Raises:
        ExportFailed: when a cell has more than 131,072 characters, as after an unclosed quote, or
            a row has more than four million.
    """
    readable = io.TextIOWrapper(out, encoding="utf-8-sig", newline="")
    try:
        csv.writer(readable).writerows(_rows(raw, blank, check))
        readable.flush()
    finally:  # When a text wrapper is collected, it closes the stream it wraps.
        readable.detach()


def _rows(raw: BinaryIO, blank: frozenset[str], check: Callable[[], None]) -> Iterator[list[str]]:
    for row in csv_records(raw, CsvLimits.of_one_record(), strict=False):
        check()
        cells = ["" if cell in blank else cell for cell in row] if blank else row
        yield [cell if cell[:1] not in _SUSPECT else escape_formula(cell) for cell in cells]
