"""Contract tests: filters, what is left out, and the calendar of an account."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Final
from unittest import SkipTest

from smaply_metrics_core.date_ranges import midnight, period_key, period_of_key, zone_info
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
from smaply_metrics_core.testing.assertions import expect, unknown_instant
from smaply_metrics_core.testing.suite.queries import DAY, ask, everything_to_group_by
from smaply_metrics_core.testing.suite.subjects.batches import BatchTests
from smaply_metrics_core.testing.suite.tally_invariants import query_tally

FAR_ZONES: Final = ("Pacific/Kiritimati", "Pacific/Pago_Pago")
"""A day ahead of each other at every instant: the first is never on the day of the second."""

SUMMER_ZONES: Final = (
    "America/Anchorage",
    "America/Los_Angeles",
    "America/Denver",
    "America/Chicago",
    "America/New_York",
    "America/Halifax",
    "Atlantic/Azores",
    "Europe/London",
    "Europe/Vienna",
    "Europe/Athens",
    "Australia/Adelaide",
    "Australia/Sydney",
    "Pacific/Auckland",
    "Pacific/Chatham",
)
"""Zones with summer time: at most hours it is about to be, or has just been, midnight in one."""

WEEK_STARTS: Final = (1, 7)


class FilterTests(BatchTests):
    """Filters, reasons for leaving out, zones, weeks."""

    def _parts(self) -> Mapping[str, Tally]:
        queries = [
            *(query for _, _, query in self._filtered()),
            *(query for _, query in self._shared()),
            *(
                ask(f"with {reason}", self.survey_id, include=[reason])
                for reason in sorted(ExclusionReason)
            ),
            ask("with everything", self.survey_id, include=ExclusionReason),
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
        return {query.id: query_tally(answers, query) for query in queries}

    def _filtered(self) -> Iterator[tuple[Mapping[str, int], WindowTally, MetricQuery]]:
        """Give queries with a filter: what it should keep, what all are, and the query."""
        answers, question = self._grouped()
        whole = answers["whole"]
        if not isinstance(whole, Tally):
            return
        everybody = whole.window("current")
        for group_by, several in everything_to_group_by(self.questionnaire()):
            tally = answers[str(group_by)]
            if group_by.kind == "period" or not isinstance(tally, Tally):
                continue
            groups = [one for one in tally.window("current").groups if one.counts.responses]
            if not groups:
                continue
            # A response may have several answers: then two groups are no sum.
            for number in (1, 2) if groups[1:] and not several else (1,):
                kept_groups = groups[:number]
                keys = tuple(group.key for group in kept_groups)
                for exclude in (False, True):
                    kept = Filter(
                        kind="question" if group_by.kind == "question" else "field",
                        of=group_by.of,
                        values=keys,
                        exclude=exclude,
                    )
                    word = "without" if exclude else "only"
                    yield (
                        {
                            what: sum(getattr(group.counts, what) for group in kept_groups)
                            for what in ("responses", "answered")
                        },
                        everybody,
                        ask(
                            f"{word} {group_by}={'|'.join(keys)}",
                            self.survey_id,
                            calculation=Calculation.ANSWERED,
                            question=question,
                            filters=[kept],
                        ),
                    )

    def _shared(self) -> Iterator[tuple[int, MetricQuery]]:
        """Give, where one response may give several answers, who gave one of those of a share."""
        asked, answers = self._calculations()
        for question, query in asked:
            tally = answers[query.id]
            keys = query.definition.answers
            plain = all(choice.analyze for choice in question.choices)
            if not keys or not plain or not isinstance(tally, Tally) or not tally.multiple:
                continue
            kept = Filter(kind="question", of=question.id, values=keys)
            chosen = tally.window("current").total.chosen
            yield chosen or 0, ask(f"who is in {query.id}", self.survey_id, filters=[kept])

    def test_filters_keep_what_they_name(self) -> None:
        """A filter keeps the responses of its group, and an excluding one all the others."""
        parts = self._parts()
        wanted = list(self._filtered())
        if not wanted:
            raise SkipTest("this survey has nothing to filter by")
        for chosen, query in self._shared():
            found = parts[query.id].window("current").total.responses
            expect(
                found == chosen,
                f"{query.id}: a filter by its answers keeps {found} responses, and {chosen} are "
                "said to have given one of them.",
                "count in `chosen` each response that gave at least one of the answers, once, and "
                "keep the same by a filter; `calculations.tally` does both for rows",
            )
        recorded = dict[str, int]()
        for group, everybody, query in wanted:
            window = parts[query.id].window("current")
            total = window.total
            out = query.definition.filters[0].exclude
            side = query.id.partition(" ")[2]
            recorded[side] = recorded.get(side, 0) + window.recorded
            expect(
                not out or recorded[side] == everybody.recorded,
                f"The filter {side} and its opposite hold {recorded[side]} responses with those "
                f"that are left out, and there are {everybody.recorded}.",
                "let filters hold for what is left out, too: `excluded` has those of the "
                "responses that they keep",
            )
            for what, kept in group.items():
                right = getattr(everybody.total, what) - kept if out else kept
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
        for reason in sorted(ExclusionReason):
            window = parts[f"with {reason}"].window("current")
            right = {name: n for name, n in out.items() if name != reason}
            left = {name: n for name, n in window.excluded.items() if n}
            expect(
                left == right and window.recorded == recorded,
                f"With {reason} included, {left} are left out and not {right}, and "
                f"{window.recorded} of {recorded} responses are recorded.",
                fix,
            )

    def _days(self) -> Iterator[MetricQuery]:
        at = self.recorded_at
        if at is None:
            return
        for zone in _zones(at):
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
        for zone in _zones(self.recorded_at):
            key = period_key(Period.DAY, self.recorded_at.astimezone(zone_info(zone)).date())
            one = parts[f"the day in {zone}"].window("current")
            held = {group.key: group.counts.responses for group in one.groups}
            several = parts[f"the days in {zone}"].window("current")
            among = {group.key: group.counts.responses for group in several.groups}
            expect(
                held == {key: one.total.responses} and among.get(key) == one.total.responses,
                f"The day {key} of {zone} holds {one.total.responses} responses; by day they are "
                f"{held}, and among the days around it {among}.",
                "cut days at midnight in the query's zone, not in UTC or the machine's, with the "
                "summer time of that day; "
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
                "take `query.week_start` to `smaply_metrics_core.date_ranges.period_start`",
            )


def _zones(at: datetime) -> tuple[str, ...]:
    """Give zones far from each other, and those where summer time decides on the day."""

    def days(zone: str) -> set[date]:
        offsets = (at.replace(month=n, day=1).astimezone(zone_info(zone)) for n in (1, 7))
        return {(at.astimezone(UTC) + (one.utcoffset() or timedelta())).date() for one in offsets}

    return (*FAR_ZONES, *(zone for zone in SUMMER_ZONES if len(days(zone)) > 1))
