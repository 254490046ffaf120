"""Contract tests of values that people enter: the newest one of each window and group."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final, TypeAlias
from unittest import SkipTest

from smaply_metrics_core.date_ranges import midnight, next_period, period_of_key, zone_info
from smaply_metrics_core.models.query import Filter, GroupBy, MetricQuery, Period, Window
from smaply_metrics_core.models.survey import QuestionKind
from smaply_metrics_core.models.tally import EnteredValue, WindowTally
from smaply_metrics_core.testing.assertions import expect
from smaply_metrics_core.testing.suite.lab import Answers, Lab
from smaply_metrics_core.testing.suite.queries import BY_MONTH, FAR_ZONES, build_query
from smaply_metrics_core.testing.suite.subject import ContractSubject
from smaply_metrics_core.testing.suite.tally_invariants import query_tally

NEWEST: Final = (
    "return the newest value whose day begins in the window, in the query's time zone; for a "
    "period, its newest one, and periods in their order without empty ones"
)
LABELS: Final = "return the newest value of each group, and of the values that the filters select"
ZONE: Final = FAR_ZONES[-1]
"""Where a day begins so late that in UTC it is the next one."""
_Value: TypeAlias = EnteredValue | None


class EnteredValueTests(ContractSubject):
    """Values that people enter."""

    def test_entered_values_are_the_newest_of_their_dates(self) -> None:
        """A window and a period have their newest value, which is for a day in them."""
        query = _query(self.lab, "by month", group_by=BY_MONTH)
        groups = _current(self.lab.fetch("entered months", query), query).groups
        starts = [period_of_key(Period.MONTH, group.key) for group in groups]
        values = [group.counts.entered for group in groups]
        expect(
            len(starts) > 1 and starts == sorted(starts),
            f"The values of {self.survey_id} are for one month, or their months are not in order.",
            "set `survey_id` to one with values of several months; " + NEWEST,
        )
        for start, value in zip(starts, values, strict=True):
            expect(
                value is not None and start <= value.day < next_period(Period.MONTH, start),
                f"The month from {start} has the entered value {value}.",
                NEWEST,
            )
        queries = [_query(self.lab, "whole"), *_month_queries(self.lab, starts)]
        answers = self.lab.fetch("entered windows", *queries)
        whole, *months = (_current(answers, query).total.entered for query in queries)
        previous = [
            query_tally(answers, query).window("previous").total.entered for query in queries[1:]
        ]
        _expect_same("all dates", whole, values[-1])
        for place, month in enumerate(months, start=1):
            _expect_same(f"the dates from {starts[place]}", month, values[place])
            _expect_same(
                f"the dates before {starts[place]}", previous[place - 1], values[place - 1]
            )

    def test_entered_values_belong_to_their_group(self) -> None:
        """A group of a field has the value that a filter for the group selects."""
        _query(self.lab, "whole")  # Skips without a question.
        fields = self.lab.questionnaire().fields
        if not fields:
            raise SkipTest("the values of this survey have no labels")
        for field in fields:
            query = _query(self.lab, "by field", group_by=GroupBy(kind="field", of=field.name))
            groups = _current(self.lab.fetch(f"entered {field.name}", query), query).groups
            filtered = {
                group.key: _query(
                    self.lab,
                    f"group {place}",
                    only=(Filter(kind="field", of=field.name, values=(group.key,)),),
                )
                for place, group in enumerate(groups)
            }
            answers = self.lab.fetch(f"entered groups of {field.name}", *filtered.values())
            for group in groups:
                found = _current(answers, filtered[group.key]).total.entered
                expect(
                    found is not None and found == group.counts.entered,
                    f"The group {group.key} has the entered value {group.counts.entered}, but a "
                    f"filter for it {found}.",
                    LABELS,
                )


def _query(
    lab: Lab,
    query_id: str,
    *,
    group_by: GroupBy | None = None,
    windows: Sequence[Window] = (Window(),),
    only: Sequence[Filter] = (),
) -> MetricQuery:
    """Return a query for the first question whose values people enter."""
    for question in lab.questionnaire().walk():
        if question.kind is QuestionKind.ENTERED:
            return build_query(
                query_id,
                lab.facts.survey_id,
                calculation=question.calculations[0],
                question=question,
                group_by=group_by,
                windows=windows,
                filters=only,
                zone=ZONE,
            )
    raise SkipTest("people enter no values of this survey")


def _month_queries(lab: Lab, starts: Sequence[date]) -> list[MetricQuery]:
    """Return a Comparison of each month but the first with the dates from the month before."""
    zone = zone_info(ZONE)
    first = [midnight(start, zone) for start in starts]
    last = midnight(next_period(Period.MONTH, starts[-1]), zone)
    ends = [*first[1:], last]
    return [
        _query(
            lab,
            f"month {place}",
            windows=(
                Window(start=first[place], end=ends[place]),
                Window(name="previous", start=first[place - 1], end=first[place]),
            ),
        )
        for place in range(1, len(first))
    ]


def _current(answers: Answers, query: MetricQuery) -> WindowTally:
    return query_tally(answers, query).window("current")


def _expect_same(what: str, found: _Value, expected: _Value) -> None:
    expect(
        found == expected,
        f"The entered value of {what} is {found}, but that of its month is {expected}.",
        NEWEST,
    )
