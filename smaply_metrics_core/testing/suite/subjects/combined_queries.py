"""Contract tests: several parts of a query at once, where each alone is another contract test's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from unittest import SkipTest

from smaply_metrics_core.date_ranges import period_key, period_of_key, period_start
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
from smaply_metrics_core.testing.assertions import expect
from smaply_metrics_core.testing.suite.queries import ask, best_question, everything_to_group_by
from smaply_metrics_core.testing.suite.subjects.filters import FAR_ZONES, FilterTests
from smaply_metrics_core.testing.suite.tally_invariants import query_tally

BY_MONTH: Final = GroupBy(kind="period", of=Period.MONTH)
SHIFT: Final = timedelta(hours=12)

INCLUDED: Final = (
    "let `include` hold for every query and each of its windows, grouped or not, of a question or "
    "of none"
)

Counted = Mapping[str, WindowTally]


class Sides(NamedTuple):
    """A filter that keeps one group or several, and the same that leaves them out."""

    only: Filter
    without: Filter


class CombinedQueryTests(FilterTests):
    """Filters with filters, with dates, with groups, with calculations."""

    def _sides(self) -> Sides | None:
        """Give a filter by two groups of the survey, or by the one that there is."""
        answers, _ = self._grouped()
        for group_by, several in everything_to_group_by(self.questionnaire()):
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
                return Sides(only, only.model_copy(update={"exclude": True}))
        return None

    def _combined(self) -> Counted:
        start, middle, end = self._borders()
        queries = [
            *self._open_ranges(middle),
            *self._included(start, middle, end),
            *self._months(start, end),
        ]
        if sides := self._sides():
            queries += self._under(sides, (start, middle, end))
        answers = self.fetch("combined", *queries)
        found = dict[str, WindowTally]()
        for query in queries:
            current, *previous = query_tally(answers, query).windows
            found |= {query.id: current} | {f"{query.id}, previous": one for one in previous}
        return found

    def _open_ranges(self, middle: datetime) -> Iterator[MetricQuery]:
        question = best_question(self.questionnaire())
        for calculation in question.calculations:
            if calculation is Calculation.SHARE:
                continue
            for name, window in (
                ("before", Window(end=middle)),
                ("since", Window(start=middle)),
            ):
                yield ask(
                    f"{calculation} {name}",
                    self.survey_id,
                    calculation=calculation,
                    question=question,
                    windows=(window,),
                )
        for name, window in (("before", Window(end=middle)), ("since", Window(start=middle))):
            yield ask(f"everybody {name}", self.survey_id, windows=(window,))

    def _included(self, start: datetime, middle: datetime, end: datetime) -> Iterator[MetricQuery]:
        question = best_question(self.questionnaire())
        now, before = Window(start=middle, end=end), Window(start=start, end=middle)
        both = (now, before.model_copy(update={"name": "previous"}))
        for name, windows in (("both", both), ("later", (now,)), ("earlier", (before,))):
            yield ask(f"included, {name}", self.survey_id, include=ExclusionReason, windows=windows)
        yield ask("everything", self.survey_id, include=ExclusionReason)
        yield ask("everything by month", self.survey_id, include=ExclusionReason, group_by=BY_MONTH)
        yield ask(
            "everything answered",
            self.survey_id,
            calculation=Calculation.ANSWERED,
            question=question,
            include=ExclusionReason,
        )

    def _months(self, start: datetime, end: datetime) -> Iterator[MetricQuery]:
        whole = Window(start=start - 2 * SHIFT, end=end + 2 * SHIFT)
        for zone in FAR_ZONES:
            for period in Period:
                yield ask(
                    f"{period}s of {zone}",
                    self.survey_id,
                    group_by=GroupBy(kind="period", of=period),
                    windows=(whole,),
                    zone=zone,
                )

    def _under(self, sides: Sides, at: tuple[datetime, datetime, datetime]) -> list[MetricQuery]:
        start, middle, end = at
        question = best_question(self.questionnaire())
        first, second = Window(start=start, end=middle), Window(start=middle, end=end)
        only, without = sides
        each = [
            ask(
                f"only, per {calculation}",
                self.survey_id,
                calculation=calculation,
                question=question,
                filters=[only],
            )
            for calculation in question.calculations
            if calculation is not Calculation.SHARE
        ]
        return [
            *each,
            ask("only", self.survey_id, filters=[only]),
            ask("without", self.survey_id, filters=[without]),
            ask("only by month", self.survey_id, filters=[only], group_by=BY_MONTH),
            ask(
                "only, whole",
                self.survey_id,
                filters=[only],
                windows=(Window(start=start, end=end),),
            ),
            ask("only, first half", self.survey_id, filters=[only], windows=(first,)),
            ask("only, second half", self.survey_id, filters=[only], windows=(second,)),
            ask(
                "only, compared",
                self.survey_id,
                filters=[only],
                windows=(second, first.model_copy(update={"name": "previous"})),
            ),
            ask("only and without", self.survey_id, filters=[only, without]),
            ask("without and only", self.survey_id, filters=[without, only]),
        ]

    def test_filters_hold_with_all_else(self) -> None:
        """Several filters all hold, and each holds with dates, groups and every calculation."""
        sides = self._sides()
        if sides is None:
            raise SkipTest("this survey has nothing to filter by")
        found = self._combined()
        answers, _ = self._grouped()
        of = GroupBy(kind=sides.only.kind, of=sides.only.of)
        whole = answers[str(of)]
        assert isinstance(whole, Tally)  # noqa: S101  # The filter was made of it.
        groups = {one.key: one.counts.responses for one in whole.window("current").groups}
        kept = sum(groups[key] for key in sides.only.values)
        everybody = whole.window("current").total.responses
        told = {name: window.total.responses for name, window in found.items()}
        wanted = {name: kept for name in told if name.startswith("only, per ")} | {
            "only": kept,
            "without": everybody - kept,
            "only by month": kept,
            "only and without": 0,
            "without and only": 0,
            "only, first half": told["only, whole"] - told["only, second half"],
            "only, compared": told["only, second half"],
            "only, compared, previous": told["only, first half"],
        }
        wrong = [
            f"“{name}”: {told[name]}, not {n}" for name, n in wanted.items() if told[name] != n
        ]
        expect(
            not wrong and told["only, whole"] <= kept,
            f"With the filter {of}={'|'.join(sides.only.values)} these responses are counted: "
            f"{'; '.join(wrong) or 'all, whatever the dates'}.",
            "keep a response when every filter and the window keep it, whatever is calculated "
            "and grouped by; a filter keeps every one of its values; `calculations.tally` does so",
        )

    def test_open_ranges_hold_for_every_calculation(self) -> None:
        """A range open on one side ends on the other, whatever is calculated."""
        found = self._combined()
        closed = self._ranges()
        for side, beside in (("before", "before"), ("since", "after")):
            right = closed[beside].window("current").total.responses
            for name in (one for one in found if one.endswith(f" {side}")):
                counted = found[name].total.responses
                expect(
                    counted == right,
                    f"“{name}” the middle of the survey counts {counted} responses, and the dates "
                    f"on that side of it {right}.",
                    "take a window for what it is, whatever is calculated: a side that is None is "
                    "open, and the other one is not",
                )

    def test_what_is_included_counts_in_every_query(self) -> None:
        """With every reason included the same responses count, by group and for a question too."""
        found = self._combined()
        told = {
            name: (window.total.responses, sum(window.excluded.values()))
            for name, window in found.items()
            if name.startswith("everything")
        }
        expect(
            len(set(told.values())) == 1,
            f"With every reason included, responses (and those left out) are {told}.",
            INCLUDED,
        )
        for both, alone in (("both", "later"), ("both, previous", "earlier")):
            one, other = (found[f"included, {name}"].total.responses for name in (both, alone))
            expect(
                one == other,
                f"With every reason included, a window counts {one} responses in a Comparison, "
                f"and {other} alone.",
                INCLUDED,
            )

    def test_periods_hold_the_days_of_their_zone(self) -> None:
        """The weeks, months, quarters and years of a zone hold what its days hold."""
        found = self._combined()
        for zone in FAR_ZONES:
            days = found[f"days of {zone}"].groups
            for period in (one for one in Period if one is not Period.DAY):
                by_day = Counter[str]()
                for day in days:
                    start = period_start(period, period_of_key(Period.DAY, day.key))
                    by_day[period_key(period, start)] += day.counts.responses
                groups = found[f"{period}s of {zone}"].groups
                told = Counter({one.key: one.counts.responses for one in groups})
                expect(
                    by_day == told,
                    f"In {zone} the {period}s hold {dict(told)}, and their days {dict(by_day)}.",
                    "cut every period at midnight in the query's zone",
                )
