"""Find the CSV files of the folder, and read one as a data frame with one row per response."""

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
"""The columns about the response itself. Every other column is a question or a field."""

FIELD_PREFIX: Final = "field:"
"""The header of an embedded field begins with this."""


def csv_files(context: SourceContext) -> dict[str, Path]:
    """Return the CSV files of the folder by survey id, which is the name without ``.csv``.

    The core has resolved the folder itself. A file in it can still be a link to a place outside of
    the folder: such a file is not a survey.
    """
    folder = next(place.folder for place in context.destinations if place.folder)
    found = {path.stem: path.resolve() for path in sorted(folder.glob("[!.]*.csv"))}
    return {
        name: path for name, path in found.items() if path.is_relative_to(folder) and path.is_file()
    }


def csv_file(context: SourceContext, survey_id: str) -> Path:
    """Return the file of one survey.

    The id is looked up and never joined to a path, so an id such as ``../secrets`` finds nothing.

    Raises:
        SurveyUnavailable: if there is no such file.
    """
    path = csv_files(context).get(survey_id)
    if path is None:
        raise SurveyUnavailable(f"There is no file {survey_id}.csv.", remedy="Choose another one.")
    return path


def read_rows(path: Path) -> pl.DataFrame:
    """Return the responses of a file, as text except for the columns about the response.

    ``recorded_at`` is a Datetime in UTC. ``status`` is an ``ExclusionReason`` or null.

    Raises:
        ExportFailed: if the file is not such a table; the message names the row and the column.
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
    return rows.filter(~pl.all_horizontal(pl.all().is_null()))  # An empty line is no response.


def _read_text(path: Path) -> pl.DataFrame:
    """Return the table as text under the names of its first row; blank cells are null.

    Nothing is guessed while reading: a reader that guesses types turns the answer 00501 into 501.
    """
    try:
        rows = pl.read_csv(path, has_header=False, infer_schema=False, encoding="utf8-lossy")
    except pl.exceptions.PolarsError:
        raise _broken(
            path, "it is no comma-separated table, or a row is longer than the first"
        ) from None
    rows = rows.with_columns(pl.all().str.strip_chars().replace("", None))
    header, rows = rows.row(0), rows[1:]
    names = set(header)
    if RECORDED not in names or names & {None, FIELD_PREFIX} or len(names) < len(header):
        raise _broken(
            path, "its first row needs recorded_at, and for each column a name of its own"
        )
    return rows.rename(dict(zip(rows.columns, header, strict=True)))


def _cells(rows: pl.DataFrame, column: str) -> list[tuple[int, str | None]]:
    """Return the cells of a column with their row in the file; all empty without the column."""
    cells = rows[column].to_list() if column in rows.columns else [None] * rows.height
    return list(enumerate(cells, start=2))  # Row 1 is the header.


def _recorded(path: Path, row: int, cell: str | None) -> datetime | None:
    if cell is None:
        return None
    try:
        instant = datetime.fromisoformat(cell)
    except ValueError:
        takes = "a date such as 2026-01-31T14:30:00+01:00"
        raise _wrong_cell(path, RECORDED, row, cell, takes) from None
    return instant.replace(tzinfo=instant.tzinfo or UTC)


def _status(path: Path, row: int, cell: str | None) -> ExclusionReason | None:
    if cell is None:
        return None
    try:
        return ExclusionReason(cell)
    except ValueError:
        takes = f"one of {', '.join(ExclusionReason)}"
        raise _wrong_cell(path, STATUS, row, cell, takes) from None


def _unfinished(path: Path, row: int, cell: str | None) -> ExclusionReason | None:
    if cell not in {None, "0", "1"}:
        raise _wrong_cell(path, FINISHED, row, cell, "1 or 0")
    return ExclusionReason.UNFINISHED if cell == "0" else None


def _wrong_cell(path: Path, column: str, row: int, cell: str | None, takes: str) -> ExportFailed:
    return _broken(path, f"{column} in row {row} is “{cell}” and not {takes}")


def _broken(path: Path, problem: str) -> ExportFailed:
    return ExportFailed(f"{path.name}: {problem}.", remedy="Correct it and try again.")
