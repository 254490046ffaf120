"""Add responses to a survey while the sandbox runs."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from smaply_metrics_qualtrics_sandbox.dates import from_export, parse_cell, to_export
from smaply_metrics_qualtrics_sandbox.errors import ControlError
from smaply_metrics_qualtrics_sandbox.surveys.columns import ColumnRole, SandboxColumn
from smaply_metrics_qualtrics_sandbox.surveys.definition import Json
from smaply_metrics_qualtrics_sandbox.surveys.import_ids import METADATA, ColumnKind
from smaply_metrics_qualtrics_sandbox.surveys.questions import Coding
from smaply_metrics_qualtrics_sandbox.surveys.survey import SandboxSurvey

_DURATION = timedelta(minutes=4)


def add_answers(
    survey: SandboxSurvey, responses: Sequence[Mapping[str, Any]], now: datetime
) -> int:
    """Append responses to a survey, either all or none.

    Args:
        survey: The survey.
        responses: The cells of each response by header or ImportId. A response whose recorded date
            is null is in progress.
        now: The default recorded date.

    Returns:
        The number of added responses.

    Raises:
        ControlError: if a column is unknown or ambiguous, or a value is not valid.
    """
    places = _places(survey)
    rows = [_row(response, places, now) for response in responses]
    for row in rows:
        for column in survey.columns:
            column.cells.append(row.get(id(column), ""))
    survey.rows += len(rows)
    return len(rows)


def find_cells(survey: SandboxSurvey, cells: Mapping[str, str]) -> list[tuple[SandboxColumn, str]]:
    """Return columns by header or ImportId, with the cells as stored.

    Raises:
        ControlError: if a column is unknown or ambiguous.
    """
    places = _places(survey)
    return [pair for name, cell in cells.items() for pair in _named_cells(name, places, cell)]


def _places(survey: SandboxSurvey) -> dict[str, list[SandboxColumn]]:
    """Return the columns by header and ImportId; the choices of a question share an ImportId."""
    by_import: dict[str, list[SandboxColumn]] = {}
    by_header: dict[str, list[SandboxColumn]] = {}
    for column in survey.exported():
        by_import.setdefault(column.import_id, []).append(column)
        by_header.setdefault(column.header, []).append(column)
    return {**{name: found for name, found in by_header.items() if name}, **by_import}


def _row(
    response: Mapping[str, Any], places: Mapping[str, list[SandboxColumn]], now: datetime
) -> dict[int, str]:
    if not isinstance(response, Mapping):
        raise ControlError('A response must be an object such as {"QID1": "3"}.')
    row: dict[int, str] = {}
    for name, value in response.items():
        for column, cell in _named_cells(name, places, value):
            row[id(column)] = cell
    _fill_metadata(row, places, now)
    _fill_groups(row, places)
    return row


def _named_cells(
    name: str, places: Mapping[str, list[SandboxColumn]], value: Json
) -> list[tuple[SandboxColumn, str]]:
    if name not in places:
        raise ControlError(f"No column has the header or ImportId {name!r}.")
    return _cells(name, places[name], value)


def _cells(name: str, columns: list[SandboxColumn], value: Json) -> list[tuple[SandboxColumn, str]]:
    if all(column.role is ColumnRole.TICKED for column in columns) and (
        isinstance(value, list) or len(columns) > 1
    ):
        wanted = [str(item) for item in (value if isinstance(value, list) else [value])]
        return [(column, "1") for choice in wanted for column in [_choice(name, columns, choice)]]
    if len(columns) > 1:
        raise ControlError(f"{len(columns)} columns are called {name!r}; use the ImportId.")
    return [(columns[0], _cell(columns[0], value))]


def _choice(name: str, columns: list[SandboxColumn], choice: str) -> SandboxColumn:
    for name_of in ("recode", "id", "label"):
        for column in columns:
            if any(getattr(answer, name_of) == choice for answer in column.answers):
                return column
    raise ControlError(f"{name} has no choice {choice!r}.")


def _cell(column: SandboxColumn, value: Json) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(int(value))
    if not isinstance(value, (str, int, float)):
        raise ControlError(f"{column.import_id} must be a text or a number, not {value!r}.")
    text = str(value)
    if column.role is ColumnRole.DATE and text:
        try:
            return to_export(parse_cell(text, ZoneInfo("UTC")))
        except ValueError as error:
            raise ControlError(f"{column.import_id}: {error}") from error
    if column.role is ColumnRole.CODED and column.answers:
        return Coding(column.answers, [text]).recode(text)
    return text


def _fill_metadata(
    row: dict[int, str], places: Mapping[str, list[SandboxColumn]], now: datetime
) -> None:
    def place(import_id: str) -> SandboxColumn | None:
        return next((c for c in places.get(import_id, []) if c.kind is ColumnKind.METADATA), None)

    def given(import_id: str) -> str:
        column = place(import_id)
        return row.get(id(column), "") if column else ""

    recorded = from_export(given("recordedDate")) if given("recordedDate") else now.astimezone(UTC)
    column = place("recordedDate")
    in_progress = column is not None and row.get(id(column)) == ""
    defaults = {
        "recordedDate": to_export(recorded),
        "endDate": to_export(recorded),
        "startDate": to_export(recorded - _DURATION),
        "lastModifiedDate": to_export(recorded),
        "status": "0",
        "progress": "50" if in_progress else "100",
        "duration": str(int(_DURATION.total_seconds())),
        "finished": "0" if in_progress else "1",
        "_recordId": f"R_{uuid.uuid4().hex[:15]}",
        "distributionChannel": "anonymous",
        "userLanguage": "EN",
    }
    for import_id in METADATA:
        column = place(import_id)
        if column is not None and id(column) not in row:
            row[id(column)] = defaults.get(import_id, "")


def _fill_groups(row: dict[int, str], places: Mapping[str, list[SandboxColumn]]) -> None:
    """Set the NPS group of each answer to an NPS question."""
    for import_id, columns in places.items():
        base = places.get(import_id.removesuffix("_NPS_GROUP"))
        if not import_id.endswith("_NPS_GROUP") or not base or id(columns[0]) in row:
            continue
        score = row.get(id(base[0]), "")
        if score.isdigit():
            row[id(columns[0])] = "1" if int(score) <= 6 else "2" if int(score) <= 8 else "3"  # noqa: PLR2004
