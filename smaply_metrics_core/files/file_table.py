"""A file as a table of text, with what is known and unknown about its columns."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import BinaryIO, Final, Literal

import polars as pl

from smaply_metrics_core.calculations.csv_frame import frame_of
from smaply_metrics_core.context import Deadline
from smaply_metrics_core.errors import ExportFailed
from smaply_metrics_core.files.date_text import recognise_order
from smaply_metrics_core.files.file_column import FileColumn, column_of, shown
from smaply_metrics_core.files.file_mapping import (
    DELIMITERS,
    ENCODINGS,
    DateOrder,
    FileColumnRole,
    FileMapping,
)
from smaply_metrics_core.files.number_text import recognise_decimal
from smaply_metrics_core.files.response_columns import RECORDED, ResponseColumns, checked, roles_of
from smaply_metrics_core.files.text_encoding import recognise_encoding
from smaply_metrics_core.files.workbook import OLE, ZIP, Workbook
from smaply_metrics_core.input_limits.csv_records import CsvLimits, csv_records

_BYTES_EACH: Final = 2
"""The size in bytes of a file, per character of the limit."""
_RECORDS_SAMPLED: Final = 50
_SAMPLE: Final = 1 << 18
_MOST_NAME: Final = 300
"""The maximum length of the name of a column."""
_NAMELESS: Final = "\0"
_SHOWN: Final = 100
"""The maximum length of an excerpt."""


@dataclass(frozen=True)
class OpenQuestion:
    """What cannot be recognised, and has to be decided by a person.

    Attributes:
        name: The field of ``FileMapping`` with the answer.
        message: The question, without what respondents wrote.
        excerpt: What has two meanings, for the person who answers; never to be stored or logged.
    """

    name: Literal["encoding", "columns", "dates", "decimal"]
    message: str
    excerpt: str | None = None


@dataclass(frozen=True)
class FileTable:
    """A file as a table.

    Attributes:
        rows: The cells as text, by the names in the header. Blank cells are null.
        mapping: How the file is read: the given mapping with what was recognised. ``dates`` and
            ``decimal`` are ``None`` while they are open.
        sheets: The visible sheets of a workbook; empty for text.
        open_questions: What was not recognised.
    """

    rows: pl.DataFrame
    mapping: FileMapping
    sheets: tuple[str, ...]
    open_questions: tuple[OpenQuestion, ...]

    def responses(self, *, deadline: Deadline | None = None) -> pl.DataFrame:
        """Return the responses, one row each, in the order of the file.

        ``recorded_at`` is a Datetime in UTC, and ``status`` an ``ExclusionReason`` or null. All
        other columns are text: numbers have a decimal point and no thousands, names of embedded
        fields begin with ``field:``, and names of questions with several answers end with ``[]``.
        Blank rows are left out.

        Args:
            deadline: Checked for each column, and between many cells.

        Raises:
            ExportFailed: if a question is open, or a cell is not what its column requires. The
                message names the row and the column, and ``excerpt`` has the cell.
            DeadlineExceeded: when the deadline has passed.
            Cancelled: when the caller cancelled the call.
        """
        for question in self.open_questions:
            raise ExportFailed(
                question.message,
                remedy=f"State “{question.name}” in the mapping of the file.",
            )
        return ResponseColumns(
            self.rows,
            self.mapping.columns,
            self.mapping.dates or DateOrder.YEAR_FIRST,
            self.mapping.decimal or ".",
            deadline,
        ).read()

    @property
    def is_comma_separated(self) -> bool:
        """Whether the file is text in UTF-8 with commas between the cells."""
        return (self.mapping.encoding, self.mapping.delimiter) == ("utf_8", ",")

    def first_rows(self, most: int) -> tuple[tuple[str, ...], ...]:
        """Return the first rows as text, to be shown; blank cells are empty."""
        rows = self.rows.head(most).iter_rows()
        return tuple(tuple("" if cell is None else shown(cell) for cell in row) for row in rows)

    def columns(self) -> tuple[FileColumn, ...]:
        """Return what the columns contain, in the order of the file."""
        return tuple(
            column_of(self.rows[name], role, self.mapping.decimal)
            for name, role in self.mapping.columns.items()
        )


def responses_as_csv(responses: pl.DataFrame) -> bytes:
    """Return responses as CSV in UTF-8, which ``read_file_table`` reads without a mapping.

    Args:
        responses: What ``FileTable.responses`` returned.
    """
    text = io.StringIO(newline="")
    responses.with_columns(pl.col(RECORDED).dt.strftime("%Y-%m-%dT%H:%M:%S%.f+00:00")).write_csv(
        text
    )
    return text.getvalue().encode()


def read_file_table(
    file: BinaryIO,
    mapping: FileMapping | None = None,
    *,
    proposal: FileMapping | None = None,
    limits: CsvLimits | None = None,
    deadline: Deadline | None = None,
) -> FileTable:
    """Return a CSV, semicolon or tab file, or a sheet of an Excel workbook, as a table.

    Args:
        file: The file, opened for reading bytes. It stays open, and is read into memory.
        mapping: What is known about it; the rest is recognised.
        proposal: The mapping of an earlier file. Its sheet and the roles of its columns are used if
            the file has them, and its other parts if something is ambiguous.
        limits: The limits; the defaults of ``CsvLimits`` if ``None``.
        deadline: Checked at each row, and between many cells.

    Raises:
        ExportFailed: if it is not such a file, exceeds a limit, or contradicts the mapping.
        InputError: if the extra ``files`` is required and not installed.
        DeadlineExceeded: when the deadline has passed.
        Cancelled: when the caller cancelled the call.
    """
    mapping, limits = mapping or FileMapping(), limits or CsvLimits()
    proposal = proposal or FileMapping()
    most = limits.characters * _BYTES_EACH
    data = file.read(most + 1)
    if len(data) > most:
        raise ExportFailed(
            f"The file has more than {most:,} bytes.",
            remedy="Split the file by time, or remove columns.",
        )
    if data.startswith(OLE):
        raise ExportFailed(
            "The workbook is protected by a password, or has the old format .xls.",
            remedy="Save it as .xlsx without a password.",
        )
    sheets: tuple[str, ...] = ()
    unclear: str | None = None
    if data.startswith(ZIP):
        book = Workbook(data, limits, deadline=deadline)
        sheets = book.sheets
        proposed = proposal.sheet if proposal.sheet in sheets else sheets[0]
        mapping = mapping.model_copy(update={"sheet": mapping.sheet or proposed})
        if mapping.sheet not in sheets:
            raise ExportFailed(
                f"The workbook has no visible sheet “{mapping.sheet}”.",
                remedy=f"Choose one of: {', '.join(sheets)[:300]}.",
            )
        records = book.records(mapping.sheet or "")
    else:
        mapping, unclear = _text_format(data, mapping, proposal)
        records = csv_records(
            io.BytesIO(data),
            limits,
            deadline=deadline,
            encoding="utf-8-sig" if mapping.encoding == "utf_8" else mapping.encoding,
            delimiter=mapping.delimiter or ",",
        )
    table = _recognised(_rows(records), mapping, proposal, sheets, deadline)
    if unclear is None:
        return table
    message = "Which encoding has the file? Its letters with accents have two readings."
    first = OpenQuestion("encoding", message, unclear)
    return replace(table, open_questions=(first, *table.open_questions))


def visible_sheets(
    file: BinaryIO, *, limits: CsvLimits | None = None, deadline: Deadline | None = None
) -> tuple[str, ...]:
    """Return the names of the visible sheets of a workbook; none for text.

    To choose another sheet if one of them cannot be read. The arguments and errors are those of
    ``read_file_table``.
    """
    limits = limits or CsvLimits()
    data = file.read(limits.characters * _BYTES_EACH)
    return Workbook(data, limits, deadline=deadline).sheets if data.startswith(ZIP) else ()


def _text_format(
    data: bytes, mapping: FileMapping, proposal: FileMapping
) -> tuple[FileMapping, str | None]:
    """Return the mapping with the encoding and the delimiter of a text, and what is unclear."""
    stated = mapping.encoding
    encoding, unclear = (stated, None) if stated else recognise_encoding(data)
    if unclear and proposal.encoding:
        encoding, unclear = proposal.encoding, None
    if encoding not in ENCODINGS:
        raise ExportFailed(
            f"The encoding “{encoding}” is not supported.",
            remedy=f"Choose one of: {', '.join(ENCODINGS)}.",
        )
    delimiter = mapping.delimiter or _delimiter(data[:_SAMPLE].decode(encoding, "replace"))
    return mapping.model_copy(update={"encoding": encoding, "delimiter": delimiter}), unclear


def _delimiter(sample: str) -> str:
    """Return the delimiter that splits most records as it splits the header."""
    best, score = ",", (0.0, 0)
    for delimiter in DELIMITERS:
        try:
            text = io.StringIO(sample, newline="")
            records = [
                one
                for one in islice(csv.reader(text, delimiter=delimiter), _RECORDS_SAMPLED)
                if one
            ]
        except csv.Error:
            continue
        width = len(records[0]) if records else 0
        same = sum(len(one) == width for one in records) / len(records) if records else 0
        if width > 1 and (same, width) > score:
            best, score = delimiter, (same, width)
    return best


def _rows(records: Iterator[list[str]]) -> pl.DataFrame:
    """Return the cells by the names in the first record. Columns without any text are left out."""
    header = [name.strip() for name in next(records, [])]
    if not any(header):
        raise _invalid("The first row must contain the names of the columns")
    names = [name or f"{_NAMELESS}{place}" for place, name in enumerate(header, start=1)]
    name, times = Counter(names).most_common(1)[0]
    if times > 1:
        raise _invalid(f"{times:,} columns are named “{name}”")
    if any(len(name) > _MOST_NAME for name in names):
        raise _invalid(f"The name of a column has more than {_MOST_NAME} characters")
    rows = frame_of(records, names).with_columns(pl.all().str.strip_chars().replace("", None))
    for name in [name for name in names if name.startswith(_NAMELESS)]:
        if rows[name].is_not_null().any():
            raise _invalid(f"Column {name.removeprefix(_NAMELESS)} has no name in the first row")
        rows = rows.drop(name)
    return rows


def _recognised(
    rows: pl.DataFrame,
    mapping: FileMapping,
    proposal: FileMapping,
    sheets: tuple[str, ...],
    deadline: Deadline | None,
) -> FileTable:
    proposed = {name: role for name, role in proposal.columns.items() if name in rows.columns}
    roles, candidates = roles_of(rows, proposed | mapping.columns, deadline)
    questions: list[OpenQuestion] = []
    if FileColumnRole.DATE not in roles.values():
        which = " or ".join(f"“{name[:60]}”" for name in candidates[:5])
        message = f"Which column has the date of the response: {which}?" if which else (
            "Which column has the date of the response? No column is named recorded_at, and none "
            "contains only dates."
        )  # fmt: skip
        questions.append(OpenQuestion("columns", message))
    order, decimal = mapping.dates, mapping.decimal
    date = next((name for name, role in roles.items() if role is FileColumnRole.DATE), None)
    if order is None and date is not None:
        order, unclear = recognise_order(checked(rows[date].drop_nulls(), deadline))
        if unclear and proposal.dates:
            order = proposal.dates
        elif unclear:
            message = f"Is the day or the month first in the dates of column {date}?"
            questions.append(OpenQuestion("dates", message, f"“{unclear[:_SHOWN]}”"))
    if decimal is None and _is_plain(mapping.model_copy(update={"columns": roles, "dates": order})):
        decimal = "."
    if decimal is None:
        numeric = {FileColumnRole.QUESTION, FileColumnRole.WEIGHT}
        decimal, unclear = recognise_decimal(
            rows[name] for name, role in roles.items() if role in numeric
        )
        if unclear and mapping.delimiter == "," and "." in unclear:
            decimal, unclear = ".", None  # A file with a decimal comma has another delimiter.
        if unclear and proposal.decimal:
            decimal = proposal.decimal
        elif unclear:
            message = "Is the decimal sign of the numbers a point or a comma?"
            questions.append(OpenQuestion("decimal", message, f"“{unclear[:_SHOWN]}”"))
    mapping = mapping.model_copy(update={"columns": roles, "dates": order, "decimal": decimal})
    return FileTable(rows, mapping, sheets, tuple(questions))


def _is_plain(mapping: FileMapping) -> bool:
    return (
        (mapping.encoding, mapping.delimiter) == ("utf_8", ",")
        and mapping.columns.get(RECORDED) is FileColumnRole.DATE
        and mapping.dates is DateOrder.YEAR_FIRST
        and mapping.decimal in {None, "."}
    )


def _invalid(problem: str) -> ExportFailed:
    return ExportFailed(f"{problem}.", remedy="Correct the file and try again.")
