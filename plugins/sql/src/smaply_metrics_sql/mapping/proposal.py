"""Proposes a mapping for a table that looks like responses."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Final

from pydantic import ValidationError

from smaply_metrics_core import ExclusionReason
from smaply_metrics_sql.databases.database import NUMBERS, CatalogColumn, CatalogTable, ColumnType
from smaply_metrics_sql.mapping.model import (
    MOST_SURVEYS,
    AnswerType,
    DatabaseMapping,
    MappedField,
    MappedQuestion,
    RecordedAt,
    Status,
    SurveyMapping,
)
from smaply_metrics_sql.mapping.yaml_text import MOST_CHARACTERS, write_mapping

_TIMES: Final = (
    *("recorded_at", "recorded_date", "submitted_at", "submitdate", "completed_at", "responded_at"),
    *("end_date", "ended_at", "created_at", "timestamp", "date"),
)
"""Names of columns with the time of a response, the best first."""
_IDS: Final = ("response_id", "responseid", "submission_id", "id", "uuid")
_FINISHED: Final = ("finished", "is_finished", "is_complete", "completed", "complete")
_NPS: Final = re.compile(r"(^|_)(nps|recommend\w*|ltr)(_|$)", re.IGNORECASE)
_RATING: Final = re.compile(
    r"(^|_)(csat|ces|rating|score|satisfaction|stars|effort|q[0-9]+\w*)(_|$)", re.IGNORECASE
)
_WEIGHT: Final = re.compile(r"(^|_)weight(_|$)", re.IGNORECASE)
_PERSONAL: Final = re.compile(
    r"(^|_)(e?_?mail|phone|mobile|first_?name|last_?name|full_?name|name|address|ip|ip_address|"
    r"birth\w*|user_?name|user_?id|customer_?id|contact_?id|token|latitude|longitude)(_|$)",
    re.IGNORECASE,
)
"""Names of columns about a person, which are never proposed."""
_TIME_TYPES: Final = {
    ColumnType.INSTANT,
    ColumnType.TIMESTAMP,
    ColumnType.DATE,
    ColumnType.DYNAMIC,
}


def propose(tables: Iterable[CatalogTable]) -> DatabaseMapping | None:
    """Return a mapping of the tables that look like responses; ``None`` if there are none.

    Tables that no mapping can describe, such as those with a name that is too long, are left out.
    """
    found: dict[str, SurveyMapping] = {}
    for table in tables:
        with suppress(ValidationError):
            survey = _survey(table)
            if survey is not None and len(found) < MOST_SURVEYS:
                found.setdefault(survey.id, survey)
    return DatabaseMapping(surveys=tuple(found.values())) if found else None


def propose_text(tables: Iterable[CatalogTable]) -> str:
    """Return the proposed mapping as YAML; empty if no table looks like responses.

    Surveys that do not fit into the longest mapping are left out, and counted in a comment.
    """
    mapping = propose(tables)
    if mapping is None:
        return ""
    fitting, text = len(mapping.surveys), write_mapping(mapping)
    while len(text) > MOST_CHARACTERS and fitting > 1:
        fitting = min(fitting - 1, fitting * MOST_CHARACTERS // len(text))
        left_out = len(mapping.surveys) - fitting
        shorter = mapping.model_copy(update={"surveys": mapping.surveys[:fitting]})
        comment = f"# Tables that look like responses, but did not fit: {left_out}."
        text = f"{comment}\n{write_mapping(shorter)}"
    return text if len(text) <= MOST_CHARACTERS else ""


def _survey(table: CatalogTable) -> SurveyMapping | None:
    """Return the proposal for a table: it needs a time and at least one question."""
    names = {column.name.lower(): column for column in reversed(table.columns)}
    recorded = next(
        (names[name] for name in _TIMES if name in names and _holds_times(names[name], named=True)),
        next((column for column in table.columns if _holds_times(column, named=False)), None),
    )
    if recorded is None:
        return None
    response = next((names[name].name for name in _IDS if name in names), "")
    finished = next((names[name] for name in _FINISHED if name in names), None)
    about = {recorded.name, response, finished.name if finished else ""}
    others = [column for column in table.columns if column.name not in about]
    questions = tuple(_questions(others))
    if not questions:
        return None
    taken = {question.column for question in questions}
    return SurveyMapping(
        id=table.full_name,
        name=table.comment or table.full_name,
        table=table.full_name,
        response=response,
        recorded_at=RecordedAt(column=recorded.name),
        status=_status(finished),
        questions=questions,
        fields=tuple(
            MappedField(column=column.name, label=column.comment)
            for column in others
            if column.name not in taken and _is_field(column)
        ),
    )


def _holds_times(column: CatalogColumn, *, named: bool) -> bool:
    """Whether a column can hold times; texts only if the name says so."""
    if column.type in {ColumnType.INSTANT, ColumnType.TIMESTAMP}:
        return True
    return named and (column.type in _TIME_TYPES or column.type is ColumnType.TEXT)


def _status(finished: CatalogColumn | None) -> Status | None:
    if finished is None or finished.type not in {ColumnType.BOOLEAN, *NUMBERS, ColumnType.DYNAMIC}:
        return None
    key = "false" if finished.type is ColumnType.BOOLEAN else "0"
    return Status(column=finished.name, exclude={key: ExclusionReason.UNFINISHED})


def _questions(columns: Iterable[CatalogColumn]) -> Iterator[MappedQuestion]:
    """Yield the questions: columns of numbers whose name is that of one, and arrays."""
    for column in columns:
        text = column.comment or column.name
        if _PERSONAL.search(column.name) or _WEIGHT.search(column.name):
            continue
        if column.type in {*NUMBERS, ColumnType.DYNAMIC} and _NPS.search(column.name):
            yield MappedQuestion(column=column.name, text=text, type=AnswerType.NPS)
        elif column.type in {*NUMBERS, ColumnType.DYNAMIC} and _RATING.search(column.name):
            yield MappedQuestion(column=column.name, text=text, type=AnswerType.SCALE)
        elif column.type is ColumnType.ARRAY:
            yield MappedQuestion(column=column.name, text=text, type=AnswerType.MULTIPLE)


def _is_field(column: CatalogColumn) -> bool:
    """Whether a column is proposed as a field: no identifiers, and nothing about a person."""
    if _PERSONAL.search(column.name) or column.name.lower().endswith(("_id", "uuid")):
        return False
    return bool(_WEIGHT.search(column.name)) or column.type in {
        ColumnType.TEXT,
        ColumnType.BOOLEAN,
        ColumnType.DYNAMIC,
    }
