"""Numbers in text with a decimal point or comma."""

from __future__ import annotations

import re
from collections.abc import Iterable
from math import isfinite
from typing import Final, Literal

import polars as pl

from smaply_metrics_core.files.workbook import DECIMAL_MARK

DecimalSign = Literal[".", ","]
_OTHER: Final[dict[str, str]] = {",": ".", ".": ","}


def _number(decimal: str) -> str:
    """Return the pattern of numbers; the other sign may separate thousands."""
    thousands = rf"[1-9]\d{{0,2}}(?:[{_OTHER[decimal]}]\d{{3}})+"
    return rf"^[-+]?(?:\d+|{thousands})(?:[{decimal}{DECIMAL_MARK}]\d+)?$"


_EITHER: Final = rf"{_number('.')}|{_number(',')}"


def is_number(cells: pl.Series, decimal: str | None) -> pl.Series:
    """Return whether each cell is a number with this decimal sign or, if ``None``, with either.

    It is null if the cell is blank.
    """
    return cells.str.contains(_number(decimal) if decimal else _EITHER)


def plain_numbers(cells: pl.Series, decimal: str) -> pl.Series:
    """Return the cells with a decimal point and without thousands, if all of them are numbers.

    Otherwise they are text, and returned as they are.
    """
    if cells.drop_nulls().len() and is_number(cells, decimal).drop_nulls().all():
        cells = cells.str.replace_all(_OTHER[decimal], "", literal=True)
        cells = cells.str.replace(decimal, ".", literal=True)
    return cells.str.replace_all(DECIMAL_MARK, ".", literal=True)


def parse_number(cell: str, decimal: str) -> float | None:
    """Return the finite number in a cell; ``None`` if it is none with this decimal sign."""
    if re.fullmatch(_number(decimal), cell) is None:
        return None
    number = float(cell.replace(_OTHER[decimal], "").replace(decimal, "."))
    return number if isfinite(number) else None


def recognise_sign(cells: Iterable[str]) -> tuple[DecimalSign | None, str | None]:
    """Return the decimal sign of some cells, as ``recognise_decimal`` does."""
    return recognise_decimal([pl.Series([*cells], dtype=pl.String)])


def recognise_decimal(columns: Iterable[pl.Series]) -> tuple[DecimalSign | None, str | None]:
    """Return the decimal sign of a file, and a cell that has two meanings if it is unknown.

    “4,5” has a decimal comma. “1,234” may be 1234, or a bit more than 1. Both are ``None`` if no
    number has a sign.
    """
    only: dict[str, str] = {}
    ambiguous: str | None = None
    for column in columns:
        cells = column.drop_nulls()
        signed = cells.filter(cells.str.contains(r"[.,]"))
        if not signed.len() or not cells.str.contains(_EITHER).all():
            continue
        point, comma = is_number(signed, "."), is_number(signed, ",")
        for sign, mask in ((".", point & ~comma), (",", comma & ~point)):
            if mask.any():
                only.setdefault(sign, signed.filter(mask)[0])
        if (point & comma).any():
            ambiguous = ambiguous or signed.filter(point & comma)[0]
    if len(only) > 1:
        return None, only[","]
    if "," in only:
        return ",", None
    return (".", None) if only else (None, ambiguous)
