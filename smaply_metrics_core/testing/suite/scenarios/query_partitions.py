"""The scenario with queries and the parts into which they can be divided."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Final

from smaply_metrics_core.models.query import (
    Calculation,
    ExclusionReason,
    Filter,
    GroupBy,
    MetricQuery,
    Window,
)
from smaply_metrics_core.models.survey import Question
from smaply_metrics_core.models.tally import Tally, WindowTally
from smaply_metrics_core.testing.suite.lab import Lab
from smaply_metrics_core.testing.suite.queries import (
    BY_WEEK,
    FAR_ZONES,
    WEEK_STARTS,
    best_question,
    build_query,
    every_group_by,
)
from smaply_metrics_core.testing.suite.scenarios.combined_queries import filter_pair
from smaply_metrics_core.testing.suite.scenarios.date_ranges import survey_boundaries
from smaply_metrics_core.testing.suite.tally_invariants import query_tally

RANGES: Final = "adjacent ranges"
HALVES: Final = "the ranges before and since an instant"
FILTERS: Final = "a filter and its opposite"


@dataclass(frozen=True)
class Partition:
    """A query divided into parts.

    Attributes:
        whole: The query.
        method: How it is divided: by ranges, halves or filters.
        parts: The queries of the parts.
    """

    whole: MetricQuery
    method: str
    parts: tuple[MetricQuery, ...]


@dataclass(frozen=True)
class PartitionCounts:
    """Partitions and the counts of all their queries.

    Attributes:
        partitions: The partitions.
        windows: The counts of each query by its id.
        undated: The number of responses without a date, which no range counts.
    """

    partitions: Sequence[Partition]
    windows: Mapping[str, WindowTally]
    undated: int


def query_partitions(lab: Lab) -> PartitionCounts:
    """Return all partitions with the counts of all queries."""
    wholes = list(_wholes(lab))
    partitions = [partition for whole in wholes for partition in _partitions(lab, whole)]
    parts = [part for partition in partitions for part in partition.parts]
    answers = lab.fetch("pieces", *wholes, *parts)
    windows = {one.id: query_tally(answers, one).window("current") for one in (*wholes, *parts)}
    by_week = [windows[one.id] for one in wholes if one.definition.group_by == BY_WEEK]
    return PartitionCounts(partitions, windows, max(window.ungrouped for window in by_week))


def _wholes(lab: Lab) -> Iterator[MetricQuery]:
    """Yield queries without dates and filters."""
    for question, calculation, group_by in _grouped_calculations(lab):
        of = question.id if question else "no question"
        for zone in FAR_ZONES if calculation is Calculation.ANSWERED else FAR_ZONES[:1]:
            yield build_query(
                f"{of} {calculation} by {group_by or 'nothing'} in {zone}",
                lab.facts.survey_id,
                calculation=calculation,
                question=question,
                group_by=group_by,
                include=ExclusionReason,
                zone=zone,
                week_start=WEEK_STARTS[-1],
            )


def _grouped_calculations(
    lab: Lab,
) -> Iterator[tuple[Question | None, Calculation, GroupBy | None]]:
    """Yield every calculation by week, and the answered count by each kind of group.

    Responses without a question are counted by week and overall. One question represents all of its
    kind: the best question, and the first of each other kind.
    """
    for group_by in (None, BY_WEEK):
        yield None, Calculation.RESPONSES, group_by
    question = best_question(lab.questionnaire())
    for calculation in question.calculations:
        # A distribution can only be grouped by the answer.
        by_answer = calculation is Calculation.DISTRIBUTION
        yield question, calculation, None if by_answer else BY_WEEK
    others = {
        one.kind: one
        for one in reversed(list(lab.questionnaire().walk()))
        if Calculation.ANSWERED in one.calculations and one.kind is not question.kind
    }
    answers, _ = lab.groups()
    done = {str(BY_WEEK)}
    for group_by, _ in every_group_by(lab.questionnaire()):
        # One question and one field represent all others; each period is tested.
        kind = str(group_by) if group_by.kind == "period" else group_by.kind
        if isinstance(answers[str(group_by)], Tally) and kind not in done:
            done.add(kind)
            yield question, Calculation.ANSWERED, group_by
            if group_by.kind != "period":
                for other in others.values():
                    yield other, Calculation.ANSWERED, group_by


def _partitions(lab: Lab, whole: MetricQuery) -> Iterator[Partition]:
    """Yield the partitions of a query by dates and by a filter, and of its halves by the filter.

    One boundary is the instant of a response, which must not be counted on both sides.
    """
    start, middle, end = survey_boundaries(lab)
    at = lab.facts.recorded_at or middle
    halves = _divide_by_dates(whole, "half", [at])
    yield Partition(
        whole, RANGES, _divide_by_dates(whole, "range", sorted({start, middle, end, at}))
    )
    yield Partition(whole, HALVES, halves)
    if pair := filter_pair(lab):
        for query in (whole, *halves):
            yield Partition(query, FILTERS, tuple(_with_filter(query, one) for one in pair))


def _divide_by_dates(
    whole: MetricQuery, name: str, boundaries: Sequence[datetime]
) -> tuple[MetricQuery, ...]:
    """Return the queries of the ranges between boundaries in ascending order."""
    return tuple(
        whole.model_copy(
            update={"id": f"{whole.id}, {name} {n}", "windows": (Window(start=start, end=end),)}
        )
        for n, (start, end) in enumerate(pairwise([None, *boundaries, None]))
    )


def _with_filter(whole: MetricQuery, kept: Filter) -> MetricQuery:
    return whole.model_copy(
        update={
            "id": f"{whole.id}, {'without' if kept.exclude else 'only'}",
            "definition": whole.definition.model_copy(update={"filters": (kept,)}),
        }
    )
