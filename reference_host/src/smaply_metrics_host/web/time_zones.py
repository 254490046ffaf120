"""Time zones to choose from, by region and city."""

from __future__ import annotations

from collections import defaultdict
from functools import cache
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
    known = _known()
    for name in known if chosen in known else (chosen, *known):
        region, _, place = name.partition("/")
        label = (place or name).replace("_", " ")
        offset = f"{now.astimezone(known.get(name) or ZoneInfo(name)):%z}".replace("-", MINUS)
        shown = "" if name == UTC else f" (UTC{offset[:3]}:{offset[3:]})"
        found[region if place else "Everywhere"].append(Zone(name, f"{label}{shown}"))
    return found


@cache
def _known() -> dict[str, ZoneInfo]:
    """Return the zones by name; ``ZoneInfo`` would read a file for each of them again."""
    places = (name for name in available_timezones() if name.split("/")[0] in REGIONS)
    return {name: ZoneInfo(name) for name in (UTC, *sorted(places))}
