"""Mutants with a fault at date boundaries, or that applies only to some queries."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import smaply_metrics_core as sm
from tests.contract_suite.mutants.http_mutants.combined_queries import (
    ChangesTallies,
    MixesQueries,
    Observed,
    grouped,
    without,
)
from tests.contract_suite.mutants.http_source import HttpSource, HttpSourceCredentials

TICK: Final = timedelta(microseconds=1)
DAY: Final = timedelta(days=1)


def moved(window: sm.Window, by: timedelta, *sides: str) -> sm.Window:
    """Return a window with moved sides."""
    update = {side: at + by for side in sides if (at := getattr(window, side))}
    return window.model_copy(update=update)


def in_windows(query: sm.MetricQuery, change: Callable[[sm.Window], sm.Window]) -> sm.MetricQuery:
    """Return a query with changed windows."""
    return query.model_copy(update={"windows": tuple(map(change, query.windows))})


class MovesEnds(HttpSource):
    """Counts the end of a range."""

    def mistaken(self, query: sm.MetricQuery, window: sm.Window) -> bool:
        """Whether the fault applies to the window."""
        raise NotImplementedError

    def changed_query(self, query: sm.MetricQuery) -> sm.MetricQuery:
        return in_windows(
            query, lambda one: moved(one, TICK, "end") if self.mistaken(query, one) else one
        )


class PreviousEndCounts(MovesEnds):
    """Counts the end of the previous window."""

    def mistaken(self, query: sm.MetricQuery, window: sm.Window) -> bool:
        return window.name == "previous"


class GroupedEndCounts(MovesEnds):
    """Counts the end of a range in grouped queries."""

    def mistaken(self, query: sm.MetricQuery, window: sm.Window) -> bool:
        return grouped(query)


class FilteredEndCounts(MovesEnds):
    """Counts the end of a range in filtered queries."""

    def mistaken(self, query: sm.MetricQuery, window: sm.Window) -> bool:
        return bool(query.definition.filters)


class NpsEndCounts(MovesEnds):
    """Counts the end of the range of an NPS."""

    def mistaken(self, query: sm.MetricQuery, window: sm.Window) -> bool:
        return query.definition.calculation is sm.Calculation.NPS


class PlainEndCounts(MovesEnds):
    """Counts the end of a range in queries without a question."""

    def mistaken(self, query: sm.MetricQuery, window: sm.Window) -> bool:
        return query.definition.question_id is None


class OpenEndCounts(MovesEnds):
    """Counts the end of a range that has no start."""

    def mistaken(self, query: sm.MetricQuery, window: sm.Window) -> bool:
        return window.start is None


class OpenStartLost(HttpSource):
    """Excludes the start of a range that has no end."""

    def changed_query(self, query: sm.MetricQuery) -> sm.MetricQuery:
        return in_windows(query, lambda one: moved(one, TICK, "start") if one.end is None else one)


class PreviousStartLost(HttpSource):
    """Excludes the start of the previous window."""

    def changed_query(self, query: sm.MetricQuery) -> sm.MetricQuery:
        return in_windows(
            query, lambda one: moved(one, TICK, "start") if one.name == "previous" else one
        )


class FilteredDayLater(HttpSource):
    """Counts filtered queries a day later."""

    def changed_query(self, query: sm.MetricQuery) -> sm.MetricQuery:
        if not query.definition.filters:
            return query
        return in_windows(query, lambda one: moved(one, DAY, "start", "end"))


class SummerAllYear(HttpSource):
    """Uses daylight saving time all year."""

    def changed_query(self, query: sm.MetricQuery) -> sm.MetricQuery:
        offset = datetime(2026, 7, 1, tzinfo=ZoneInfo(query.zone)).utcoffset() or timedelta()
        hours = -offset // timedelta(hours=1)
        return query.model_copy(update={"zone": f"Etc/GMT{hours:+d}" if hours >= -12 else "UTC"})


class FirstValueOfField(HttpSource):
    """Applies only the first value of a filter by a field."""

    def changed_query(self, query: sm.MetricQuery) -> sm.MetricQuery:
        return without(
            query,
            filters=tuple(
                one.model_copy(update={"values": one.values[:1]}) if one.kind == "field" else one
                for one in query.definition.filters
            ),
        )


class IncludesAllOrNothing(HttpSource):
    """Includes every reason if a query includes one."""

    def changed_query(self, query: sm.MetricQuery) -> sm.MetricQuery:
        wanted = query.definition.include
        return without(query, include=frozenset(sm.ExclusionReason)) if wanted else query


class EmptyMonths(ChangesTallies):
    """Returns a month without responses."""

    def window(self, query: sm.MetricQuery, window: sm.WindowTally) -> sm.WindowTally:
        group_by = query.definition.group_by
        if group_by is None or group_by.of != sm.Period.MONTH:
            return window
        empty = sm.GroupCounts(key="2025-12", label="Dec 2025", counts=sm.Counts(responses=0))
        return window.model_copy(update={"groups": (empty, *window.groups)})


class SwapsGroupsOfOthers(ChangesTallies):
    """Swaps the first two groups of any question except the NPS."""

    def window(self, query: sm.MetricQuery, window: sm.WindowTally) -> sm.WindowTally:
        if query.definition.question_id in {None, "nps"} or len(window.groups) < 2:
            return window
        first, second, *others = window.groups
        swapped = (
            first.model_copy(update={"counts": second.counts}),
            second.model_copy(update={"counts": first.counts}),
        )
        return window.model_copy(update={"groups": (*swapped, *others)})


class ExcludedWithoutFilter(MixesQueries):
    """Ignores the filters for excluded responses."""

    def other(self, query: sm.MetricQuery) -> sm.MetricQuery:
        return without(query, filters=())

    def mixed(self, right: sm.WindowTally, other: sm.WindowTally) -> sm.WindowTally:
        return right.model_copy(update={"excluded": other.excluded})


class PreviousWithoutIncluded(MixesQueries):
    """Ignores inclusions in the previous window."""

    def other(self, query: sm.MetricQuery) -> sm.MetricQuery:
        return without(query, include=frozenset())

    def mixed(self, right: sm.WindowTally, other: sm.WindowTally) -> sm.WindowTally:
        return other if right.window == "previous" else right


class ChangesAnswers(HttpSource):
    """Changes its answers after counting."""

    def answers(
        self, given: dict[str, sm.Tally | sm.MetricsError], queries: Sequence[sm.MetricQuery]
    ) -> Observed:
        """Yield the changed answers."""
        raise NotImplementedError

    @sm.hookimpl
    def fetch_metric(
        self,
        credentials: HttpSourceCredentials,
        context: sm.SourceContext,
        survey_id: str,
        queries: Sequence[sm.MetricQuery],
    ) -> Observed:
        given = dict(super().fetch_metric(credentials, context, survey_id, queries))
        yield from self.answers(given, queries)


class AnswersOncePerDefinition(ChangesAnswers):
    """Answers each definition once, under the id of the last query."""

    def answers(
        self, given: dict[str, sm.Tally | sm.MetricsError], queries: Sequence[sm.MetricQuery]
    ) -> Observed:
        last = {repr(query.model_dump(exclude={"id"})): query.id for query in queries}
        yield from ((name, given[name]) for name in last.values())


class FirstErrorForAll(ChangesAnswers):
    """Returns the first error for every query that fails."""

    def answers(
        self, given: dict[str, sm.Tally | sm.MetricsError], queries: Sequence[sm.MetricQuery]
    ) -> Observed:
        first = next((one for one in given.values() if isinstance(one, sm.MetricsError)), None)
        for name, one in given.items():
            yield name, first if first and isinstance(one, sm.MetricsError) else one


class SwapsErrors(ChangesAnswers):
    """Returns the errors of a call in reverse order."""

    def answers(
        self, given: dict[str, sm.Tally | sm.MetricsError], queries: Sequence[sm.MetricQuery]
    ) -> Observed:
        wrong = [one for one in given.values() if isinstance(one, sm.MetricsError)]
        for name, one in given.items():
            yield name, wrong.pop() if isinstance(one, sm.MetricsError) else one


class OutageForInvalidQueries(ChangesAnswers):
    """Reports an outage for a query that cannot be answered."""

    def answers(
        self, given: dict[str, sm.Tally | sm.MetricsError], queries: Sequence[sm.MetricQuery]
    ) -> Observed:
        down = sm.SourceUnavailable("Remote is down.")
        for name, one in given.items():
            yield name, down if isinstance(one, sm.MetricsError) else one


class FailsAfterFirstError(ChangesAnswers):
    """Fails every query after the first error."""

    def answers(
        self, given: dict[str, sm.Tally | sm.MetricsError], queries: Sequence[sm.MetricQuery]
    ) -> Observed:
        failed: sm.MetricsError | None = None
        for query in queries:
            one = given[query.id]
            if isinstance(one, sm.MetricsError):
                failed = failed or one
            yield query.id, failed or one


KILLERS: Final[Mapping[str, Sequence[type[HttpSource]]]] = {
    "test_both_windows_of_a_comparison_are_counted": (PreviousEndCounts, PreviousStartLost),
    "test_the_parts_of_a_query_add_up_to_the_whole": (
        GroupedEndCounts,
        FilteredEndCounts,
        NpsEndCounts,
        PlainEndCounts,
        OpenEndCounts,
        OpenStartLost,
        FilteredDayLater,
        SwapsGroupsOfOthers,
    ),
    "test_days_are_those_of_the_zone": (SummerAllYear,),
    "test_filters_keep_what_they_name": (FirstValueOfField, ExcludedWithoutFilter),
    "test_excluded_responses_can_be_included": (IncludesAllOrNothing,),
    "test_included_responses_count_in_every_query": (PreviousWithoutIncluded,),
    "test_group_bys_sum_up": (EmptyMonths,),
    "test_an_impossible_query_leaves_its_siblings_alone": (
        AnswersOncePerDefinition,
        FirstErrorForAll,
        SwapsErrors,
        OutageForInvalidQueries,
        FailsAfterFirstError,
    ),
}
