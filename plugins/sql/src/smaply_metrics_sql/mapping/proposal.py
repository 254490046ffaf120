"""Proposes a mapping for a table that looks like responses, by its names and types."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress

from pydantic import ValidationError

from smaply_metrics_core import ExclusionReason
from smaply_metrics_sql.databases.database import NUMBERS, CatalogColumn, CatalogTable, ColumnType
from smaply_metrics_sql.mapping.column_names import (
    FINISHED,
    IDS,
    NPS,
    RATING,
    WEIGHT,
    has_answer_rows,
    identifies,
    is_personal,
    named,
    time_of,
)
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


def propose(tables: Iterable[CatalogTable]) -> DatabaseMapping | None:
    """Return a mapping of the tables that look like responses; ``None`` if there are none.

    Tables that no mapping can describe, such as those with a name that is too long, are left out.
    """
    found: dict[str, SurveyMapping] = {}
    for table in tables:
        survey = None if has_answer_rows(table) else propose_survey(table)
        if survey is not None and survey.questions and len(found) < MOST_SURVEYS:
            found.setdefault(survey.id, survey)
    return DatabaseMapping(surveys=tuple(found.values())) if found else None


def propose_survey(table: CatalogTable) -> SurveyMapping | None:
    """Return the proposal for a table with a time, with or without questions.

    ``None`` for other tables, and for those that no mapping can describe.
    """
    recorded = time_of(table)
    if recorded is None:
        return None
    response, finished = named(table, IDS), named(table, FINISHED)
    about = {one.name for one in (recorded, response, finished) if one is not None}
    others = [column for column in table.columns if column.name not in about]
    with suppress(ValidationError):
        questions = tuple(_questions(others))
        taken = {question.column for question in questions}
        return SurveyMapping(
            id=table.full_name,
            name=table.comment or table.full_name,
            table=table.full_name,
            response=response.name if response else "",
            recorded_at=RecordedAt(column=recorded.name),
            status=finished_status(finished),
            questions=questions,
            fields=tuple(
                MappedField(column=column.name, label=column.comment)
                for column in others
                if column.name not in taken and _is_field(column)
            ),
        )
    return None


def finished_status(column: CatalogColumn | None) -> Status | None:
    """Return the status of a column that states whether a response is finished.

    ``None`` for a column of another type than Booleans and numbers.
    """
    if column is None or column.type not in {ColumnType.BOOLEAN, *NUMBERS, ColumnType.DYNAMIC}:
        return None
    key = "false" if column.type is ColumnType.BOOLEAN else "0"
    return Status(column=column.name, exclude={key: ExclusionReason.UNFINISHED})


def _questions(columns: Iterable[CatalogColumn]) -> Iterator[MappedQuestion]:
    """Yield the questions: columns of numbers whose name is that of one, and arrays."""
    for column in columns:
        text = column.comment or column.name
        if is_personal(column.name) or WEIGHT.search(column.name):
            continue
        if column.type in {*NUMBERS, ColumnType.DYNAMIC} and NPS.search(column.name):
            yield MappedQuestion(column=column.name, text=text, type=AnswerType.NPS)
        elif column.type in {*NUMBERS, ColumnType.DYNAMIC} and RATING.search(column.name):
            yield MappedQuestion(column=column.name, text=text, type=AnswerType.SCALE)
        elif column.type is ColumnType.ARRAY:
            yield MappedQuestion(column=column.name, text=text, type=AnswerType.MULTIPLE)


def _is_field(column: CatalogColumn) -> bool:
    """Whether a column is proposed as a field: no identifiers, and nothing about a person."""
    if identifies(column.name):
        return False
    if WEIGHT.search(column.name):
        return column.type in {*NUMBERS, ColumnType.DYNAMIC}
    return column.type in {ColumnType.TEXT, ColumnType.BOOLEAN, ColumnType.DYNAMIC}
