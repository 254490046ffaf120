"""Instants and date ranges in words, in the account's time zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from smaply_metrics_core.cli.usage import WrongUsage
from smaply_metrics_core.periods import MONTHS

if TYPE_CHECKING:
    from smaply_metrics_core.models.query import Window


YEARS: Final = range(1970, 2200)
"""Beyond them there are no surveys, and not far beyond them no dates to calculate with."""


def calendar_day(option: str, given: str | None) -> date | None:
    """Read a date.

    Raises:
        WrongUsage: when it is none, or centuries away.
    """
    if given is None:
        return None
    try:
        read = date.fromisoformat(given)
    except ValueError:
        read = date.min
    if read.year not in YEARS:
        raise WrongUsage(f"{option} “{given}” is not a date.", "Write it as in 2026-01-31.")
    return read


def instant(option: str, given: str | None) -> datetime | None:
    """Read an instant; one without a time zone is UTC.

    Raises:
        WrongUsage: when it is none, or centuries away.
    """
    if given is None:
        return None
    try:
        read = datetime.fromisoformat(given)
    except ValueError:
        read = datetime.min  # noqa: DTZ901  # Only its year is looked at.
    if read.year not in YEARS:
        raise WrongUsage(
            f"{option} “{given}” is no date and time.", "Write it as in 2026-01-31T12:00:00Z."
        )
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)


def moment(at: datetime, zone: str) -> str:
    """Say an instant: ``5 Jan 2026 14:05``."""
    local = at.astimezone(ZoneInfo(zone))
    return f"{_day(local.date())} {local:%H:%M}"


def covered(window: Window, zone: str) -> str:
    """Say which days a window covers, the first and the last included."""
    where = ZoneInfo(zone)
    first = window.start.astimezone(where).date() if window.start else None
    # The end is not in it: what ends at midnight ends with the day before.
    last = (window.end.astimezone(where) - timedelta(microseconds=1)).date() if window.end else None
    if first is None and last is None:
        return "all time"
    if first is None or last is None:
        return f"from {_day(first)}" if first else f"until {_day(last)}" if last else ""
    if last <= first:
        return _day(first)
    return f"{_day(first, with_year=first.year != last.year)} to {_day(last)}"


def _day(day: date, *, with_year: bool = True) -> str:
    return f"{day.day} {MONTHS[day.month - 1]}" + (f" {day.year}" if with_year else "")
