"""Contract tests of queries with several parts; other tests are about single parts."""

from __future__ import annotations

from collections import Counter
from typing import Final
from unittest import SkipTest

from smaply_metrics_core.date_ranges import period_key, period_of_key, period_start
from smaply_metrics_core.models.query import GroupBy, Period
from smaply_metrics_core.models.tally import Tally, WindowTally
from smaply_metrics_core.testing.assertions import expect
from smaply_metrics_core.testing.suite.queries import FAR_ZONES
from smaply_metrics_core.testing.suite.scenarios.combined_queries import (
    combined_queries,
    compared_groups,
    filter_pair,
)
from smaply_metrics_core.testing.suite.scenarios.date_ranges import date_ranges
from smaply_metrics_core.testing.suite.subject import ContractSubject
from smaply_metrics_core.testing.suite.tally_invariants import counts_by_group

INCLUDED: Final = (
    "apply `include` to every query and each of its windows, with or without groups or a question"
)


class CombinedQueryTests(ContractSubject):
    """Filters, dates, group-bys and inclusions in one query."""

    def test_filters_combine_with_all_other_parts(self) -> None:
        """Several filters apply together, and with dates, group-bys and every calculation."""
        pair = filter_pair(self.lab)
        if pair is None:
            raise SkipTest("this survey has no groups to filter by")
        answers, _ = self.lab.groups()
        group_by = GroupBy(kind=pair.only.kind, of=pair.only.of)
        whole = answers[str(group_by)]
        assert isinstance(whole, Tally)  # noqa: S101  # The filter is from this tally.
        groups = {one.key: one.counts.responses for one in whole.window("current").groups}
        kept = sum(groups[key] for key in pair.only.values)
        total = whole.window("current").total.responses
        found = {
            name: window.total.responses for name, window in combined_queries(self.lab).items()
        }
        expected = {name: kept for name in found if name.startswith("only, per ")} | {
            "only": kept,
            "without": total - kept,
            "only by month": kept,
            "only and without": 0,
            "without and only": 0,
            "only, first half": found["only, whole"] - found["only, second half"],
            "only, compared": found["only, second half"],
            "only, compared, previous": found["only, first half"],
        }
        wrong = [
            f"“{name}”: {found[name]}, not {n}" for name, n in expected.items() if found[name] != n
        ]
        expect(
            not wrong and found["only, whole"] <= kept,
            f"With the filter {group_by}={'|'.join(pair.only.values)}, the numbers of responses "
            f"are wrong: {'; '.join(wrong) or 'dates are ignored'}.",
            "count a response only if every filter and the window match, for every calculation "
            "and group-by; a filter matches any of its values; `calculations.tally` does this",
        )

    def test_open_ranges_hold_for_every_calculation(self) -> None:
        """A range that is open on one side is closed on the other, for every calculation."""
        found = combined_queries(self.lab)
        closed = date_ranges(self.lab)
        for side, closed_range in (("before", "before"), ("since", "after")):
            expected = closed[closed_range].window("current").total.responses
            for name in (one for one in found if one.endswith(f" {side}")):
                counted = found[name].total.responses
                expect(
                    counted == expected,
                    f"“{name}” the middle of the survey counts {counted} responses, but the closed "
                    f"range on this side {expected}.",
                    "apply the window for every calculation; only a boundary that is None is open",
                )

    def test_included_responses_count_in_every_query(self) -> None:
        """With every reason included, every query counts the same responses."""
        windows = combined_queries(self.lab)
        counts = {
            name: (window.total.responses, sum(window.excluded.values()))
            for name, window in windows.items()
            if name.startswith("everything")
        }
        expect(
            len(set(counts.values())) == 1,
            f"With every reason included, the counted and excluded responses are {counts}.",
            INCLUDED,
        )
        for both, alone in (("both", "later"), ("both, previous", "earlier")):
            compared, single = (
                windows[f"included, {name}"].total.responses for name in (both, alone)
            )
            expect(
                compared == single,
                f"With every reason included, a window counts {compared} responses in a "
                f"Comparison, but {single} alone.",
                INCLUDED,
            )

    def test_groups_are_counted_in_both_windows(self) -> None:
        """Each window of a query that compares groups has the groups of the window alone."""
        found = combined_queries(self.lab)
        for both, *alone in compared_groups(self.lab):
            for name, single in zip((both.id, f"{both.id}, previous"), alone, strict=True):
                window, expected = found[name], found[single.id]
                wrong = _different_counts(window, expected)
                expect(
                    not wrong,
                    f"“{name}” counts {'; '.join(wrong[:3])} when counted alone.",
                    "count each window of a query with its own groups: a group of one window need "
                    "not occur in the other; `calculations.tally` does this for rows",
                )

    def test_periods_hold_the_days_of_their_zone(self) -> None:
        """The weeks, months, quarters and years of a zone contain the responses of its days."""
        windows = combined_queries(self.lab)
        for zone in FAR_ZONES:
            days = windows[f"days of {zone}"].groups
            for period in (one for one in Period if one is not Period.DAY):
                by_day = Counter[str]()
                for day in days:
                    start = period_start(period, period_of_key(Period.DAY, day.key))
                    by_day[period_key(period, start)] += day.counts.responses
                groups = windows[f"{period}s of {zone}"].groups
                by_period = Counter({one.key: one.counts.responses for one in groups})
                expect(
                    by_day == by_period,
                    f"In {zone} the {period}s have {dict(by_period)} responses, but their days "
                    f"{dict(by_day)}.",
                    "start every period at midnight in the query's time zone",
                )


def _different_counts(window: WindowTally, expected: WindowTally) -> list[str]:
    """Return the counts of a window that differ from the expected ones, in words."""
    counts, others = counts_by_group([window]), counts_by_group([expected])
    counts.update({f"excluded, {reason}": n for reason, n in window.excluded.items()})
    others.update({f"excluded, {reason}": n for reason, n in expected.excluded.items()})
    return [
        f"{counts[name]} {name}, but {others[name]}"
        for name in sorted(counts.keys() | others.keys())
        if counts[name] != others[name]
    ]
