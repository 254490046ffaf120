"""The settings of an account: time zone, first day of the week, confidence, smallest group."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from smaply_metrics_core.date_ranges import DAYS_IN_WEEK, make_query, resolve, zone_info
from smaply_metrics_core.errors import InputError
from smaply_metrics_core.models.query import (
    ComparedPeriod,
    DateRange,
    Definition,
    MetricQuery,
    Window,
)
from smaply_metrics_core.models.uncertainty import CONFIDENCE_LEVELS, DEFAULT_CONFIDENCE

MINIMUM_GROUPS: Final = (3, 1_000)
"""The lowest and the highest number of answers of the smallest group that is shown."""


@dataclass(frozen=True)
class AccountSettings:
    """The time zone, first day of the week, confidence and smallest group of an account.

    Attributes:
        zone: The IANA name of the time zone.
        week_start: The first day of the week, ISO: 1 = Monday … 7 = Sunday.
        confidence: The level of confidence of intervals and verdicts, in percent. It does not
            affect values, so it is not part of the fingerprint: intervals are calculated again
            from the stored tallies.
        minimum_group: The fewest answers of a group that is shown; 0 shows all groups. Values are
            stored as they are, and groups are hidden when they are read.
    """

    zone: str = "UTC"
    week_start: int = 1
    confidence: float = DEFAULT_CONFIDENCE
    minimum_group: int = 0

    def validate(self) -> None:
        """Validate the values before they are stored.

        The constructor does not validate: a stored time zone that this machine lacks must only
        fail the metrics that use it.

        Raises:
            InputError: for a time zone or a day of the week that does not exist, or a level of
                confidence or a smallest group out of range.
        """
        zone_info(self.zone)
        if not 1 <= self.week_start <= DAYS_IN_WEEK:
            raise InputError(
                f"{self.week_start} is not a day of the week.",
                remedy="Use 1 (Monday) to 7 (Sunday).",
            )
        lowest, highest = CONFIDENCE_LEVELS
        if not lowest <= self.confidence <= highest:
            raise InputError(
                f"{self.confidence:g} % is not a possible level of confidence.",
                remedy=f"Use {lowest:g} to {highest:g}; most surveys use {DEFAULT_CONFIDENCE:g}.",
            )
        fewest, most = MINIMUM_GROUPS
        if self.minimum_group and not fewest <= self.minimum_group <= most:
            raise InputError(
                f"{self.minimum_group} is not a possible minimum for groups.",
                remedy=f"Use 0 to show all groups, or {fewest} to {most:,} answers.",
            )

    def make_query(self, query_id: str, definition: Definition, *, now: datetime) -> MetricQuery:
        """Return the query of a definition, with its date range resolved.

        Args:
            query_id: The id of the query, unique in its call.
            definition: The definition of the metric.
            now: The time as of which the date range is resolved.

        Raises:
            QueryInvalid: for a Comparison with a range that has no previous window.
        """
        return make_query(query_id, definition, now=now, zone=self.zone, week_start=self.week_start)

    def fingerprint(self, definition: Definition) -> str:
        """Return the fingerprint of a definition with the settings that values depend on.

        If small groups are hidden, the answers that filters remove are counted, too. A value that
        was stored without that count has another fingerprint, so it is not shown.
        """
        found = definition.fingerprint(zone=self.zone, week_start=self.week_start)
        if not (self.minimum_group and definition.filters):
            return found
        return hashlib.sha256(f"{found} filtered_out".encode()).hexdigest()[:32]

    def windows(
        self,
        date_range: DateRange,
        *,
        now: datetime,
        comparison: bool = False,
        compare_with: ComparedPeriod = ComparedPeriod.PREVIOUS_PERIOD,
    ) -> tuple[Window, ...]:
        """Return the current window of a date range and, for a comparison, the previous one.

        Raises:
            QueryInvalid: for a comparison with a range that has no previous window.
        """
        return resolve(
            date_range,
            now=now,
            zone=self.zone,
            week_start=self.week_start,
            comparison=comparison,
            compare_with=compare_with,
        )
