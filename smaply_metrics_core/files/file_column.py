"""What a column of a file contains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import polars as pl

from smaply_metrics_core.files.file_mapping import FileColumnRole
from smaply_metrics_core.files.number_text import is_number
from smaply_metrics_core.files.workbook import DECIMAL_MARK

_SAMPLES: Final = 3
_SHOWN: Final = 100
"""The maximum length of a cell that is shown."""


@dataclass(frozen=True)
class FileColumn:
    """What a column contains, for the person who states its role.

    The cells are what respondents wrote, so they are never to be stored or logged.

    Attributes:
        name: Its name in the header.
        role: Its role.
        samples: The first cells that are not blank.
        filled: How many cells are not blank.
        numbers: How many cells are numbers.
        other: The row and the text of the first cell that is not a number, if there is one.
    """

    name: str
    role: FileColumnRole
    samples: tuple[str, ...]
    filled: int
    numbers: int
    other: tuple[int, str] | None


def column_of(cells: pl.Series, role: FileColumnRole, decimal: str | None) -> FileColumn:
    """Return what a column of a file contains.

    Args:
        cells: The cells as text; blank ones are null.
        role: Its role.
        decimal: The decimal sign of numbers; ``None`` if it is unknown.
    """
    filled = cells.drop_nulls()
    numbers = is_number(cells, decimal)
    other = (~numbers).fill_null(value=False).arg_true().head(1).to_list()
    return FileColumn(
        name=cells.name,
        role=role,
        samples=tuple(shown(cell) for cell in filled.head(_SAMPLES)),
        filled=filled.len(),
        numbers=int(numbers.sum()),
        other=(other[0] + 2, shown(cells[other[0]])) if other else None,  # After the header.
    )


def shown(cell: str) -> str:
    """Return the beginning of a cell as it is shown to a person."""
    return cell[:_SHOWN].replace(DECIMAL_MARK, ".")
