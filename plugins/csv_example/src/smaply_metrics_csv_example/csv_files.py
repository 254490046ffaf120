"""Find the files in the folder and read them as data frames, one row per response.

Anyone may have written a file, so it is read within limits, and each step checks the deadline: a
call that the core has abandoned must end.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, Final

import polars as pl

from smaply_metrics_core import CsvLimits, ExportFailed, SourceContext, SurveyUnavailable
from smaply_metrics_core.files import FileMapping, FileTable, read_file_table

RECORDED: Final = "recorded_at"
STATUS: Final = "status"
ABOUT: Final = (RECORDED, STATUS)
"""The columns about the response. Every other column is a question or an embedded field."""

SUFFIXES: Final = (".csv", ".tsv", ".xlsx")
"""The extensions of files that are surveys."""
MAPPING: Final = ".mapping.json"
"""The extension of the file that states how a file of the same name is read."""

LIMITS: Final = CsvLimits(columns=3_000, rows=1_000_000, cells=10_000_000, characters=100 * 2**20)
"""A file within them takes less than 1 GB of memory."""
LARGEST_MAPPING: Final = 8 * 2**20
"""Bytes; a mapping may name as many columns as a file may have."""


def csv_files(context: SourceContext) -> dict[str, Path]:
    """Return the files in the folder by survey id, which is the file name without its extension.

    Symbolic links that lead out of the folder are skipped. The core has already resolved the folder
    itself.
    """
    return {name: paths[0] for name, paths in _files(context).items()}


def _files(context: SourceContext) -> dict[str, list[Path]]:
    folder = _folder(context)
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.glob("[!.]*")):
        file = path.resolve()
        if path.suffix in SUFFIXES and file.is_relative_to(folder) and file.is_file():
            found.setdefault(path.stem, []).append(path)
    return found


def _folder(context: SourceContext) -> Path:
    return next(place.folder for place in context.destinations if place.folder)


def csv_file(context: SourceContext, survey_id: str) -> Path:
    """Return the file of one survey.

    The id is looked up and never joined to a path, so an id such as ``../secrets`` is harmless.

    Raises:
        SurveyUnavailable: if the file does not exist, or several have the same name.
    """
    paths = _files(context).get(survey_id, [])
    if not paths:
        raise SurveyUnavailable(
            f"The file {survey_id}.csv does not exist.",
            remedy="Restore the file, or edit the metric and choose another survey.",
        )
    if len(paths) > 1:
        raise SurveyUnavailable(
            f"Several files belong to this survey: {', '.join(path.name for path in paths)}.",
            remedy="Rename or delete all but one.",
        )
    return paths[0]


def survey_table(context: SourceContext, survey_id: str) -> FileTable:
    """Return the file of one survey as a table, read as its mapping file states, if there is one.

    Raises:
        SurveyUnavailable: if the file does not exist.
        ExportFailed: if the file or its mapping is invalid, or exceeds a limit.
    """
    path = csv_file(context, survey_id)
    with path.open("rb") as file:
        return read_table(context, file, path.name, stated_mapping(context, path))


def stated_mapping(context: SourceContext, path: Path) -> FileMapping | None:
    """Return the mapping in the mapping file of a file, if there is one.

    Raises:
        ExportFailed: if it is not a mapping.
    """
    mapping = path.with_name(f"{path.stem}{MAPPING}")
    if not (mapping.is_file() and mapping.resolve().is_relative_to(_folder(context))):
        return None
    with mapping.open("rb") as content:
        return FileMapping.parse(content.read(LARGEST_MAPPING), mapping.name)


def read_table(
    context: SourceContext, file: BinaryIO, name: str, mapping: FileMapping | None = None
) -> FileTable:
    """Return a file as a table.

    Args:
        context: Has the deadline.
        file: The file, opened for reading.
        name: Its name in messages.
        mapping: How it is read.

    Raises:
        ExportFailed: if the file is invalid or exceeds a limit. The message names the row.
    """
    try:
        return read_file_table(file, mapping, limits=LIMITS, deadline=context.deadline)
    except ExportFailed as error:
        raise _in_file(name, error) from None


def rows_of(context: SourceContext, table: FileTable, name: str) -> pl.DataFrame:
    """Return the responses of a table, one row each.

    Args:
        context: Has the deadline.
        table: The table.
        name: The name of its file in messages.

    Raises:
        ExportFailed: if a cell is invalid, or something about the file is unclear. The message
            names the row and column.
    """
    try:
        return table.responses(deadline=context.deadline)
    except ExportFailed as error:
        raise _in_file(name, error) from None


def survey_rows(context: SourceContext, survey_id: str) -> pl.DataFrame:
    """Return the responses of one survey.

    Raises:
        SurveyUnavailable: if the file does not exist.
        ExportFailed: if the file is invalid, or exceeds a limit.
    """
    name = csv_file(context, survey_id).name
    return rows_of(context, survey_table(context, survey_id), name)


def _in_file(name: str, error: ExportFailed) -> ExportFailed:
    return ExportFailed(f"{name}: {error.message}", remedy=error.remedy)
