"""Contract tests: filters, what is left out, and the calendar of an account."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final
from unittest import SkipTest

from smaply_metrics_core.models.query import (
    Calculation,
    Filter,
    GroupBy,
    LeftOut,
    MetricQuery,
    Period,
    Window,
)
from smaply_metrics_core.models.tally import Counts, Tally
from smaply_metrics_core.periods import midnight, period_key, period_of_key, zone_info
from smaply_metrics_core.testing.measuring import MeasuringContract
from smaply_metrics_core.testing.queries import DAY, ask, everything_to_group_by
from smaply_metrics_core.testing.tallies import tally_of
from smaply_metrics_core.testing.verdict import expect, unknown_instant

FAR_ZONES: Final = ("Pacific/Kiritimati", "Pacific/Pago_Pago")
"""A day ahead of each other at every instant: the first is never on the day of the second."""

WEEK_STARTS: Final = (1, 7)


class SlicingContract(MeasuringContract):
    """Filters, reasons for leaving out, zones, weeks."""

    def _parts(self) -> Mapping[str, Tally]:
        queries = [
            *(query for _, _, query in self._filtered()),
            *(
                ask(f"with {reason}", self.survey_id, include=[LeftOut(reason)])
                for reason in sorted(self._left_out())
            ),
            ask("with everything", self.survey_id, include=LeftOut),
            *self._days(),
            *(
                ask(
                    f"weeks from {start}",
                    self.survey_id,
                    group_by=GroupBy(kind="period", of=Period.WEEK),
                    week_start=start,
                )
                for start in WEEK_STARTS
            ),
        ]
        answers = self.fetch("parts", *queries)
        return {query.id: tally_of(answers, query) for query in queries}

    def _filtered(self) -> Iterator[tuple[Counts, Counts, MetricQuery]]:
        """Give queries with a filter: the counts that have it, those of all, and the query."""
        answers, question = self._grouped()
        whole = answers["whole"]
        if not isinstance(whole, Tally):
            return
        everybody = whole.window("current").total
        for group_by, _ in everything_to_group_by(self.questionnaire()):
            tally = answers[str(group_by)]
            if group_by.kind == "period" or not isinstance(tally, Tally):
                continue
            groups = [one for one in tally.window("current").groups if one.counts.responses]
            for group in groups[:1]:
                for exclude in (False, True):
                    kept = Filter(
                        kind="question" if group_by.kind == "question" else "field",
                        of=group_by.of,
                        values=(group.key,),
                        exclude=exclude,
                    )
                    word = "without" if exclude else "only"
                    yield (
                        group.counts,
                        everybody,
                        ask(
                            f"{word} {group_by}={group.key}",
                            self.survey_id,
                            calculation=Calculation.ANSWERED,
                            question=question,
                            filters=[kept],
                        ),
                    )

    def test_filters_keep_what_they_name(self) -> None:
        """A filter keeps the responses of its group, and an excluding one all the others."""
        parts = self._parts()
        wanted = list(self._filtered())
        if not wanted:
            raise SkipTest("this survey has nothing to filter by")
        for group, everybody, query in wanted:
            total = parts[query.id].window("current").total
            out = query.definition.filters[0].exclude
            for what in ("responses", "answered"):
                right = getattr(group, what)
                if out:
                    right = getattr(everybody, what) - right
                found = getattr(total, what)
                expect(
                    found == right,
                    f"{query.id}: {found} {what}, and it should be {right}, as its group says.",
                    "apply every filter of a query: one that includes drops responses without "
                    "that answer, one that excludes keeps them; "
                    "`calculations.tally` does it for rows",
                )

    def _left_out(self) -> Mapping[str, int]:
        _, answers = self._calculations()
        plain = answers["responses"]
        if not isinstance(plain, Tally):
            return {}
        return {name: n for name, n in plain.window("current").excluded.items() if n}

    def test_what_is_left_out_can_be_included(self) -> None:
        """Responses left out for a reason count where a metric includes that reason."""
        out = self._left_out()
        if not out:
            raise SkipTest("no response of this survey is left out")
        parts = self._parts()
        everything = parts["with everything"].window("current")
        fix = (
            "count responses whose reason is in the definition's `include`, and leave out the "
            "others by reason; `calculations.tally` does it for rows"
        )
        recorded = everything.recorded
        expect(
            not any(everything.excluded.values()) and recorded > sum(out.values()),
            f"With every reason included, {dict(everything.excluded)} are still left out.",
            fix,
        )
        for reason in out:
            window = parts[f"with {reason}"].window("current")
            expect(
                not window.excluded.get(reason) and window.recorded == recorded,
                f"With {reason} included, {window.excluded.get(reason, 0)} of it are left out, "
                f"and {window.recorded} of {recorded} responses are recorded.",
                fix,
            )

    def _days(self) -> Iterator[MetricQuery]:
        at = self.recorded_at
        if at is None:
            return
        for zone in FAR_ZONES:
            for name, window in self._around(at, zone).items():
                yield ask(
                    f"{name} in {zone}",
                    self.survey_id,
                    group_by=GroupBy(kind="period", of=Period.DAY),
                    windows=(window,),
                    zone=zone,
                )

    @staticmethod
    def _around(at: datetime, zone: str) -> Mapping[str, Window]:
        info = zone_info(zone)
        day = at.astimezone(info).date()
        following = day + timedelta(days=1)
        return {
            "the day": Window(start=midnight(day, info), end=midnight(following, info)),
            "the days": Window(
                start=midnight(day, info) - 2 * DAY, end=midnight(following, info) + 2 * DAY
            ),
        }

    def test_days_are_those_of_the_zone(self) -> None:
        """A response belongs to the day that it was in the query's zone, wherever that is."""
        if self.recorded_at is None:
            raise unknown_instant()
        parts = self._parts()
        for zone in FAR_ZONES:
            key = period_key(Period.DAY, self.recorded_at.astimezone(zone_info(zone)).date())
            one = parts[f"the day in {zone}"].window("current")
            held = {group.key: group.counts.responses for group in one.groups}
            several = parts[f"the days in {zone}"].window("current")
            among = {group.key: group.counts.responses for group in several.groups}
            expect(
                held == {key: one.total.responses} and among.get(key) == one.total.responses,
                f"The day {key} of {zone} holds {one.total.responses} responses; by day they are "
                f"{held}, and among the days around it {among}.",
                "cut days at midnight in the query's zone, not in UTC or the machine's; "
                "`calculations.tally` does it for rows",
            )

    def test_weeks_begin_where_the_account_says(self) -> None:
        """Weeks begin on the query's first day of the week, and hold every response."""
        parts = self._parts()
        for start in WEEK_STARTS:
            window = parts[f"weeks from {start}"].window("current")
            wrong = [
                group.key
                for group in window.groups
                if period_of_key(Period.WEEK, group.key).isoweekday() != start
            ]
            held = sum(group.counts.responses for group in window.groups) + window.ungrouped
            expect(
                window.groups and not wrong and held == window.total.responses,
                f"Weeks that begin on day {start} come as {', '.join(wrong) or 'others'}, and "
                f"hold {held} of {window.total.responses} responses.",
                "take `query.week_start` to `smaply_metrics_core.periods.period_start`",
            )
