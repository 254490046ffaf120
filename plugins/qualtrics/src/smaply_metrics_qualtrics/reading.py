"""Reading an export's CSV: its header by its own rules, its rows with Polars, as text.

Row 2 holds question texts and so may hold newlines: header rows are records, not lines. Columns
get names of our own, since header names repeat. Nothing is inferred: a column of ``00501`` stays
text, one bad byte spoils nothing. What follows the header goes to a file of its own in the call's
private folder, for Polars to read only the columns that are needed.
"""

from __future__ import annotations

import codecs
import csv
import io
import os
from typing import TYPE_CHECKING, Final

import polars as pl

from smaply_metrics_core.errors import ExportFailed
from smaply_metrics_qualtrics.archive import Allowance, Member, copy, members
from smaply_metrics_qualtrics.columns import Column, Header

if TYPE_CHECKING:
    from pathlib import Path

HEADER_RECORDS: Final = 3
_LONGEST_RECORD: Final = 64 * 2**20


class Responses:
    """The responses of an export.

    Attributes:
        header: Its header; ``None`` when it held no file, so no response.
        rows: One row for each response, all columns as text, named by ``name``.
    """

    def __init__(self, header: Header | None, rows: pl.LazyFrame) -> None:
        self.header = header
        self.rows = rows

    @staticmethod
    def name(column: Column) -> str:
        """Name a column in ``rows``."""
        return f"c{column.position}"


def read_export(path: Path) -> Responses:
    """Read a downloaded export. The rows are read later, from files beside it.

    Raises:
        ExportFailed: when it is damaged, or is not what Qualtrics exports.
    """
    allowance = Allowance()
    header: Header | None = None
    parts: list[pl.LazyFrame] = []
    with members(path) as found:
        for number, member in enumerate(found):
            own, begun = read_header(member, of=header)
            rows = path.with_name(f"{path.stem}-{number}.csv")
            opened = os.open(rows, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(opened, "wb") as out:
                out.write(begun)
                copy(member, out, allowance)
            header = header or own
            parts.append(_scan(rows, own, header))
    if header is None:
        return Responses(None, pl.LazyFrame())
    return Responses(header, _without_blank_lines(pl.concat(parts), header))


def read_header(stream: Member, *, of: Header | None = None) -> tuple[Header, bytes]:
    """Read the three header records, and leave the stream at the first response.

    Args:
        stream: One file of an export.
        of: The header of the export's first file: whether a second one begins with a header of its
            own nobody documents, so it may go without.

    Returns:
        The header, and what was read of the responses.

    Raises:
        ExportFailed: when there is no header, or row 3 has no ImportId at all.
    """
    records = [_record(stream) for _ in range(HEADER_RECORDS)]
    names, keys = _cells(records[0].removeprefix(codecs.BOM_UTF8)), _cells(records[2])
    header = Header(names, keys)
    if header.columns and len(names) == len(keys):
        if header.width == 1:
            raise ExportFailed(
                "The export came with one column alone: a blank answer there cannot be told from "
                "no line at all."
            )
        return header, b""
    if of is not None and len(names) == of.width:
        return of, b"".join(records)
    raise ExportFailed(
        "The export does not begin with the three header rows of a Qualtrics export.",
        remedy="Send the debug bundle to support.",
    )


def _record(stream: Member) -> bytes:
    """Read one record: lines until no quote is open. Takes nothing beyond it."""
    record = b""
    while len(record) < _LONGEST_RECORD:
        line = stream.readline(_LONGEST_RECORD)
        record += line
        if not line or record.count(b'"') % 2 == 0:
            return record
    raise ExportFailed("The header of the export has no end.")


def _cells(record: bytes) -> list[str]:
    try:
        return next(csv.reader(io.StringIO(record.decode(errors="replace"), newline="")), [])
    except csv.Error:  # A cell beyond any name or key that there is.
        return []


def _scan(rows: Path, own: Header, header: Header) -> pl.LazyFrame:
    """Scan one file of rows, its columns in the order and under the names of the first file."""
    frame = pl.scan_csv(
        rows,
        has_header=False,
        schema={f"c{position}": pl.String for position in range(own.width)},
        encoding="utf8-lossy",
        raise_if_empty=False,
    )
    if own is header:
        return frame.select(Responses.name(column) for column in header.columns)
    places: dict[object, list[Column]] = {}
    for column in own.columns:
        places.setdefault(column.key, []).append(column)
    try:
        return frame.select(
            pl.col(Responses.name(places[column.key].pop(0))).alias(Responses.name(column))
            for column in header.columns
        )
    except (KeyError, IndexError):
        raise ExportFailed("The files of the export have different columns.") from None


def _without_blank_lines(rows: pl.LazyFrame, header: Header) -> pl.LazyFrame:
    """Drop lines without any cell: a response has at least the date when it was recorded."""
    recorded = header.metadata("recordedDate")
    if recorded is None:
        return rows
    status = (header.metadata(name) for name in ("status", "finished"))
    known = [Responses.name(column) for column in (recorded, *status) if column is not None]
    return rows.filter(~pl.all_horizontal(pl.col(known).is_null()))
