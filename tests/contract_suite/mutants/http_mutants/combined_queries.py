"""Sources over HTTP with one fault each, in how the parts of a query work together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import smaply_metrics_core as sm
from tests.contract_suite.mutants.http_source import HttpSource, HttpSourceCredentials


def grouped(query: sm.MetricQuery) -> bool:
    """Whether a query has a group by."""
    return query.definition.group_by is not None


def without(query: sm.MetricQuery, **parts: Any) -> sm.MetricQuery:  # noqa: ANN401  # Any part.
    """Put other parts into the definition of a query."""
    return query.model_copy(update={"definition": query.definition.model_copy(update=parts)})


def always(query: sm.MetricQuery) -> sm.MetricQuery:
    """Forget the dates of a query."""
    windows = tuple(sm.Window(name=window.name) for window in query.windows)
    return query.model_copy(update={"windows": windows})


class FirstFilter(HttpSource):
    """Applies the first filter alone."""

    def asked(self, query: sm.MetricQuery) -> sm.MetricQuery:
        return without(query, filters=query.definition.filters[:1])


class LastFilter(HttpSource):
    """Applies the last filter alone."""

    def asked(self, query: sm.MetricQuery) -> sm.MetricQuery:
        return without(query, filters=query.definition.filters[-1:])


class FirstValue(HttpSource):
    """Keeps the first value of a filter alone."""

    def asked(self, query: sm.MetricQuery) -> sm.MetricQuery:
        filters = query.definition.filters
        return without(
            query, filters=tuple(f.model_copy(update={"values": f.values[:1]}) for f in filters)
        )


class FilterWithoutRange(HttpSource):
    """Forgets the dates where there is a filter."""

    def asked(self, query: sm.MetricQuery) -> sm.MetricQuery:
        return always(query) if query.definition.filters else query


class GroupsWithoutFilter(HttpSource):
    """Forgets the filters where there is a group by."""

    def asked(self, query: sm.MetricQuery) -> sm.MetricQuery:
        return without(query, filters=()) if grouped(query) else query


class NpsWithoutFilter(HttpSource):
    """Forgets the filters of an NPS."""

    def asked(self, query: sm.MetricQuery) -> sm.MetricQuery:
        of_nps = query.definition.calculation is sm.Calculation.NPS
        return without(query, filters=()) if of_nps else query


class CountsWithoutFilter(HttpSource):
    """Forgets the filters where no question is named."""

    def asked(self, query: sm.MetricQuery) -> sm.MetricQuery:
        plain = query.definition.question_id is None
        return without(query, filters=()) if plain else query


class NpsOfAllTime(HttpSource):
    """Counts an NPS of all time."""

    def asked(self, query: sm.MetricQuery) -> sm.MetricQuery:
        of_nps = query.definition.calculation is sm.Calculation.NPS
        return always(query) if of_nps else query


class OpenStart(HttpSource):
    """Takes a range without a start for all time."""

    def asked(self, query: sm.MetricQuery) -> sm.MetricQuery:
        return always(query) if query.windows[0].start is None else query


class OpenEnd(HttpSource):
    """Takes a range without an end for all time."""

    def asked(self, query: sm.MetricQuery) -> sm.MetricQuery:
        return always(query) if query.windows[0].end is None else query


class GroupsWithoutIncluded(HttpSource):
    """Leaves out what is included where there is a group by."""

    def asked(self, query: sm.MetricQuery) -> sm.MetricQuery:
        return without(query, include=frozenset()) if grouped(query) else query


class AnswersWithoutIncluded(HttpSource):
    """Leaves out what is included where a question is named."""

    def asked(self, query: sm.MetricQuery) -> sm.MetricQuery:
        named = query.definition.question_id is not None
        return without(query, include=frozenset()) if named else query


class MonthsOfUtc(HttpSource):
    """Cuts days in the account's zone, and months in UTC."""

    def asked(self, query: sm.MetricQuery) -> sm.MetricQuery:
        group_by = query.definition.group_by
        by_month = group_by is not None and group_by.of == sm.Period.MONTH
        return query.model_copy(update={"zone": "UTC"}) if by_month else query


class WeeksOfUtc(HttpSource):
    """Cuts days in the account's zone, and weeks in UTC."""

    def asked(self, query: sm.MetricQuery) -> sm.MetricQuery:
        group_by = query.definition.group_by
        by_week = group_by is not None and group_by.of == sm.Period.WEEK
        return query.model_copy(update={"zone": "UTC"}) if by_week else query


class FilteredWeeksFromMonday(HttpSource):
    """Begins weeks on Monday where there is a filter."""

    def asked(self, query: sm.MetricQuery) -> sm.MetricQuery:
        filters = query.definition.filters
        return query.model_copy(update={"week_start": 1}) if filters else query


class FilteredDaysOfUtc(HttpSource):
    """Cuts days in UTC where there is a filter."""

    def asked(self, query: sm.MetricQuery) -> sm.MetricQuery:
        return query.model_copy(update={"zone": "UTC"}) if query.definition.filters else query


class FilteredWithoutIncluded(HttpSource):
    """Leaves out what is included where there is a filter."""

    def asked(self, query: sm.MetricQuery) -> sm.MetricQuery:
        filters = query.definition.filters
        return without(query, include=frozenset()) if filters else query


class RangedWeeksFromMonday(HttpSource):
    """Begins weeks on Monday where a range has a start and an end."""

    def asked(self, query: sm.MetricQuery) -> sm.MetricQuery:
        window = query.windows[0]
        closed = window.start is not None and window.end is not None
        return query.model_copy(update={"week_start": 1}) if closed else query


class GroupsByRegionOfAllTime(HttpSource):
    """Forgets the dates where it groups by a field."""

    def asked(self, query: sm.MetricQuery) -> sm.MetricQuery:
        group_by = query.definition.group_by
        by_field = group_by is not None and group_by.kind == "field"
        return always(query) if by_field else query


Observed = Iterator[tuple[str, sm.Tally | sm.MetricsError]]


class Retelling(HttpSource):
    """Tells other tallies than were counted."""

    @sm.hookimpl
    def fetch_metric(
        self,
        credentials: HttpSourceCredentials,
        context: sm.SourceContext,
        survey_id: str,
        queries: Sequence[sm.MetricQuery],
    ) -> Observed:
        for name, told in super().fetch_metric(credentials, context, survey_id, queries):
            if not isinstance(told, sm.Tally):
                yield name, told
                continue
            query = next(one for one in queries if one.id == name)
            windows = tuple(self.window(query, window) for window in told.windows)
            as_of = self.as_of(context, told)
            yield name, told.model_copy(update={"windows": windows, "as_of": as_of})

    def window(self, query: sm.MetricQuery, window: sm.WindowTally) -> sm.WindowTally:
        """Give a window as it is."""
        del query
        return window

    def as_of(self, context: sm.SourceContext, tally: sm.Tally) -> datetime:
        """Give the instant as it is."""
        del context
        return tally.as_of


class GroupsAsText(Retelling):
    """Puts the groups of a question in the order of their keys as texts."""

    def window(self, query: sm.MetricQuery, window: sm.WindowTally) -> sm.WindowTally:
        groups = tuple(sorted(window.groups, key=lambda group: group.key))
        return window.model_copy(update={"groups": groups})


class SmallestGroupLost(Retelling):
    """Drops the group with the fewest responses."""

    def window(self, query: sm.MetricQuery, window: sm.WindowTally) -> sm.WindowTally:
        fewest = min((group.counts.responses for group in window.groups), default=0)
        groups = tuple(group for group in window.groups if group.counts.responses != fewest)
        return window.model_copy(update={"groups": groups})


class AsOfTheEnd(Retelling):
    """Says that its data is of when it had been read."""

    def as_of(self, context: sm.SourceContext, tally: sm.Tally) -> datetime:
        return context.now()


class Mixing(HttpSource):
    """Puts parts of the answer to another query into that to the query asked."""

    def other(self, query: sm.MetricQuery) -> sm.MetricQuery:
        """Give the other query."""
        raise NotImplementedError

    def mixed(self, right: sm.WindowTally, other: sm.WindowTally) -> sm.WindowTally:
        """Put a window together from two."""
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


class PreviousOfEverybody(Mixing):
    """Forgets the filters for the window before."""

    def other(self, query: sm.MetricQuery) -> sm.MetricQuery:
        return without(query, filters=())

    def mixed(self, right: sm.WindowTally, other: sm.WindowTally) -> sm.WindowTally:
        return other if right.window == "previous" else right


KILLERS: Final[Mapping[str, Sequence[type[HttpSource]]]] = {
    "test_filters_hold_with_all_else": (
        FirstFilter,
        LastFilter,
        FirstValue,
        FilterWithoutRange,
        GroupsWithoutFilter,
        NpsWithoutFilter,
        CountsWithoutFilter,
        PreviousOfEverybody,
    ),
    "test_open_ranges_hold_for_every_calculation": (NpsOfAllTime, OpenStart, OpenEnd),
    "test_what_is_included_counts_in_every_query": (GroupsWithoutIncluded, AnswersWithoutIncluded),
    "test_periods_hold_the_days_of_their_zone": (MonthsOfUtc, WeeksOfUtc),
    "test_pieces_of_a_query_make_up_the_whole": (
        FilteredWeeksFromMonday,
        FilteredDaysOfUtc,
        FilteredWithoutIncluded,
        RangedWeeksFromMonday,
        GroupsByRegionOfAllTime,
    ),
    "test_group_bys_sum_up": (GroupsAsText, SmallestGroupLost),
    "test_as_of_is_when_the_reading_began": (AsOfTheEnd,),
}
