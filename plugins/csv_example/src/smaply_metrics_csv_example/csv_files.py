"""Find the CSV files in the folder and read them as data frames, one row per response.

Anyone may have written a file, so it is read within limits, and each step checks the deadline: a
call that the core has abandoned must end.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

import polars as pl

from smaply_metrics_core import (
    CsvLimits,
    ExclusionReason,
    ExportFailed,
    SourceContext,
    SurveyUnavailable,
)
from smaply_metrics_core.calculations import read_csv

RECORDED: Final = "recorded_at"
STATUS: Final = "status"
FINISHED: Final = "finished"
ABOUT: Final = (RECORDED, STATUS, FINISHED)
"""The columns about the response. Every other column is a question or an embedded field."""

FIELD_PREFIX: Final = "field:"
"""Marks the header of an embedded field."""

LIMITS: Final = CsvLimits(columns=3_000, rows=1_000_000, cells=10_000_000, characters=100 * 2**20)
"""A file within them takes less than 1 GB of memory."""
LONGEST_NAME: Final = 300
"""The maximum length of the name of a column, which is the ID of a question."""


def csv_files(context: SourceContext) -> dict[str, Path]:
    """Return the CSV files in the folder by survey id, which is the file name without ``.csv``.

    Symbolic links that lead out of the folder are skipped. The core has already resolved the folder
    itself.
    """
    folder = next(place.folder for place in context.destinations if place.folder)
    found = {path.stem: path.resolve() for path in sorted(folder.glob("[!.]*.csv"))}
    return {
        name: path for name, path in found.items() if path.is_relative_to(folder) and path.is_file()
    }


def csv_file(context: SourceContext, survey_id: str) -> Path:
    """Return the file of one survey.

    The id is looked up and never joined to a path, so an id such as ``../secrets`` is harmless.

    Raises:
        SurveyUnavailable: if the file does not exist.
    """
    path = csv_files(context).get(survey_id)
    if path is None:
        raise SurveyUnavailable(
            f"The file {survey_id}.csv does not exist.",
            remedy="Restore the file, or edit the metric and choose another survey.",
        )
    return path


def survey_rows(context: SourceContext, survey_id: str) -> pl.DataFrame:
    """Return the responses of one survey, as ``read_rows`` does.

    Raises:
        SurveyUnavailable: if the file does not exist.
        ExportFailed: if the file does not have the documented format, or exceeds a limit.
    """
    path = csv_file(context, survey_id)
    with path.open("rb") as file:
        return read_rows(context, file, path.name)


def read_rows(context: SourceContext, file: BinaryIO, name: str) -> pl.DataFrame:
    """Return the responses of a file, one row each.

    ``recorded_at`` is a Datetime in UTC, and ``status`` an ``ExclusionReason`` or null. All other
    columns are text.

    Args:
        context: Has the deadline.
        file: The file, opened for reading.
        name: Its name in messages.

    Raises:
        ExportFailed: if the file does not have the documented format, or exceeds a limit. The
            message names the row and column.
    """
    rows = _read_text(context, file, name)
    recorded = [_recorded(name, row, cell) for row, cell in _cells(context, rows, RECORDED)]
    statuses = [_status(name, row, cell) for row, cell in _cells(context, rows, STATUS)]
    unfinished = [_unfinished(name, row, cell) for row, cell in _cells(context, rows, FINISHED)]
    excluded = [status or other for status, other in zip(statuses, unfinished, strict=True)]
    context.deadline.check()
    rows = rows.with_columns(
        pl.Series(RECORDED, recorded, pl.Datetime("us", "UTC")),
        pl.Series(STATUS, excluded, pl.String),
    )
    return rows.filter(~pl.all_horizontal(pl.all().is_null()))  # Skip empty lines.


def _read_text(context: SourceContext, file: BinaryIO, name: str) -> pl.DataFrame:
    """Return the file as text columns named by its first row. Blank cells are null."""
    try:
        rows = read_csv(file, LIMITS, deadline=context.deadline)
    except ExportFailed as error:
        problem = error.message[0].lower() + error.message[1:].removesuffix(".")
        raise _invalid(name, problem, error.remedy) from None
    if RECORDED not in rows.columns or {"", FIELD_PREFIX} & {*rows.columns}:
        raise _invalid(
            name, "the header must contain recorded_at and a unique name for each column"
        )
    if any(len(column) > LONGEST_NAME for column in rows.columns):
        raise _invalid(name, f"the name of a column has more than {LONGEST_NAME} characters")
    context.deadline.check()
    return rows.with_columns(pl.all().str.strip_chars().replace("", None))


def _cells(
    context: SourceContext, rows: pl.DataFrame, column: str
) -> Iterator[tuple[int, str | None]]:
    """Yield the cells of a column with their row numbers; all empty if the column is missing."""
    context.deadline.check()
    cells = rows[column] if column in rows.columns else [None] * rows.height
    return enumerate(cells, start=2)  # Row 1 is the header.


def _recorded(name: str, row: int, cell: str | None) -> datetime | None:
    if cell is None:
        return None
    try:
        instant = datetime.fromisoformat(cell)
    except ValueError:
        expected = "a date such as 2026-01-31T14:30:00+01:00"
        raise _invalid_cell(name, RECORDED, row, cell, expected) from None
    return instant.replace(tzinfo=instant.tzinfo or UTC)


def _status(name: str, row: int, cell: str | None) -> ExclusionReason | None:
    if cell is None:
        return None
    try:
        return ExclusionReason(cell)
    except ValueError:
        expected = f"one of {', '.join(ExclusionReason)}"
        raise _invalid_cell(name, STATUS, row, cell, expected) from None


def _unfinished(name: str, row: int, cell: str | None) -> ExclusionReason | None:
    if cell not in {None, "0", "1"}:
        raise _invalid_cell(name, FINISHED, row, cell, "1 or 0")
    return ExclusionReason.UNFINISHED if cell == "0" else None


def _invalid_cell(
    name: str, column: str, row: int, cell: str | None, expected: str
) -> ExportFailed:
    return _invalid(name, f"{column} in row {row} is “{(cell or '')[:100]}” but must be {expected}")


def _invalid(
    name: str, problem: str, remedy: str | None = "Correct the file and try again."
) -> ExportFailed:
    return ExportFailed(f"{name}: {problem}.", remedy=remedy)
