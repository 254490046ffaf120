"""Contract tests of filters and of excluded responses."""

from __future__ import annotations

from collections.abc import Mapping
from unittest import SkipTest

from smaply_metrics_core.models.query import ExclusionReason
from smaply_metrics_core.testing.assertions import expect
from smaply_metrics_core.testing.suite.scenarios.query_parts import (
    filter_queries,
    query_parts,
    share_filter_queries,
)
from smaply_metrics_core.testing.suite.subject import ContractSubject


class FilterTests(ContractSubject):
    """Filters and excluded responses."""

    def test_filters_keep_what_they_name(self) -> None:
        """A filter keeps the responses of its group, and an excluding filter all others."""
        tallies = query_parts(self.lab)
        filtered = list(filter_queries(self.lab))
        if not filtered:
            raise SkipTest("this survey has no groups to filter by")
        for chosen, query in share_filter_queries(self.lab):
            found = tallies[query.id].window("current").total.responses
            expect(
                found == chosen,
                f"{query.id}: a filter by its answers keeps {found} responses, but `chosen` is "
                f"{chosen}.",
                "count each response with at least one of the answers once in `chosen`, and keep "
                "the same responses with a filter; `calculations.tally` does both for rows",
            )
        recorded = dict[str, int]()
        for group, whole, query in filtered:
            window = tallies[query.id].window("current")
            exclude = query.definition.filters[0].exclude
            name = query.id.partition(" ")[2]
            recorded[name] = recorded.get(name, 0) + window.recorded
            expect(
                not exclude or recorded[name] == whole.recorded,
                f"The filter {name} and its opposite have {recorded[name]} responses including "
                f"excluded ones, but the survey has {whole.recorded}.",
                "apply filters to excluded responses, too: `excluded` counts only responses that "
                "match the filters",
            )
            for what, in_group in group.items():
                expected = getattr(whole.total, what) - in_group if exclude else in_group
                found = getattr(window.total, what)
                expect(
                    found == expected,
                    f"{query.id}: {found} {what}, but {expected} are expected from its groups.",
                    "apply every filter of a query: an including filter excludes responses without "
                    "an answer, an excluding filter keeps them; `calculations.tally` does this for "
                    "rows",
                )

    def test_excluded_responses_can_be_included(self) -> None:
        """Responses excluded for a reason are counted if a metric includes that reason."""
        excluded = _positive(self.lab.responses().excluded)
        if not excluded:
            raise SkipTest("this survey has no excluded responses")
        tallies = query_parts(self.lab)
        everything = tallies["with everything"].window("current")
        fix = (
            "count responses whose reason is in the definition's `include`, and exclude the "
            "others by reason; `calculations.tally` does this for rows"
        )
        recorded = everything.recorded
        expect(
            not any(everything.excluded.values()) and recorded > sum(excluded.values()),
            f"With every reason included, {dict(everything.excluded)} are still excluded.",
            fix,
        )
        for reason in sorted(ExclusionReason):
            window = tallies[f"with {reason}"].window("current")
            expected = {name: n for name, n in excluded.items() if name != reason}
            found = _positive(window.excluded)
            expect(
                found == expected and window.recorded == recorded,
                f"With {reason} included, {found} are excluded instead of {expected}, and "
                f"{window.recorded} of {recorded} responses are recorded.",
                fix,
            )


def _positive(counts: Mapping[str, int]) -> dict[str, int]:
    return {name: count for name, count in counts.items() if count}
