"""Mutants of the source of entered values, with the test that must detect each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from smaply_metrics_core import (
    Counts,
    MetricQuery,
    MetricsError,
    SourceContext,
    Tally,
    Window,
    WindowTally,
    hookimpl,
)
from smaply_metrics_core.entered_values.source import EnteredValuesForm, EnteredValuesSource
from smaply_metrics_core.entered_values.tables import EnteredTable, EnteredTables
from smaply_metrics_core.entered_values.tallies import answer

NEWEST: Final = "test_entered_values_are_the_newest_of_their_dates"
GROUP: Final = "test_entered_values_belong_to_their_group"
Change = Callable[[EnteredTable, MetricQuery], tuple[EnteredTable, MetricQuery]]


class MutatedSource(EnteredValuesSource):
    """Answers another query, of another table, or changes the tally."""

    def __init__(
        self,
        change: Change = lambda table, query: (table, query),
        change_tally: Callable[[Tally], Tally] = lambda tally: tally,
    ) -> None:
        self._change = change
        self._change_tally = change_tally

    @hookimpl
    def fetch_metric(
        self,
        credentials: EnteredValuesForm,
        context: SourceContext,
        survey_id: str,
        queries: Sequence[MetricQuery],
    ) -> Iterator[tuple[str, Tally | MetricsError]]:
        """Answer the queries with the fault."""
        table = EnteredTables.parse(credentials.tables).find(survey_id)
        assert table is not None
        for query in queries:
            found = answer(*self._change(table, query), context.now())
            yield query.id, self._change_tally(found) if isinstance(found, Tally) else found


def oldest(table: EnteredTable, query: MetricQuery) -> tuple[EnteredTable, MetricQuery]:
    """Return the oldest value instead of the newest one."""
    return table.model_copy(update={"rows": table.rows[::-1]}), query


def all_dates(table: EnteredTable, query: MetricQuery) -> tuple[EnteredTable, MetricQuery]:
    """Ignore the dates of the windows."""
    windows = tuple(Window(name=window.name) for window in query.windows)
    return table, query.model_copy(update={"windows": windows})


def unfiltered(table: EnteredTable, query: MetricQuery) -> tuple[EnteredTable, MetricQuery]:
    """Ignore the filters."""
    definition = query.definition.model_copy(update={"filters": ()})
    return table, query.model_copy(update={"definition": definition})


def in_utc(table: EnteredTable, query: MetricQuery) -> tuple[EnteredTable, MetricQuery]:
    """Begin days in UTC instead of the zone of the query, so that none begins in its window."""
    return table, query.model_copy(update={"zone": "UTC"})


def change_windows(change: Callable[[WindowTally], WindowTally]) -> Callable[[Tally], Tally]:
    """Return a function that changes the windows of a tally."""
    return lambda tally: tally.model_copy(update={"windows": tuple(map(change, tally.windows))})


def without_previous(window: WindowTally) -> WindowTally:
    """Return no value for the previous window."""
    if window.window == "current":
        return window
    return window.model_copy(update={"total": Counts(responses=0)})


def backwards(window: WindowTally) -> WindowTally:
    """Return the groups in the reverse order."""
    return window.model_copy(update={"groups": window.groups[::-1]})


def counted(window: WindowTally) -> WindowTally:
    """Return the number of answers instead of the entered value."""
    return window.model_copy(update={"total": Counts(responses=5, answered=5)})


MUTANTS: Final[dict[str, tuple[MutatedSource, str]]] = {
    "returns the oldest entered value": (MutatedSource(oldest), NEWEST),
    "ignores the dates of entered values": (MutatedSource(all_dates), NEWEST),
    "ignores the filters of entered values": (MutatedSource(unfiltered), GROUP),
    "begins the days of entered values in UTC": (MutatedSource(in_utc), NEWEST),
    "has no earlier entered value": (
        MutatedSource(change_tally=change_windows(without_previous)),
        NEWEST,
    ),
    "returns the months of entered values backwards": (
        MutatedSource(change_tally=change_windows(backwards)),
        NEWEST,
    ),
    "counts answers instead of an entered value": (
        MutatedSource(change_tally=change_windows(counted)),
        NEWEST,
    ),
}
"""The sources by fault, each with the test that must detect it."""
