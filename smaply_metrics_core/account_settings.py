"""The settings of an account that decide where days and weeks begin."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from smaply_metrics_core.date_ranges import DAYS_IN_WEEK, make_query, resolve, zone_info
from smaply_metrics_core.errors import InputError
from smaply_metrics_core.models.query import DateRange, Definition, MetricQuery, Window


@dataclass(frozen=True)
class AccountSettings:
    """The time zone and the first day of the week of an account.

    Attributes:
        zone: The IANA name of the time zone.
        week_start: The first day of the week, ISO: 1 = Monday … 7 = Sunday.
    """

    zone: str = "UTC"
    week_start: int = 1

    def validate(self) -> None:
        """Validate both values, as before they are stored.

        The constructor does not: a stored zone that this machine does not know is the problem of
        the metrics that use it, and must not end every load.

        Raises:
            InputError: for a time zone or a weekday that does not exist.
        """
        zone_info(self.zone)
        if not 1 <= self.week_start <= DAYS_IN_WEEK:
            raise InputError(
                f"{self.week_start} is no weekday.", remedy="Use 1 for Monday to 7 for Sunday."
            )

    def make_query(self, query_id: str, definition: Definition, *, now: datetime) -> MetricQuery:
        """Return the query of a definition, with its date range resolved at an instant.

        Args:
            query_id: The id of the query in its call.
            definition: What is measured.
            now: The instant at which the date range is resolved.

        Raises:
            QueryInvalid: for a comparison with a range that has no previous one.
        """
        return make_query(query_id, definition, now=now, zone=self.zone, week_start=self.week_start)

    def fingerprint(self, definition: Definition) -> str:
        """Return the fingerprint of a definition in this time zone and with this week start."""
        return definition.fingerprint(zone=self.zone, week_start=self.week_start)

    def windows(
        self, date_range: DateRange, *, now: datetime, comparison: bool = False
    ) -> tuple[Window, ...]:
        """Return the current window of a date range, and the previous one for a comparison.

        Raises:
            QueryInvalid: for a comparison with a range that has no previous one.
        """
        return resolve(
            date_range,
            now=now,
            zone=self.zone,
            week_start=self.week_start,
            comparison=comparison,
        )
