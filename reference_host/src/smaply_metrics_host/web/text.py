"""Texts for pages: relative times, counts, roles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from smaply_metrics_core.charts import instant_text

if TYPE_CHECKING:
    from datetime import datetime

    from smaply_metrics_core.host import Role

MINUTE: Final = 60
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
_SPANS: Final = ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute"))
OLDEST_DAYS: Final = 30


def relative_time(instant: datetime, now: datetime) -> str:
    """Return how long ago an instant was, or its date if that is a month or more.

    An instant in the future (from the clock of another machine) is “just now”.
    """
    seconds = (now - instant).total_seconds()
    if seconds >= OLDEST_DAYS * DAY:
        return f"on {instant.day} {instant:%b} {instant.year}"
    for length, name in _SPANS:
        number = int(seconds // length)
        if number >= 1:
            return f"{number} {name}{'s' if number > 1 else ''} ago"
    return "just now"


def clock_time(instant: datetime, zone: str, now: datetime, *, seconds: bool = False) -> str:
    """Return a time of the current day as ``19:43``, and another one with its date.

    Args:
        instant: The time.
        zone: The time zone of the account.
        now: The current instant.
        seconds: Whether a time of the current day has seconds.
    """
    local, today = (one.astimezone(ZoneInfo(zone)) for one in (instant, now))
    if local.date() != today.date():
        return instant_text(instant, zone)
    return f"{local:%H:%M:%S}" if seconds else f"{local:%H:%M}"


def count(number: int, one: str, several: str = "") -> str:
    """Return a number with its noun: ``1 card``, ``12 cards``."""
    return f"{number:,} {one if number == 1 else several or one + 's'}"


def role(value: Role) -> str:
    """Return the name of a role: ``Admin``."""
    return value.name.capitalize()
