"""Contract tests of queries that are divided into parts.

For any query, a filter and its opposite together count all responses, and so do adjacent ranges. If
a source ignores one part of a query because of another, the parts do not add up to the whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Final

from smaply_metrics_core.models.query import GroupBy
from smaply_metrics_core.testing.assertions import expect
from smaply_metrics_core.testing.suite.queries import every_group_by
from smaply_metrics_core.testing.suite.scenarios.query_partitions import (
    FILTERS,
    HALVES,
    RANGES,
    PartitionCounts,
    query_partitions,
)
from smaply_metrics_core.testing.suite.subject import ContractSubject
from smaply_metrics_core.testing.suite.tally_invariants import check_groups, counts_by_group

APPLY_ALL: Final = (
    "apply all parts of a query together: question, calculation, group-by, dates, filters, "
    "inclusions, time zone and first day of the week; `calculations.tally` does this for rows"
)


class QueryPartitionTests(ContractSubject):
    """A query equals the sum of its parts."""

    def test_the_parts_of_a_query_add_up_to_the_whole(self) -> None:
        """Adjacent ranges, and a filter and its opposite, add up to the whole query."""
        overlapping = [
            group_by for group_by, several in every_group_by(self.lab.questionnaire()) if several
        ]
        check_partitions(query_partitions(self.lab), overlapping)


def check_partitions(counts: PartitionCounts, overlapping: Collection[GroupBy]) -> None:
    """Check that the parts of each query add up to the whole, and so do its groups.

    Args:
        counts: The partitions and the counts of all queries.
        overlapping: The group-bys with which a response may be in several groups.

    Raises:
        AssertionError: if they do not.
    """
    windows = counts.windows
    for partition in counts.partitions:
        whole = counts_by_group([windows[partition.whole.id]])
        parts = counts_by_group([windows[part.id] for part in partition.parts])
        # Responses without a date are counted only without a date range.
        missing = 0 if partition.method == FILTERS else counts.undated
        wrong = sorted(
            key
            for key in whole.keys() | parts.keys()
            if not 0 <= whole[key] - parts[key] <= missing
        )
        expect(
            not wrong,
            f"“{partition.whole.id}” has {_shown(wrong, whole)}, but {partition.method} together "
            f"have {_shown(wrong, parts)}.",
            APPLY_ALL,
        )
    queries = {query.id: query for one in counts.partitions for query in (one.whole, *one.parts)}
    for name, query in queries.items():
        if windows[name].groups:
            several = query.definition.group_by in overlapping
            check_groups(name, windows[name], several=several)
    for method in (RANGES, HALVES):
        partitions = [one.parts for one in counts.partitions if one.method == method]
        for same_dates in zip(*partitions, strict=True):
            responses = {part.id: windows[part.id].total.responses for part in same_dates}
            expect(
                len(set(responses.values())) == 1,
                f"Queries with the same dates count different responses: {responses}.",
                APPLY_ALL,
            )


def _shown(names: Sequence[str], counts: Counter[str]) -> str:
    return ", ".join(f"{counts[name]} {name}" for name in names[:3])
