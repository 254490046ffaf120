"""Words for pages that are not the framework's: relative times, counts, roles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

    from smaply_metrics_core.host import Role

MINUTE: Final = 60
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
_SPANS: Final = ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute"))
OLDEST_DAYS: Final = 30


def relative_time(instant: datetime, now: datetime) -> str:
    """Say how long ago an instant was; after a month, its date.

    What lies ahead (another machine's clock) is “just now”.
    """
    seconds = (now - instant).total_seconds()
    if seconds >= OLDEST_DAYS * DAY:
        return f"on {instant.day} {instant:%b} {instant.year}"
    for length, name in _SPANS:
        number = int(seconds // length)
        if number >= 1:
            return f"{number} {name}{'s' if number > 1 else ''} ago"
    return "just now"


def count(number: int, one: str, several: str = "") -> str:
    """Say a number of things: ``1 card``, ``12 cards``."""
    return f"{number:,} {one if number == 1 else several or one + 's'}"


def role(value: Role) -> str:
    """Say a role."""
    return value.name.capitalize()
