"""The preview of an uploaded file: how it was read, its columns, its first responses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from smaply_metrics_core.files import (
    DELIMITERS,
    ENCODINGS,
    FIELD_PREFIX,
    MULTIPLE_SUFFIX,
    DateOrder,
    FileColumn,
    FileColumnRole,
    FileMapping,
    ResponseSummary,
)
from smaply_metrics_host.uploads.upload_form import columns_key
from smaply_metrics_host.uploads.upload_reading import ROWS_SHOWN
from smaply_metrics_host.web.text import count

if TYPE_CHECKING:
    from datetime import datetime

    from smaply_metrics_core.host import Definition
    from smaply_metrics_host.uploads.staged_uploads import StagedUpload
    from smaply_metrics_host.uploads.upload_reading import UploadReading
    from smaply_metrics_host.uploads.upload_storage import StoredSurvey

MOST_COLUMNS: Final = 40
"""The columns of the table of responses; all columns are listed above it."""
_MOSTLY: Final = 0.5
"""The share of numbers from which a column was probably meant to have only numbers."""

ROLES: Final[dict[FileColumnRole, str]] = {
    FileColumnRole.DATE: "Date of the response",
    FileColumnRole.QUESTION: "Question",
    FileColumnRole.MULTIPLE: "Question with several answers",
    FileColumnRole.FIELD: "Field to group and filter by",
    FileColumnRole.WEIGHT: "Weight",
    FileColumnRole.STATUS: "Status: why it is excluded",
    FileColumnRole.FINISHED: "Finished: 1 or 0",
    FileColumnRole.RESPONSE_ID: "Response ID",
    FileColumnRole.IGNORE: "Ignored",
}
DATES: Final[dict[str, str]] = {
    DateOrder.DAY_FIRST.value: "Day first, 31/01/2026",
    DateOrder.MONTH_FIRST.value: "Month first, 01/31/2026",
    DateOrder.YEAR_FIRST.value: "Year first, 2026-01-31",
}
DECIMALS: Final[dict[str, str]] = {",": "Comma, 4,5", ".": "Point, 4.5"}


class UploadSetting(NamedTuple):
    """A choice of how a file is read.

    Attributes:
        name: The name of the field.
        label: Its label.
        automatic: The text of the option that states nothing.
        options: The other options by value.
        stated: The chosen value; empty for the automatic one.
        problem: The open question.
    """

    name: str
    label: str
    automatic: str
    options: dict[str, str]
    stated: str
    problem: str


class ColumnLine(NamedTuple):
    """A column with its role.

    Attributes:
        name: Its name in the file.
        role: Its role.
        samples: Its first cells.
        contents: What it contains.
        warning: What was probably not intended.
    """

    name: str
    role: FileColumnRole
    samples: tuple[str, ...]
    contents: str
    warning: str


@dataclass(frozen=True)
class UploadPreview:
    """The preview of an uploaded file.

    Attributes:
        settings: The choices of how the file is read.
        columns: The columns of the file; empty if it cannot be read.
        columns_key: Identifies the columns.
        columns_problem: The open question about roles.
        header: The names and roles of the columns below.
        rows: The first responses or, if something is unclear, the first rows of the file.
        hidden: The number of columns that ``rows`` leaves out.
        is_read: Whether ``rows`` are responses.
        summary: How many responses the file has, and from when.
        missing: Columns that metrics of the replaced file use, and that this one lacks.
    """

    settings: tuple[UploadSetting, ...]
    columns: tuple[ColumnLine, ...]
    columns_key: str
    columns_problem: str
    header: tuple[tuple[str, str], ...]
    rows: tuple[tuple[str, ...], ...]
    hidden: int
    is_read: bool
    summary: str
    missing: tuple[str, ...]


def preview_of(
    upload: StagedUpload, reading: UploadReading, stored: StoredSurvey | None
) -> UploadPreview:
    """Return the preview of a file.

    Args:
        upload: The file.
        reading: What was read of it.
        stored: The survey that it would replace.
    """
    table, responses = reading.table, reading.responses
    problems: dict[str, str] = {
        one.name: f"{one.message} Found: {one.excerpt}." if one.excerpt else one.message
        for one in (table.open_questions if table else ())
    }
    settings = _settings(upload, reading, problems)
    if table is None:
        return UploadPreview(settings, (), "", "", (), (), 0, is_read=False, summary="", missing=())
    mapping = table.mapping
    lines = tuple(_line(one, sign_is_open="decimal" in problems) for one in table.columns())
    if responses is None:
        header = tuple((name, ROLES[role]) for name, role in mapping.columns.items())
        rows = table.first_rows(ROWS_SHOWN)
    else:
        header, rows = _responses(responses, mapping)
    return UploadPreview(
        settings,
        lines,
        columns_key(mapping.columns),
        problems.get("columns", ""),
        header[:MOST_COLUMNS],
        tuple(row[:MOST_COLUMNS] for row in rows),
        max(0, len(header) - MOST_COLUMNS),
        is_read=responses is not None,
        summary=count(table.rows.height, "row") if responses is None else _summary(responses),
        missing=_missing(responses, stored),
    )


def _settings(
    upload: StagedUpload, reading: UploadReading, problems: dict[str, str]
) -> tuple[UploadSetting, ...]:
    stated = upload.stated
    found = reading.table.mapping if reading.table else FileMapping()
    sheets = {sheet: sheet for sheet in reading.sheets}
    parts: list[tuple[str, str, dict[str, str], str | None, str | None]] = []
    if sheets:
        parts.append(("sheet", "Sheet", sheets, stated.sheet, found.sheet))
    else:
        encodings, delimiters = dict(ENCODINGS), dict(DELIMITERS)
        parts += [
            ("encoding", "Encoding", encodings, stated.encoding, found.encoding),
            ("delimiter", "Delimiter", delimiters, stated.delimiter, found.delimiter),
        ]
    parts += [
        ("dates", "Dates", DATES, stated.dates, found.dates),
        ("decimal", "Decimal sign", DECIMALS, stated.decimal, found.decimal),
    ]
    return tuple(
        UploadSetting(
            name,
            label,
            _automatic(name, "" if choice or not read else options.get(read, ""), problems),
            options,
            choice or "",
            problems.get(name, ""),
        )
        for name, label, options, choice, read in parts
    )


def _automatic(name: str, read: str, problems: dict[str, str]) -> str:
    """Return the text of the option that states nothing."""
    if name in problems:
        return "Choose one"
    return f"Automatic: {read}" if read else "Automatic"


def _line(column: FileColumn, *, sign_is_open: bool) -> ColumnLine:
    contents = warning = ""
    if not column.filled:
        contents = "Empty"
    elif column.role is FileColumnRole.QUESTION:
        contents = "Text"
        if column.other is None:
            contents = "Numbers"
        elif column.numbers >= column.filled * _MOSTLY and not sign_is_open:
            row, cell = column.other
            warning = (
                f"{column.numbers:,} of {count(column.filled, 'cell')} are numbers, but “{cell}” "
                f"in row {row:,} is not, so the column is read as text. Correct or clear the cell "
                "to calculate averages and NPS."
            )
    return ColumnLine(column.name, column.role, column.samples, contents, warning)


def _responses(
    responses: ResponseSummary, mapping: FileMapping
) -> tuple[tuple[tuple[str, str], ...], tuple[tuple[str, ...], ...]]:
    """Return the first responses as they are read."""
    roles = {role: name for name, role in mapping.columns.items()}
    excluded = roles.get(FileColumnRole.STATUS) or roles.get(FileColumnRole.FINISHED)
    titles = {
        "recorded_at": (roles.get(FileColumnRole.DATE, "recorded_at"), "Date, in UTC"),
        "status": (excluded or "", "Excluded as"),
    }
    shown = [n for n, name in enumerate(responses.columns) if excluded or name != "status"]
    header = tuple(
        titles.get(responses.columns[number]) or _title(responses.columns[number])
        for number in shown
    )
    rows = tuple(tuple(_text(row[number]) for number in shown) for row in responses.rows)
    return header, rows


def _title(column: str) -> tuple[str, str]:
    if column.startswith(FIELD_PREFIX):
        return column.removeprefix(FIELD_PREFIX), "Field"
    several = column.endswith(MULTIPLE_SUFFIX)
    role = FileColumnRole.MULTIPLE if several else FileColumnRole.QUESTION
    return column.removesuffix(MULTIPLE_SUFFIX), ROLES[role]


def _text(cell: str | datetime | None) -> str:
    if cell is None or isinstance(cell, str):
        return cell or ""
    return f"{cell:%-d %b %Y, %H:%M}"


def _summary(responses: ResponseSummary) -> str:
    """Return how many responses a file has, which are excluded, and from when they are."""
    parts = [count(responses.count, "response")]
    if responses.excluded:
        excluded = (f"{number:,} {reason}" for reason, number in responses.excluded.items())
        parts.append(f"excluded: {', '.join(excluded)}")
    if responses.first and responses.last:
        parts.append(f"from {responses.first:%-d %B %Y} to {responses.last:%-d %B %Y}")
    if responses.undated:
        parts.append(f"{responses.undated:,} without a date")
    return "; ".join(parts)


def _missing(responses: ResponseSummary | None, stored: StoredSurvey | None) -> tuple[str, ...]:
    if responses is None or stored is None:
        return ()
    used = {name for metric in stored.metrics for name in _used(metric.definition)}
    return tuple(sorted(name.removeprefix(FIELD_PREFIX) for name in used - set(responses.columns)))


def _used(definition: Definition) -> set[str]:
    """Return the columns that a metric uses, as they are named in responses."""
    parts = (definition.group_by, definition.weight, *definition.filters)
    fields = {f"{FIELD_PREFIX}{one.of}" for one in parts if one and one.kind == "field"}
    return fields | {question for _, question in definition.named_questions()}
