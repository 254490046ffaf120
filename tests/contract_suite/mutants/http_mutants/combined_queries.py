"""Mutants with a fault in the combination of several parts of a query."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import smaply_metrics_core as sm
from tests.contract_suite.mutants.http_source import HttpSource, HttpSourceCredentials


def grouped(query: sm.MetricQuery) -> bool:
    """Whether a query has a group-by."""
    return query.definition.group_by is not None


def without(query: sm.MetricQuery, **parts: Any) -> sm.MetricQuery:  # noqa: ANN401  # Any part.
    """Return a query with changed parts of its definition."""
    return query.model_copy(update={"definition": query.definition.model_copy(update=parts)})


def always(query: sm.MetricQuery) -> sm.MetricQuery:
    """Return a query without its dates."""
    windows = tuple(sm.Window(name=window.name) for window in query.windows)
    return query.model_copy(update={"windows": windows})


class FirstFilter(HttpSource):
    """Applies only the first filter."""

    def changed_query(self, query: sm.MetricQuery) -> sm.MetricQuery:
        return without(query, filters=query.definition.filters[:1])


class LastFilter(HttpSource):
    """Applies only the last filter."""

    def changed_query(self, query: sm.MetricQuery) -> sm.MetricQuery:
        return without(query, filters=query.definition.filters[-1:])


class FirstValue(HttpSource):
    """Applies only the first value of a filter."""

    def changed_query(self, query: sm.MetricQuery) -> sm.MetricQuery:
        filters = query.definition.filters
        return without(
            query, filters=tuple(f.model_copy(update={"values": f.values[:1]}) for f in filters)
        )


class FilterWithoutRange(HttpSource):
    """Ignores the dates of filtered queries."""

    def changed_query(self, query: sm.MetricQuery) -> sm.MetricQuery:
        return always(query) if query.definition.filters else query


class GroupsWithoutFilter(HttpSource):
    """Ignores the filters of grouped queries."""

    def changed_query(self, query: sm.MetricQuery) -> sm.MetricQuery:
        return without(query, filters=()) if grouped(query) else query


class NpsWithoutFilter(HttpSource):
    """Ignores the filters of an NPS."""

    def changed_query(self, query: sm.MetricQuery) -> sm.MetricQuery:
        of_nps = query.definition.calculation is sm.Calculation.NPS
        return without(query, filters=()) if of_nps else query


class CountsWithoutFilter(HttpSource):
    """Ignores the filters of queries without a question."""

    def changed_query(self, query: sm.MetricQuery) -> sm.MetricQuery:
        plain = query.definition.question_id is None
        return without(query, filters=()) if plain else query


class NpsOfAllTime(HttpSource):
    """Ignores the dates of an NPS."""

    def changed_query(self, query: sm.MetricQuery) -> sm.MetricQuery:
        of_nps = query.definition.calculation is sm.Calculation.NPS
        return always(query) if of_nps else query


class OpenStart(HttpSource):
    """Treats a range without a start as all time."""

    def changed_query(self, query: sm.MetricQuery) -> sm.MetricQuery:
        return always(query) if query.windows[0].start is None else query


class OpenEnd(HttpSource):
    """Treats a range without an end as all time."""

    def changed_query(self, query: sm.MetricQuery) -> sm.MetricQuery:
        return always(query) if query.windows[0].end is None else query


class GroupsWithoutIncluded(HttpSource):
    """Ignores inclusions of grouped queries."""

    def changed_query(self, query: sm.MetricQuery) -> sm.MetricQuery:
        return without(query, include=frozenset()) if grouped(query) else query


class AnswersWithoutIncluded(HttpSource):
    """Ignores inclusions of queries with a question."""

    def changed_query(self, query: sm.MetricQuery) -> sm.MetricQuery:
        named = query.definition.question_id is not None
        return without(query, include=frozenset()) if named else query


class MonthsOfUtc(HttpSource):
    """Starts days in the account's zone, but months in UTC."""

    def changed_query(self, query: sm.MetricQuery) -> sm.MetricQuery:
        group_by = query.definition.group_by
        by_month = group_by is not None and group_by.of == sm.Period.MONTH
        return query.model_copy(update={"zone": "UTC"}) if by_month else query


class WeeksOfUtc(HttpSource):
    """Starts days in the account's zone, but weeks in UTC."""

    def changed_query(self, query: sm.MetricQuery) -> sm.MetricQuery:
        group_by = query.definition.group_by
        by_week = group_by is not None and group_by.of == sm.Period.WEEK
        return query.model_copy(update={"zone": "UTC"}) if by_week else query


class FilteredWeeksFromMonday(HttpSource):
    """Starts the weeks of filtered queries on Monday."""

    def changed_query(self, query: sm.MetricQuery) -> sm.MetricQuery:
        filters = query.definition.filters
        return query.model_copy(update={"week_start": 1}) if filters else query


class FilteredDaysOfUtc(HttpSource):
    """Starts the days of filtered queries in UTC."""

    def changed_query(self, query: sm.MetricQuery) -> sm.MetricQuery:
        return query.model_copy(update={"zone": "UTC"}) if query.definition.filters else query


class FilteredWithoutIncluded(HttpSource):
    """Ignores inclusions of filtered queries."""

    def changed_query(self, query: sm.MetricQuery) -> sm.MetricQuery:
        filters = query.definition.filters
        return without(query, include=frozenset()) if filters else query


class RangedWeeksFromMonday(HttpSource):
    """Starts the weeks of closed ranges on Monday."""

    def changed_query(self, query: sm.MetricQuery) -> sm.MetricQuery:
        window = query.windows[0]
        closed = window.start is not None and window.end is not None
        return query.model_copy(update={"week_start": 1}) if closed else query


class GroupsByRegionOfAllTime(HttpSource):
    """Ignores the dates of queries grouped by a field."""

    def changed_query(self, query: sm.MetricQuery) -> sm.MetricQuery:
        group_by = query.definition.group_by
        by_field = group_by is not None and group_by.kind == "field"
        return always(query) if by_field else query


Observed = Iterator[tuple[str, sm.Tally | sm.MetricsError]]


class ChangesTallies(HttpSource):
    """Changes its tallies after counting."""

    @sm.hookimpl
    def fetch_metric(
        self,
        credentials: HttpSourceCredentials,
        context: sm.SourceContext,
        survey_id: str,
        queries: Sequence[sm.MetricQuery],
    ) -> Observed:
        for name, answer in super().fetch_metric(credentials, context, survey_id, queries):
            if not isinstance(answer, sm.Tally):
                yield name, answer
                continue
            query = next(one for one in queries if one.id == name)
            windows = tuple(self.window(query, window) for window in answer.windows)
            as_of = self.as_of(context, answer)
            yield name, answer.model_copy(update={"windows": windows, "as_of": as_of})

    def window(self, query: sm.MetricQuery, window: sm.WindowTally) -> sm.WindowTally:
        """Return the window, by default unchanged."""
        del query
        return window

    def as_of(self, context: sm.SourceContext, tally: sm.Tally) -> datetime:
        """Return the time, by default unchanged."""
        del context
        return tally.as_of


class GroupsAsText(ChangesTallies):
    """Sorts the groups of a question by key as text."""

    def window(self, query: sm.MetricQuery, window: sm.WindowTally) -> sm.WindowTally:
        groups = tuple(sorted(window.groups, key=lambda group: group.key))
        return window.model_copy(update={"groups": groups})


class SmallestGroupLost(ChangesTallies):
    """Drops the group with the fewest responses."""

    def window(self, query: sm.MetricQuery, window: sm.WindowTally) -> sm.WindowTally:
        fewest = min((group.counts.responses for group in window.groups), default=0)
        groups = tuple(group for group in window.groups if group.counts.responses != fewest)
        return window.model_copy(update={"groups": groups})


class AsOfEndOfDownload(ChangesTallies):
    """Sets as_of to the end of the download."""

    def as_of(self, context: sm.SourceContext, tally: sm.Tally) -> datetime:
        return context.now()


class MixesQueries(HttpSource):
    """Mixes the answer to another query into the answer."""

    def other(self, query: sm.MetricQuery) -> sm.MetricQuery:
        """Return the other query."""
        raise NotImplementedError

    def mixed(self, right: sm.WindowTally, other: sm.WindowTally) -> sm.WindowTally:
        """Return a window mixed from two."""
        raise NotImplementedError

    @sm.hookimpl
    def fetch_metric(
        self,
        credentials: HttpSourceCredentials,
        context: sm.SourceContext,
        survey_id: str,
        queries: Sequence[sm.MetricQuery],
    ) -> Observed:
        others = dict(
            super().fetch_metric(
                credentials, context, survey_id, [self.other(query) for query in queries]
            )
        )
        for name, right in super().fetch_metric(credentials, context, survey_id, queries):
            other = others[name]
            if isinstance(right, sm.Tally) and isinstance(other, sm.Tally):
                pairs = zip(right.windows, other.windows, strict=True)
                windows = tuple(self.mixed(one, another) for one, another in pairs)
                yield name, right.model_copy(update={"windows": windows, "as_of": other.as_of})
            else:
                yield name, right


class PreviousWindowWithoutFilter(MixesQueries):
    """Ignores the filters in the previous window."""

    def other(self, query: sm.MetricQuery) -> sm.MetricQuery:
        return without(query, filters=())

    def mixed(self, right: sm.WindowTally, other: sm.WindowTally) -> sm.WindowTally:
        return other if right.window == "previous" else right


KILLERS: Final[Mapping[str, Sequence[type[HttpSource]]]] = {
    "test_filters_combine_with_all_other_parts": (
        FirstFilter,
        LastFilter,
        FirstValue,
        FilterWithoutRange,
        GroupsWithoutFilter,
        NpsWithoutFilter,
        CountsWithoutFilter,
        PreviousWindowWithoutFilter,
    ),
    "test_open_ranges_hold_for_every_calculation": (NpsOfAllTime, OpenStart, OpenEnd),
    "test_included_responses_count_in_every_query": (GroupsWithoutIncluded, AnswersWithoutIncluded),
    "test_periods_hold_the_days_of_their_zone": (MonthsOfUtc, WeeksOfUtc),
    "test_the_parts_of_a_query_add_up_to_the_whole": (
        FilteredWeeksFromMonday,
        FilteredDaysOfUtc,
        FilteredWithoutIncluded,
        RangedWeeksFromMonday,
        GroupsByRegionOfAllTime,
    ),
    "test_group_bys_sum_up": (GroupsAsText, SmallestGroupLost),
    "test_as_of_is_when_the_reading_began": (AsOfEndOfDownload,),
}
