"""Contract tests of days and weeks, which depend on the account's time zone and week start."""

from __future__ import annotations

from smaply_metrics_core.date_ranges import period_key, period_of_key, zone_info
from smaply_metrics_core.models.query import Period
from smaply_metrics_core.testing.assertions import expect, unknown_instant
from smaply_metrics_core.testing.suite.queries import WEEK_STARTS, require_responses
from smaply_metrics_core.testing.suite.scenarios.query_parts import day_zones, query_parts
from smaply_metrics_core.testing.suite.subject import ContractSubject


class TimeZoneTests(ContractSubject):
    """Days and weeks of an account."""

    def test_days_are_those_of_the_zone(self) -> None:
        """A response is counted on its day in the query's time zone."""
        require_responses(self.lab.questionnaire())
        if self.recorded_at is None:
            raise unknown_instant()
        tallies = query_parts(self.lab)
        for zone in day_zones(self.recorded_at):
            key = period_key(Period.DAY, self.recorded_at.astimezone(zone_info(zone)).date())
            one_day = tallies[f"the day in {zone}"].window("current")
            by_day = {group.key: group.counts.responses for group in one_day.groups}
            several_days = tallies[f"the days in {zone}"].window("current")
            among = {group.key: group.counts.responses for group in several_days.groups}
            total = one_day.total.responses
            expect(
                by_day == {key: total} and among.get(key) == total,
                f"The day {key} in {zone} has {total} responses, but {by_day} grouped by day, and "
                f"{among} in a longer range.",
                "start days at midnight in the query's time zone with daylight saving time, not in "
                "UTC or the machine's time zone; `calculations.tally` does this for rows",
            )

    def test_weeks_begin_where_the_account_says(self) -> None:
        """Weeks start on the query's first day of the week and contain every response."""
        tallies = query_parts(self.lab)
        for start in WEEK_STARTS:
            window = tallies[f"weeks from {start}"].window("current")
            wrong = [
                group.key
                for group in window.groups
                if period_of_key(Period.WEEK, group.key).isoweekday() != start
            ]
            counted = sum(group.counts.responses for group in window.groups) + window.ungrouped
            expect(
                window.groups and not wrong and counted == window.total.responses,
                f"With week start {start}, weeks start on other days "
                f"({', '.join(wrong) or 'none'}), or have {counted} of {window.total.responses} "
                "responses.",
                "pass `query.week_start` to `smaply_metrics_core.date_ranges.period_start`",
            )
