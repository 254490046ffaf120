"""Time zones to choose from, by region and city."""

from __future__ import annotations

from collections import defaultdict
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple
from zoneinfo import ZoneInfo, available_timezones

if TYPE_CHECKING:
    from datetime import datetime

REGIONS: Final = (
    "Africa",
    "America",
    "Antarctica",
    "Asia",
    "Atlantic",
    "Australia",
    "Europe",
    "Indian",
    "Pacific",
)
"""Regions of zone names. Names outside them are aliases of zones within them."""
UTC: Final = "UTC"
MINUS: Final = "\N{MINUS SIGN}"


class Zone(NamedTuple):
    """A time zone and its label."""

    name: str
    label: str


def zones(now: datetime, chosen: str) -> dict[str, list[Zone]]:
    """Return the zones by region, labelled with their current UTC offset, including ``chosen``."""
    found: dict[str, list[Zone]] = defaultdict(list)
    quarter = now.replace(minute=now.minute - now.minute % 15, second=0, microsecond=0)
    known = _offsets(quarter)
    for name in known if chosen in known else (chosen, *known):
        region, _, place = name.partition("/")
        label = (place or name).replace("_", " ")
        offset = known.get(name) or _offset(now, ZoneInfo(name))
        shown = "" if name == UTC else f" (UTC{offset[:3]}:{offset[3:]})"
        found[region if place else "Everywhere"].append(Zone(name, f"{label}{shown}"))
    return found


@lru_cache(maxsize=1)
def _offsets(quarter: datetime) -> dict[str, str]:
    """Return the UTC offsets of the zones by name; offsets change only at quarters of an hour."""
    return {name: _offset(quarter, zone) for name, zone in _known().items()}


def _offset(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%z}".replace("-", MINUS)


@cache
def _known() -> dict[str, ZoneInfo]:
    """Return the zones by name; ``ZoneInfo`` would read a file for each of them again."""
    places = (name for name in available_timezones() if name.split("/")[0] in REGIONS)
    return {name: ZoneInfo(name) for name in (UTC, *sorted(places))}
