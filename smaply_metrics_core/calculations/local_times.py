"""Times that a survey tool stores as the wall clock of a time zone."""

from __future__ import annotations

from typing import Final

import polars as pl

_LONGER_THAN_ANY_CHANGE: Final = 3
"""In hours. Clocks are changed by at most two hours, and not twice on one day."""


def local_to_utc(texts: pl.Expr, zone: str, time_format: str = "%Y-%m-%d %H:%M:%S") -> pl.Expr:
    """Return wall-clock times of a zone as instants in UTC, for ``RowReader.recorded``.

    The rules around a clock change are those of PEP 495 for ``fold=0``:

    - A time in the hour that is repeated is the first of the two.
    - A time in the hour that is skipped, which a right clock never shows, is read as if the clock
      had not been changed yet: 02:30 is the instant that is shown as 03:30.

    Args:
        texts: The times as text; null where one cannot be read.
        zone: The IANA name of the zone, such as ``Europe/Vienna``.
        time_format: The format, as for ``strptime``.
    """
    wall = texts.str.to_datetime(time_format, strict=False)
    usual = _in_utc(wall, zone)
    # Before the change, the clock had the offset that a skipped time is read with.
    hours = _LONGER_THAN_ANY_CHANGE
    skipped = _in_utc(wall - pl.duration(hours=hours), zone) + pl.duration(hours=hours)
    return pl.coalesce(usual, skipped)


def _in_utc(wall: pl.Expr, zone: str) -> pl.Expr:
    zoned = wall.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    return zoned.dt.convert_time_zone("UTC")
