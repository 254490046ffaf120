"""The scenario in which queries have several parts: filters, dates, groups, inclusions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from smaply_metrics_core.models.query import (
    Calculation,
    ExclusionReason,
    Filter,
    GroupBy,
    MetricQuery,
    Period,
    Window,
)
from smaply_metrics_core.models.tally import Tally, WindowTally
from smaply_metrics_core.testing.suite.lab import Lab
from smaply_metrics_core.testing.suite.queries import (
    BY_MONTH,
    FAR_ZONES,
    best_question,
    build_query,
    every_group_by,
)
from smaply_metrics_core.testing.suite.scenarios.date_ranges import survey_boundaries
from smaply_metrics_core.testing.suite.tally_invariants import query_tally

MARGIN: Final = timedelta(days=1)
"""Maximum difference between the start of a month in two time zones."""


class FilterPair(NamedTuple):
    """A filter for one or several groups, and its opposite."""

    only: Filter
    without: Filter


class ComparedGroups(NamedTuple):
    """A query that compares groups in two windows, and one query for each window alone."""

    both: MetricQuery
    current: MetricQuery
    previous: MetricQuery


def filter_pair(lab: Lab) -> FilterPair | None:
    """Return a filter for one or two groups of the survey; ``None`` without groups."""
    answers, _ = lab.groups()
    for group_by, several in every_group_by(lab.questionnaire()):
        tally = answers[str(group_by)]
        if group_by.kind == "period" or several or not isinstance(tally, Tally):
            continue
        groups = tally.window("current").groups
        keys = tuple(group.key for group in groups if group.counts.responses)[:2]
        if keys:
            only = Filter(
                kind="question" if group_by.kind == "question" else "field",
                of=group_by.of,
                values=keys,
            )
            return FilterPair(only, only.model_copy(update={"exclude": True}))
    return None


def combined_queries(lab: Lab) -> Mapping[str, WindowTally]:
    """Return the counts by query id; those of a previous window at ``{id}, previous``."""
    start, middle, end = survey_boundaries(lab)
    queries = [
        *_open_ranges(lab, middle),
        *_inclusions(lab, start, middle, end),
        *_periods(lab, start, end),
        *(query for group in compared_groups(lab) for query in group),
    ]
    if pair := filter_pair(lab):
        queries += _filtered_queries(lab, pair, (start, middle, end))
    answers = lab.fetch("combined", *queries)
    found = dict[str, WindowTally]()
    for query in queries:
        current, *previous = query_tally(answers, query).windows
        found |= {query.id: current} | {f"{query.id}, previous": one for one in previous}
    return found


def _open_ranges(lab: Lab, middle: datetime) -> Iterator[MetricQuery]:
    """Yield queries for every calculation of a question in ranges that are open on one side."""
    question = best_question(lab.questionnaire())
    windows = {"before": Window(end=middle), "since": Window(start=middle)}
    for calculation in question.calculations:
        if calculation is Calculation.SHARE:
            continue
        for name, window in windows.items():
            yield build_query(
                f"{calculation} {name}",
                lab.facts.survey_id,
                calculation=calculation,
                question=question,
                windows=(window,),
            )
    for name, window in windows.items():
        yield build_query(f"everybody {name}", lab.facts.survey_id, windows=(window,))


def _inclusions(
    lab: Lab, start: datetime, middle: datetime, end: datetime
) -> Iterator[MetricQuery]:
    """Yield queries that include every excluded response."""
    survey_id = lab.facts.survey_id
    now, before = Window(start=middle, end=end), Window(start=start, end=middle)
    both = (now, before.model_copy(update={"name": "previous"}))
    for name, windows in (("both", both), ("later", (now,)), ("earlier", (before,))):
        yield build_query(f"included, {name}", survey_id, include=ExclusionReason, windows=windows)
    yield build_query("everything", survey_id, include=ExclusionReason)
    yield build_query("everything by month", survey_id, include=ExclusionReason, group_by=BY_MONTH)
    yield build_query(
        "everything answered",
        survey_id,
        calculation=Calculation.ANSWERED,
        question=best_question(lab.questionnaire()),
        include=ExclusionReason,
    )


def compared_groups(lab: Lab) -> Iterator[ComparedGroups]:
    """Yield queries for one question, one with several answers, one field and the answers."""
    start, middle, end = survey_boundaries(lab)
    now, before = Window(start=middle, end=end), Window(start=start, end=middle)
    both = (now, before.model_copy(update={"name": "previous"}))
    question = best_question(lab.questionnaire())

    def compared(name: str, calculation: Calculation, group_by: GroupBy | None) -> ComparedGroups:
        return ComparedGroups(
            *(
                build_query(
                    f"{question.id} by {name}, {part}",
                    lab.facts.survey_id,
                    calculation=calculation,
                    question=question,
                    group_by=group_by,
                    windows=windows,
                )
                for part, windows in (("both", both), ("current", (now,)), ("previous", (before,)))
            )
        )

    if Calculation.DISTRIBUTION in question.calculations:
        yield compared("answer", Calculation.DISTRIBUTION, None)
    answers, _ = lab.groups()
    seen = set[tuple[str, bool]]()
    for group_by, several in every_group_by(lab.questionnaire()):
        kind = (group_by.kind, several)
        if (
            group_by.kind == "period"
            or kind in seen
            or not isinstance(answers[str(group_by)], Tally)
        ):
            continue
        seen.add(kind)
        yield compared(str(group_by), Calculation.ANSWERED, group_by)


def _periods(lab: Lab, start: datetime, end: datetime) -> Iterator[MetricQuery]:
    """Yield queries grouped by each period in time zones that never have the same date."""
    whole = Window(start=start - MARGIN, end=end + MARGIN)
    for zone in FAR_ZONES:
        for period in Period:
            yield build_query(
                f"{period}s of {zone}",
                lab.facts.survey_id,
                group_by=GroupBy(kind="period", of=period),
                windows=(whole,),
                zone=zone,
            )


def _filtered_queries(
    lab: Lab, pair: FilterPair, boundaries: tuple[datetime, datetime, datetime]
) -> list[MetricQuery]:
    """Return queries that combine the filters with calculations, groups, dates and each other."""
    start, middle, end = boundaries
    survey_id = lab.facts.survey_id
    question = best_question(lab.questionnaire())
    first, second = Window(start=start, end=middle), Window(start=middle, end=end)
    only, without = pair
    by_calculation = [
        build_query(
            f"only, per {calculation}",
            survey_id,
            calculation=calculation,
            question=question,
            filters=[only],
        )
        for calculation in question.calculations
        if calculation is not Calculation.SHARE
    ]
    return [
        *by_calculation,
        build_query("only", survey_id, filters=[only]),
        build_query("without", survey_id, filters=[without]),
        build_query("only by month", survey_id, filters=[only], group_by=BY_MONTH),
        build_query(
            "only, whole", survey_id, filters=[only], windows=(Window(start=start, end=end),)
        ),
        build_query("only, first half", survey_id, filters=[only], windows=(first,)),
        build_query("only, second half", survey_id, filters=[only], windows=(second,)),
        build_query(
            "only, compared",
            survey_id,
            filters=[only],
            windows=(second, first.model_copy(update={"name": "previous"})),
        ),
        build_query("only and without", survey_id, filters=[only, without]),
        build_query("without and only", survey_id, filters=[without, only]),
    ]
