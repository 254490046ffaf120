"""Find the CSV files in the folder and read them as data frames, one row per response."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import polars as pl

from smaply_metrics_core import ExclusionReason, ExportFailed, SourceContext, SurveyUnavailable

RECORDED: Final = "recorded_at"
STATUS: Final = "status"
FINISHED: Final = "finished"
ABOUT: Final = (RECORDED, STATUS, FINISHED)
"""The columns about the response. Every other column is a question or an embedded field."""

FIELD_PREFIX: Final = "field:"
"""Marks the header of an embedded field."""


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


def read_rows(path: Path) -> pl.DataFrame:
    """Return the responses of a file, one row each.

    ``recorded_at`` is a Datetime in UTC, and ``status`` an ``ExclusionReason`` or null. All other
    columns are text.

    Raises:
        ExportFailed: if the file does not have the documented format. The message names the row
            and column.
    """
    rows = _read_text(path)
    recorded = [_recorded(path, row, cell) for row, cell in _cells(rows, RECORDED)]
    statuses = [_status(path, row, cell) for row, cell in _cells(rows, STATUS)]
    unfinished = [_unfinished(path, row, cell) for row, cell in _cells(rows, FINISHED)]
    excluded = [status or other for status, other in zip(statuses, unfinished, strict=True)]
    rows = rows.with_columns(
        pl.Series(RECORDED, recorded, pl.Datetime("us", "UTC")),
        pl.Series(STATUS, excluded, pl.String),
    )
    return rows.filter(~pl.all_horizontal(pl.all().is_null()))  # Skip empty lines.


def _read_text(path: Path) -> pl.DataFrame:
    """Return the file as text columns named by its first row. Blank cells are null.

    Type inference is off, because it would turn the answer 00501 into 501.
    """
    try:
        rows = pl.read_csv(path, has_header=False, infer_schema=False, encoding="utf8-lossy")
    except pl.exceptions.PolarsError:
        raise _invalid(
            path, "the file is not valid CSV, or a row has more cells than the header"
        ) from None
    rows = rows.with_columns(pl.all().str.strip_chars().replace("", None))
    header, rows = rows.row(0), rows[1:]
    names = set(header)
    if RECORDED not in names or names & {None, FIELD_PREFIX} or len(names) < len(header):
        raise _invalid(
            path, "the header must contain recorded_at and a unique name for each column"
        )
    return rows.rename(dict(zip(rows.columns, header, strict=True)))


def _cells(rows: pl.DataFrame, column: str) -> list[tuple[int, str | None]]:
    """Return the cells of a column with their row numbers; all empty if the column is missing."""
    cells = rows[column].to_list() if column in rows.columns else [None] * rows.height
    return list(enumerate(cells, start=2))  # Row 1 is the header.


def _recorded(path: Path, row: int, cell: str | None) -> datetime | None:
    if cell is None:
        return None
    try:
        instant = datetime.fromisoformat(cell)
    except ValueError:
        expected = "a date such as 2026-01-31T14:30:00+01:00"
        raise _invalid_cell(path, RECORDED, row, cell, expected) from None
    return instant.replace(tzinfo=instant.tzinfo or UTC)


def _status(path: Path, row: int, cell: str | None) -> ExclusionReason | None:
    if cell is None:
        return None
    try:
        return ExclusionReason(cell)
    except ValueError:
        expected = f"one of {', '.join(ExclusionReason)}"
        raise _invalid_cell(path, STATUS, row, cell, expected) from None


def _unfinished(path: Path, row: int, cell: str | None) -> ExclusionReason | None:
    if cell not in {None, "0", "1"}:
        raise _invalid_cell(path, FINISHED, row, cell, "1 or 0")
    return ExclusionReason.UNFINISHED if cell == "0" else None


def _invalid_cell(
    path: Path, column: str, row: int, cell: str | None, expected: str
) -> ExportFailed:
    return _invalid(path, f"{column} in row {row} is “{cell}” but must be {expected}")


def _invalid(path: Path, problem: str) -> ExportFailed:
    return ExportFailed(f"{path.name}: {problem}.", remedy="Correct the file and try again.")
