"""Queries answered from one export: what it must hold, and what each counts in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

import polars as pl

from smaply_metrics_core.calculations.definitions import check_definition
from smaply_metrics_core.calculations.tally import TallyRequest, tally_all
from smaply_metrics_core.errors import ExportFailed, MetricsError, QueryInvalid
from smaply_metrics_core.models.query import MetricQuery
from smaply_metrics_core.models.tally import Tally
from smaply_metrics_qualtrics.counting import Counter, Part, count_nothing
from smaply_metrics_qualtrics.definitions import SurveyMap, read_definition
from smaply_metrics_qualtrics.export import ExportRequest, fetch_export, span
from smaply_metrics_qualtrics.questions import Shape
from smaply_metrics_qualtrics.reading import read_export

if TYPE_CHECKING:
    from smaply_metrics_core.context import SourceContext
    from smaply_metrics_qualtrics.api import Api

_FIRST_SENTINEL: Final = -99_887_766
"""Written for a question that was seen and not answered: nobody answers this."""


def fetch(
    api: Api, context: SourceContext, survey_id: str, queries: Sequence[MetricQuery]
) -> Iterator[tuple[str, Tally | MetricsError]]:
    """Answer all queries about one survey from one export.

    Raises:
        SurveyUnavailable: when the survey is gone or not shared.
        ResultsUnavailable: when its results may not be viewed.
        ExportFailed: when the export failed or came damaged.
    """
    context.progress(0, None, "Reading the survey's definition")
    survey = read_definition(api.definition(survey_id), survey_id)
    parts: list[Part] = []
    for query in queries:
        try:
            parts.append(prepare(query, survey))
        except MetricsError as error:
            yield query.id, error
    if not parts:
        return
    request = plan_export(parts, survey)
    as_of = context.now()
    responses = read_export(fetch_export(api, context, survey_id, request))
    context.progress(100, 100, "Counting the responses")
    requests: list[TallyRequest] = []
    counter = Counter(responses.header, request.seen) if responses.header else None
    for part in parts:
        try:
            requests.append(counter.tally_request(part) if counter else count_nothing(part))
        except MetricsError as error:
            yield part.query.id, error
    try:
        yield from tally_all(responses.rows, requests, as_of=as_of).items()
    except pl.exceptions.PolarsError as error:
        raise ExportFailed(
            "The export arrived damaged: its rows do not fit its header, or a date cannot be read."
        ) from error


def prepare(query: MetricQuery, survey: SurveyMap) -> Part:
    """Find what a query names in the survey as it is now.

    Raises:
        QuestionUnavailable: when a question, field or answer is gone.
        CalculationRefused: when the question does not allow the calculation.
        GroupingRefused: when it cannot be grouped like this.
        QueryInvalid: when the parts of the query do not go together.
    """
    definition = query.definition
    named: list[tuple[str, str]] = [(wanted.kind, wanted.of) for wanted in definition.filters]
    if definition.group_by is not None:
        named.append((definition.group_by.kind, definition.group_by.of))
    others = {of: survey.question(of) for kind, of in named if kind == "question"}
    question = survey.question(definition.question_id) if definition.question_id else None
    check_definition(definition, survey.questionnaire)
    for question_id in others:
        if survey.readings[question_id].shape is Shape.ANY:
            raise QueryInvalid(
                f"{question_id} has no answer of its own to filter by.",
                remedy="Filter by one of its rows, or by another question.",
            )
    return Part(
        query=query,
        question=question,
        reading=survey.readings[question.id] if question else None,
        others=others,
        readings={question_id: survey.readings[question_id] for question_id in others},
        fields=tuple(of for kind, of in named if kind == "field"),
    )


def plan_export(parts: Sequence[Part], survey: SurveyMap) -> ExportRequest:
    """Make the one request that holds what all queries need: their columns and windows."""
    readings = [reading for part in parts for reading in part.all_readings()]
    start, end = span(window for part in parts for window in part.query.windows)
    fields = {name for part in parts for name in part.fields}
    fields |= {reading.field for reading in readings if reading.field}
    # Nobody documents which filter keeps scores, so an export with a score has none.
    scored = any(not reading.question and not reading.field for reading in readings)
    coded = any(reading.shape in {Shape.SINGLE, Shape.MULTIPLE} for reading in readings)
    return ExportRequest(
        questions=None if scored else _ordered(r.question for r in readings if r.question),
        fields=None if scored else _ordered(fields),
        start=start,
        end=end,
        seen=_sentinel(survey.recodes) if coded else None,
    )


def _ordered(ids: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(ids), key=lambda one: (len(one), one)))


def _sentinel(recodes: frozenset[str]) -> int:
    sentinel = _FIRST_SENTINEL
    while str(sentinel) in recodes:
        sentinel -= 1
    return sentinel
