"""A CSV that people may open in a spreadsheet: no cell of it runs as a formula."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from typing import BinaryIO, Final

_SUSPECT: Final = frozenset("=+-@\t\r\n \uff1d\uff0b\uff0d\uff20")
"""What a cell may begin with to be a formula somewhere: the signs, their full-width forms, and
white space, before which some programs look further."""

_NUMBER: Final = re.compile(r"[+-]?\d[\d.,]*(?:[eE][+-]?\d+)?\s?%?")
"""A sign, digits and separators can only be a number, and -5 has to stay one."""


def escape_formula(cell: str) -> str:
    """Return a cell as a spreadsheet may have it: what could be a formula begins with ``'``.

    A cell is taken for one when its first character other than a space is ``=``, ``+``, ``-`` or
    ``@`` (also in full width), a tab, a carriage return or a line feed. Plain numbers such as
    ``-5``, ``+3.5`` and ``-1.234,50`` stay as they are.
    """
    if cell[:1] not in _SUSPECT:
        return cell
    begin = cell.lstrip(" ")
    if begin[:1] not in _SUSPECT or _NUMBER.fullmatch(begin.rstrip(" ")):
        return cell
    return f"'{cell}"


def write_spreadsheet_csv(
    raw: BinaryIO, out: BinaryIO, blank: frozenset[str] = frozenset()
) -> None:
    """Copy a CSV in UTF-8 row by row with every cell defused, in memory for one row.

    Bytes that are no UTF-8 become U+FFFD. The copy begins with a byte order mark, by which
    spreadsheets know UTF-8. Cells that are in ``blank`` become empty. Neither stream is closed.

    Raises:
        csv.Error: when a cell has more than 131,072 characters, as after a quote that is left open.
    """
    text = io.TextIOWrapper(raw, encoding="utf-8-sig", errors="replace", newline="")
    readable = io.TextIOWrapper(out, encoding="utf-8-sig", newline="")
    try:
        csv.writer(readable).writerows(_rows(text, blank))
        readable.flush()
    finally:  # A text wrapper closes what it wraps when it goes.
        text.detach()
        readable.detach()


def _rows(text: io.TextIOWrapper, blank: frozenset[str]) -> Iterator[list[str]]:
    for row in csv.reader(text):
        cells = ["" if cell in blank else cell for cell in row] if blank else row
        yield [cell if cell[:1] not in _SUSPECT else escape_formula(cell) for cell in cells]
