"""The queries that contract tests send to a source."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final
from unittest import SkipTest

from smaply_metrics_core.calculations.catalog import CALCULATIONS
from smaply_metrics_core.calculations.rules import can_weight
from smaply_metrics_core.date_ranges import midnight, next_period, period_of_key, zone_info
from smaply_metrics_core.models.query import (
    Calculation,
    DateRange,
    Definition,
    ExclusionReason,
    Filter,
    GroupBy,
    MetricQuery,
    MetricType,
    Period,
    Weight,
    Window,
)
from smaply_metrics_core.models.survey import Question, QuestionKind, Questionnaire
from smaply_metrics_core.models.tally import Tally

ZONE: Final = "Europe/Vienna"
"""A time zone with daylight saving time, whose days differ from those of UTC."""

FAR_ZONES: Final = ("Pacific/Kiritimati", "Pacific/Pago_Pago")
"""Two time zones that never have the same date."""

WEEK_STARTS: Final = (1, 7)

DAY: Final = timedelta(days=1)
SECOND: Final = timedelta(seconds=1)

BY_WEEK: Final = GroupBy(kind="period", of=Period.WEEK)
BY_MONTH: Final = GroupBy(kind="period", of=Period.MONTH)


def require_responses(questionnaire: Questionnaire) -> None:
    """Skip the test if people enter all values of the survey."""
    if not questionnaire.has_responses:
        raise SkipTest("people enter the values of this survey, which has no responses")


def build_query(  # noqa: PLR0913  # All by name but the first two.
    query_id: str,
    survey_id: str,
    *,
    calculation: Calculation = Calculation.RESPONSES,
    question: Question | None = None,
    group_by: GroupBy | None = None,
    windows: Sequence[Window] = (Window(),),
    filters: Sequence[Filter] = (),
    include: Iterable[ExclusionReason] = (),
    zone: str = ZONE,
    week_start: int = 1,
) -> MetricQuery:
    """Return a query whose type follows from its parts.

    With two windows it is a Comparison, or a Series that compares its groups.
    """
    kind = MetricType.NUMBER
    is_net = calculation is Calculation.NET_SCORE
    if group_by is not None or calculation is Calculation.DISTRIBUTION:
        kind = MetricType.SERIES
    elif len(windows) > 1:
        kind = MetricType.COMPARISON
    return MetricQuery(
        id=query_id,
        definition=Definition(
            type=kind,
            survey_id=survey_id,
            question_id=question.id if question else None,
            calculation=calculation,
            answers=_some_answers(question) if calculation is Calculation.SHARE else (),
            top_answers=_some_answers(question)[:1] if is_net else (),
            bottom_answers=_some_answers(question)[1:] if is_net else (),
            group_by=group_by,
            compare_groups=len(windows) > 1 and kind is MetricType.SERIES,
            range=_date_range(windows[0]) if len(windows) > 1 else DateRange(),
            filters=tuple(filters),
            include=frozenset(include),
        ),
        windows=tuple(windows),
        zone=zone,
        week_start=week_start,
    )


def _date_range(window: Window) -> DateRange:
    """Return the dates that a window between two midnights covers."""
    assert window.start is not None  # noqa: S101  # Windows that are compared are closed.
    assert window.end is not None  # noqa: S101  # As above.
    zone = zone_info(ZONE)
    return DateRange(
        preset="custom",
        start=window.start.astimezone(zone).date(),
        end=window.end.astimezone(zone).date(),
    )


def _some_answers(question: Question | None) -> tuple[str, ...]:
    """Return two answers, so that a source must count responses with at least one of them."""
    offered = [choice.key for choice in question.choices if choice.analyze] if question else []
    return tuple(offered[:2]) or ("1", "2")


def response_queries(questionnaire: Questionnaire, query_id: str) -> list[MetricQuery]:
    """Return the query that counts the responses of a survey; none if it has no responses."""
    query = build_query(query_id, questionnaire.survey.id)
    return [query] if questionnaire.has_responses else []


def every_calculation(questionnaire: Questionnaire) -> Iterator[tuple[Question, MetricQuery]]:
    """Yield a query for each calculation that each question declares."""
    for question in questionnaire.walk():
        for calculation in question.calculations:
            name = f"{question.id} {calculation}"
            yield (
                question,
                build_query(
                    name, questionnaire.survey.id, calculation=calculation, question=question
                ),
            )


def weight_queries(questionnaire: Questionnaire) -> Iterator[tuple[Question, MetricQuery]]:
    """Yield a query for each question that can be a weight, weighted by the question itself."""
    if not questionnaire.can_weight:
        return
    for question in questionnaire.walk():
        if can_weight(question) and Calculation.AVERAGE in question.calculations:
            weight = Weight(kind="question", of=question.id)
            query = build_query(
                f"{question.id} weighted by itself",
                questionnaire.survey.id,
                calculation=Calculation.AVERAGE,
                question=question,
            )
            definition = query.definition.model_copy(update={"weight": weight})
            yield question, query.model_copy(update={"definition": definition})


def every_group_by(questionnaire: Questionnaire) -> Iterator[tuple[GroupBy, bool]]:
    """Yield every group-by and whether a response may be in several of its groups."""
    for question in questionnaire.walk():
        if question.can_group_by:
            several = question.kind is QuestionKind.MULTIPLE_CHOICE
            yield GroupBy(kind="question", of=question.id), several
    for field in questionnaire.fields:
        yield GroupBy(kind="field", of=field.name), False
    for period in Period:
        yield GroupBy(kind="period", of=period), False


def best_question(questionnaire: Questionnaire) -> Question:
    """Return the question with the most calculations, whose answers have values if any do.

    Names for the arithmetic of other calculations, such as CSAT, do not count.
    """
    questions = [one for one in questionnaire.walk() if one.calculations]
    return max(
        questions,
        key=lambda one: sum(not CALCULATIONS[name].ambiguous for name in one.calculations),
    )


def month_boundaries(tally: Tally) -> tuple[datetime, datetime, datetime]:
    """Return the start, a month boundary in the middle and the end of a tally by month.

    Raises:
        ValueError: if all responses are in one month.
    """
    groups = [group.key for group in tally.window("current").groups if group.counts.responses]
    if len(groups) < 2:  # noqa: PLR2004  # A boundary has two sides.
        raise ValueError("all responses are in one month")
    first, middle, last = (
        period_of_key(Period.MONTH, groups[index]) for index in (0, len(groups) // 2, -1)
    )
    return _start(first), _start(middle), _start(next_period(Period.MONTH, last))


def _start(day: date) -> datetime:
    return midnight(day, zone_info(ZONE)).astimezone(UTC)


def group_queries(questionnaire: Questionnaire) -> tuple[Question, list[MetricQuery]]:
    """Return a question, and queries that count its answers by each group-by and as a whole."""
    question = best_question(questionnaire)
    queries = [
        build_query(
            str(group_by or "whole"),
            questionnaire.survey.id,
            calculation=Calculation.ANSWERED,
            question=question,
            group_by=group_by,
        )
        for group_by in (None, *(by for by, _ in every_group_by(questionnaire)))
    ]
    return question, queries
