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

_AFTER_SEPARATOR: Final = re.compile('([;\t\r\n][ "]*)(?=[=+\\-@\uff1d\uff0b\uff0d\uff20])')
"""A possible formula within a cell, after a character that some spreadsheets split cells at."""

_NUMBER: Final = re.compile(r"[+-]?\d[\d.,]*(?:[eE][+-]?\d+)?\s?%?")
"""A sign, digits and separators are a number, which must not be escaped."""


def escape_formula(cell: str) -> str:
    """Return a cell with a leading ``'`` if a spreadsheet could run it as a formula.

    A cell is escaped when its first character other than a space is ``=``, ``+``, ``-`` or ``@``
    (also in full width), a tab, a carriage return or a line feed. Plain numbers such as ``-5``,
    ``+3.5`` and ``-1.234,50`` are not changed.

    Where the decimal separator is a comma, spreadsheets split cells at ``;``, even within quotes.
    So such a character is escaped too after a ``;``, a tab or a line break within the cell. Files
    that people open also quote all cells, so that a number does not continue in the next cell.
    """
    if _AFTER_SEPARATOR.search(cell):
        cell = _AFTER_SEPARATOR.sub(r"\1'", cell)
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
        csv.writer(readable, quoting=csv.QUOTE_ALL).writerows(_rows(raw, blank, check))
        readable.flush()
    finally:  # When a text wrapper is collected, it closes the stream it wraps.
        readable.detach()


def _rows(raw: BinaryIO, blank: frozenset[str], check: Callable[[], None]) -> Iterator[list[str]]:
    for row in csv_records(raw, CsvLimits.of_one_record(), strict=False):
        check()
        cells = ["" if cell in blank else cell for cell in row] if blank else row
        yield [escape_formula(cell) for cell in cells]
