"""Counts what filters remove, in the same call that fetches the filtered values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from smaply_metrics_core.calculations.filtered_out import add_filtered_out, relaxed_definitions
from smaply_metrics_core.errors import MetricsError
from smaply_metrics_core.models.query import Definition, MetricQuery, Window
from smaply_metrics_core.models.result import Result
from smaply_metrics_core.models.tally import Tally

PREFIX: Final = "unfiltered "
"""Of the ids of the additional queries; the ids of metrics have no space."""


class FilteredCounts:
    """The additional queries for some queries with filters, each fetched once for all of them.

    Args:
        queries: The queries of metrics.
        minimum: The fewest answers of a group that is shown; 0 needs no additional query.

    Attributes:
        queries: The queries of metrics.
        added: The additional queries.
        every: The queries of metrics, then the additional ones.
    """

    def __init__(self, queries: Sequence[MetricQuery], minimum: int) -> None:
        self._needed = bool(minimum)
        self._ids: dict[tuple[Definition, tuple[Window, ...]], str] = {}
        added = []
        for query in queries if minimum else ():
            for definition in relaxed_definitions(query.definition):
                key = (definition, query.windows)
                if key not in self._ids:
                    self._ids[key] = f"{PREFIX}{len(self._ids)}"
                    update = {"id": self._ids[key], "definition": definition}
                    added.append(query.model_copy(update=update))
        self.queries = tuple(queries)
        self.added = tuple(added)
        self.every = (*self.queries, *self.added)

    def add(
        self, result: Result, query: MetricQuery, answers: Mapping[str, Tally | MetricsError]
    ) -> Result:
        """Return the result of a query with the number of answers that its filters removed.

        Raises:
            MetricsError: if that number could not be fetched.
            KeyError: if it was not fetched for this query.
        """
        if not self._needed:
            return result
        tallies = []
        for definition in relaxed_definitions(query.definition):
            answer = answers[self._ids[definition, query.windows]]
            if isinstance(answer, MetricsError):
                raise answer
            tallies.append(answer)
        return add_filtered_out(result, query.definition, tallies)
