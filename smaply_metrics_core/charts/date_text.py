"""Texts for times and date ranges, in the account's time zone."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from smaply_metrics_core.date_ranges import MONTHS, zone_info
from smaply_metrics_core.models.query import Window


def instant_text(at: datetime, zone: str) -> str:
    """Return a time as text: ``5 Jan 2026 14:05``."""
    local = at.astimezone(zone_info(zone))
    return f"{day_text(local.date())} {local:%H:%M}"


def date_range_text(window: Window, zone: str) -> str:
    """Return the first and last day of a window, with an en dash in between, or ``all time``."""
    tz = zone_info(zone)
    first = window.start.astimezone(tz).date() if window.start else None
    # The end is excluded: a window that ends at midnight ends on the day before.
    last = (window.end.astimezone(tz) - timedelta(microseconds=1)).date() if window.end else None
    if first is None and last is None:
        return "all time"
    if first is None or last is None:
        return f"from {day_text(first)}" if first else f"until {day_text(last)}" if last else ""
    if last <= first:
        return day_text(first)
    return f"{day_text(first, with_year=first.year != last.year)} \N{EN DASH} {day_text(last)}"


def local_day_text(at: datetime, zone: str) -> str:
    """Return the day of a time as text: ``5 Jan 2026``."""
    return day_text(at.astimezone(zone_info(zone)).date())


def day_text(day: date, *, with_year: bool = True) -> str:
    """Return a day as text: ``5 Jan 2026``, or ``5 Jan``."""
    return f"{day.day} {MONTHS[day.month - 1]}" + (f" {day.year}" if with_year else "")
