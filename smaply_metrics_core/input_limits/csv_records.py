"""CSV from untrusted senders: its records, one after the other, within limits."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO

from smaply_metrics_core.context import Deadline
from smaply_metrics_core.errors import ExportFailed


@dataclass(frozen=True)
class CsvLimits:
    """The limits within which CSV is read.

    The defaults are several times those of the largest surveys, which have a few thousand columns.

    Attributes:
        columns: The maximum number of columns.
        rows: The maximum number of records.
        cells: The maximum number of records times columns, since all of them are held in memory.
        characters: The maximum number of characters of all records.
        record: The maximum number of characters of one record.
        cell: The maximum number of characters of one cell; ``csv.field_size_limit`` applies too.
    """

    columns: int = 10_000
    rows: int = 2_000_000
    cells: int = 20_000_000
    characters: int = 256 * 2**20
    record: int = 4 * 2**20
    cell: int = 128 * 2**10

    @classmethod
    def of_one_record(cls, *, columns: int = sys.maxsize) -> CsvLimits:
        """Return limits for code that holds one record in memory, and not all of them."""
        return cls(columns=columns, rows=sys.maxsize, cells=sys.maxsize, characters=sys.maxsize)


def csv_records(  # noqa: PLR0913  # Each has a default.
    file: BinaryIO,
    limits: CsvLimits | None = None,
    *,
    deadline: Deadline | None = None,
    strict: bool = True,
    encoding: str | None = None,
    delimiter: str = ",",
) -> Iterator[list[str]]:
    """Yield the records of CSV, as ``csv.reader`` parses them.

    Only one record is in memory at a time, and the deadline is checked at each line. A byte order
    mark is skipped, and an empty line is an empty record.

    Args:
        file: The CSV, opened for reading bytes. It stays open.
        limits: The limits; the defaults of ``CsvLimits`` if ``None``.
        deadline: The deadline of the call.
        strict: Whether text after a closing quote, and a quote that is still open at the end, are
            errors. Otherwise, such a quote takes the rest of the file into its cell.
        encoding: The encoding, which has to be valid; ``None`` for UTF-8, in which invalid bytes
            are replaced.
        delimiter: The character between cells.

    Raises:
        ExportFailed: if it exceeds a limit, or is not valid CSV or not in the encoding; the message
            names the row.
        DeadlineExceeded: when the deadline has passed.
        Cancelled: when the caller cancelled the call.
    """
    limits = limits or CsvLimits()
    errors = "strict" if encoding else "replace"
    text = io.TextIOWrapper(file, encoding or "utf-8-sig", errors, newline="")
    try:
        yield from _Records(text, limits, deadline).read(delimiter, strict=strict)
    finally:
        with suppress(ValueError):  # The caller may have closed the file.
            text.detach()


class _Records:
    """The records of a text; its numbers describe the current one."""

    def __init__(
        self, text: io.TextIOWrapper, limits: CsvLimits, deadline: Deadline | None
    ) -> None:
        self._text = text
        self._limits = limits
        self._deadline = deadline
        self._row = 1
        self._width = 0
        self._characters = 0
        self._of_record = 0

    def read(self, delimiter: str, *, strict: bool) -> Iterator[list[str]]:
        """Yield the records."""
        limits = self._limits
        try:
            for record in csv.reader(self._lines(), delimiter=delimiter, strict=strict):
                if self._of_record > limits.cell and max(map(len, record), default=0) > limits.cell:
                    raise self._refused(f"has a cell of more than {limits.cell:,} characters")
                self._of_record = 0
                self._width = max(self._width, len(record))
                if len(record) > limits.columns:
                    raise self._refused(f"has more than {limits.columns:,} columns")
                if self._row > limits.rows:
                    raise _too_large(f"more than {limits.rows:,} rows")
                if self._row * self._width > limits.cells:
                    raise _too_large(f"more than {limits.cells:,} cells")
                yield record
                self._row += 1
        except csv.Error as error:
            raise self._refused(f"is not valid CSV ({error})") from None
        except UnicodeDecodeError as error:
            raise ExportFailed(
                f"Row {self._row:,} or one soon after is not in the encoding {error.encoding}.",
                remedy="Choose another encoding, or save the file as “CSV UTF-8”.",
            ) from None

    def _lines(self) -> Iterator[str]:
        most = self._limits.record
        while line := self._text.readline(most + 1):
            self._of_record += len(line)
            if self._of_record > most:
                raise self._refused(f"has more than {most:,} characters")
            self._characters += len(line)
            if self._characters > self._limits.characters:
                raise _too_large(f"more than {self._limits.characters:,} characters")
            if self._deadline is not None:
                self._deadline.check()
            yield line

    def _refused(self, why: str) -> ExportFailed:
        return ExportFailed(
            f"Row {self._row:,} {why}.",
            remedy="Check that the file is CSV and that every quote is closed.",
        )


def _too_large(what: str) -> ExportFailed:
    return ExportFailed(f"There are {what}.", remedy="Split the file by time, or remove columns.")
