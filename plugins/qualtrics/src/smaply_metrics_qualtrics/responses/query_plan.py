"""Resolve queries against a survey, and plan the export that answers all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from smaply_metrics_core import (
    CalculationRefused,
    MetricQuery,
    QueryInvalid,
    Question,
    QuestionUnavailable,
)
from smaply_metrics_core.calculations import check_definition
from smaply_metrics_qualtrics.api.exports import ExportRequest, span
from smaply_metrics_qualtrics.survey.answer_columns import AnswerColumns, AnswerShape
from smaply_metrics_qualtrics.survey.definition import SurveyDefinition
from smaply_metrics_qualtrics.survey.loader import named_fields

_FIRST_SENTINEL: Final = -99_887_766
"""Marks a question as seen but not answered: a number that is not a plausible answer."""


@dataclass(frozen=True)
class PlannedQuery:
    """A query and the parts of the survey that it uses.

    Attributes:
        query: The query.
        question: The question to calculate from; ``None`` to count responses.
        answer: The columns of ``question``.
        others: The questions to group by, filter on or weight by, by id.
        answer_columns: The columns of ``others``, by id.
        fields: The embedded fields to group by, filter on or weight by.
        question_text: As in ``Tally``.
        question_routing: As in ``Tally``.
        survey_modified: As in ``Tally``.
    """

    query: MetricQuery
    question: Question | None
    answer: AnswerColumns | None
    others: Mapping[str, Question]
    answer_columns: Mapping[str, AnswerColumns]
    fields: tuple[str, ...]
    question_text: str = ""
    question_routing: str | None = None
    survey_modified: datetime | None = None

    def all_answer_columns(self) -> Iterator[AnswerColumns]:
        """Yield the columns of every question that the query uses."""
        if self.answer is not None:
            yield self.answer
        yield from self.answer_columns.values()


def prepare(query: MetricQuery, survey: SurveyDefinition) -> PlannedQuery:
    """Resolve a query against the current survey.

    Raises:
        QuestionUnavailable: if a question, field or answer is deleted.
        CalculationRefused: if the question does not allow the calculation.
        GroupingRefused: if the question does not allow the group-by.
        QueryInvalid: if the parts of the query do not fit together.
    """
    definition, fields = query.definition, named_fields(query.definition)
    found = {(part, of): _found(survey, part, of) for part, of in definition.named_questions()}
    question = found.pop(("question_id", definition.question_id or ""), None)
    others = {of: other for (_, of), other in found.items()}
    if survey.fields_unknown and not {f.name for f in survey.questionnaire.fields} >= {*fields}:
        raise survey.fields_unknown
    check_definition(definition, survey.questionnaire)
    answer_columns = {question_id: survey.answer_columns[question_id] for question_id in others}
    answer = survey.answer_columns[question.id] if question else None
    for used in (answer, *answer_columns.values()):
        looped = used is not None and used.every_loop and used.question in survey.open_loops
        if looped and survey.fields_unknown:
            raise survey.fields_unknown
    weight = definition.weight
    if weight is not None and weight.kind == "question" and answer_columns[weight.of].every_loop:
        raise CalculationRefused(
            f"The question “{others[weight.of].name}” cannot be a weight, because it is asked in "
            "each loop.",
            remedy="Weight by another question or an embedded field.",
        )
    for question_id, other in answer_columns.items():
        if other.shape is AnswerShape.ANY or (other.every_loop and not others[question_id].choices):
            raise QueryInvalid(
                f"The question “{others[question_id].name}” cannot be used as a filter.",
                remedy="Filter by one of its rows, or by another question.",
            )
    return PlannedQuery(
        query=query,
        question=question,
        answer=answer,
        others=others,
        answer_columns=answer_columns,
        fields=fields,
        question_text=survey.questionnaire.wording(definition.question_id),
        question_routing=survey.questionnaire.routing(definition.question_id),
        survey_modified=survey.questionnaire.survey.last_modified,
    )


def _found(survey: SurveyDefinition, part: str, question_id: str) -> Question:
    try:
        return survey.question(question_id, part)
    except QuestionUnavailable:
        if survey.fields_unknown and survey.may_be_in_schema(question_id):
            raise survey.fields_unknown from None
        raise


def plan_export(parts: Sequence[PlannedQuery], survey: SurveyDefinition) -> ExportRequest:
    """Return the export request with the columns and the time span that all queries need."""
    answer_columns = [answer for part in parts for answer in part.all_answer_columns()]
    start, end = span(window for part in parts for window in part.query.windows)
    fields = {name for part in parts for name in part.fields}
    fields |= {answer.field for answer in answer_columns if answer.field}
    # It is undocumented which filter includes scores, so an export with a score has no filter.
    scored = any(not answer.question and not answer.field for answer in answer_columns)
    # In loops, every mark of a seen question counts: a loop that was seen is a response.
    marked = any(
        answer.every_loop or answer.shape in {AnswerShape.SINGLE, AnswerShape.MULTIPLE}
        for answer in answer_columns
    )
    return ExportRequest(
        questions=None if scored else _ordered(r.question for r in answer_columns if r.question),
        fields=None if scored else _ordered(fields),
        start=start,
        end=end,
        seen=sentinel(survey.recodes) if marked else None,
    )


def _ordered(ids: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(ids), key=lambda one: (len(one), one)))


def sentinel(recodes: frozenset[str]) -> int:
    """Return a number to mark questions as seen but not answered, which is not an answer."""
    number = _FIRST_SENTINEL
    while str(number) in recodes:
        number -= 1
    return number
