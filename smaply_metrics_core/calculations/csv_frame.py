"""CSV from untrusted senders as a data frame, within limits of memory and time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import BinaryIO, Final

import polars as pl

from smaply_metrics_core.context import Deadline
from smaply_metrics_core.errors import ExportFailed
from smaply_metrics_core.input_limits.csv_records import CsvLimits, csv_records

_CELLS: Final = 500_000
_ROWS: Final = 50_000
"""The maximum numbers of cells and rows that are converted at once."""


def read_csv(
    file: BinaryIO, limits: CsvLimits | None = None, *, deadline: Deadline | None = None
) -> pl.DataFrame:
    """Return CSV in UTF-8 as a data frame: one row per record after the header, in file order.

    Every column is text, since type inference would turn the answer 00501 into 501. Blank cells,
    and those that a short record lacks, are null; so an empty line is a row of nulls.

    Args:
        file: The CSV, opened for reading bytes. It stays open.
        limits: The limits; the defaults of ``CsvLimits`` if ``None``.
        deadline: Checked at each line.

    Raises:
        ExportFailed: if it has no header or two columns with the same name, if a record has more
            cells than the header, and as for ``csv_records``.
        DeadlineExceeded: when the deadline has passed.
        Cancelled: when the caller cancelled the call.
    """
    records = csv_records(file, limits, deadline=deadline)
    names = [name.strip() for name in next(records, [])]
    if not any(names):
        raise _invalid("The first row must contain the names of the columns.")
    name, times = Counter(names).most_common(1)[0]
    if times > 1:
        raise _invalid(f"{times:,} columns are named “{name}”.")
    return frame_of(records, names)


def frame_of(records: Iterator[list[str]], names: Sequence[str]) -> pl.DataFrame:
    """Return the records after the header as a data frame of texts; blank cells are null.

    Raises:
        ExportFailed: if a record has more cells than there are names.
    """
    return pl.concat(_frames(records, names))


def _frames(records: Iterator[list[str]], names: Sequence[str]) -> Iterator[pl.DataFrame]:
    """Yield the records as data frames, the first of which may be empty."""
    schema = dict.fromkeys(names, pl.String())
    yield pl.DataFrame(schema=schema)
    row, rows = 2, max(1, min(_ROWS, _CELLS // len(names)))
    while block := list(islice(records, rows)):
        for number, record in enumerate(block):
            if len(record) > len(names):
                raise _invalid(f"Row {row + number:,} has more cells than the header.")
            record.extend([""] * (len(names) - len(record)))
        columns = ([cell or None for cell in column] for column in zip(*block, strict=True))
        yield pl.DataFrame(dict(zip(names, columns, strict=True)), schema=schema)
        row += len(block)


def _invalid(message: str) -> ExportFailed:
    return ExportFailed(message, remedy="Correct the file and try again.")
