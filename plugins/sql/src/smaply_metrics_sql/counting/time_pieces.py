"""Pieces of time: responses are counted by the stretch between two limits in which they are.

Limits are the starts of periods in the zone of a query, and the limits of its windows. They are
computed here, from ``zoneinfo``, since databases have time-zone data of their own version, or none.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, and_, case, literal_column, null

from smaply_metrics_core import Period
from smaply_metrics_sql.counting.local_time import DAY, offsets

EARLIEST: Final = -2_208_988_800
"""1900 in seconds since 1970: earlier times are unknown, as those after ``LATEST``."""
LATEST: Final = 7_258_118_400
"""2200."""
_EPOCH: Final = date(1970, 1, 1).toordinal()


@lru_cache(maxsize=64)
def period_limits(
    period: Period, zone: str, week_start: int, first: int, last: int
) -> tuple[int, ...]:
    """Return the seconds since 1970 at which a period of a zone begins, in order.

    Args:
        period: The kind of period.
        zone: The name of the zone.
        week_start: The first day of the week, 1 for Monday.
        first: The second from which on they are needed.
        last: The second until which they are needed.
    """
    known = offsets(zone, first, last)
    found: set[int] = set()
    for offset, later in pairwise((*known, None)):
        assert offset is not None  # noqa: S101  # Only the last one is.
        end = last + 1 if later is None else later.begins
        days = range((offset.begins + offset.seconds) // DAY, (end + offset.seconds) // DAY + 1)
        starts = (day * DAY - offset.seconds for day in days if _begins(period, week_start, day))
        found.update(start for start in starts if offset.begins <= start < end)
        if later is not None:
            before, after = (end - 1 + offset.seconds) // DAY, (end + later.seconds) // DAY
            # Clocks that are set over midnight skip the start of a day, or repeat a part of it.
            crossed = range(min(before, after) + 1, max(before, after) + 1)
            if any(_begins(period, week_start, day) for day in crossed):
                found.add(end)
    return tuple(sorted(found))


def _begins(period: Period, week_start: int, day: int) -> bool:
    """Return whether a period begins on a day since 1970."""
    found = date.fromordinal(_EPOCH + day)
    match period:
        case Period.DAY:
            return True
        case Period.WEEK:
            return found.isoweekday() == week_start
        case Period.MONTH:
            return found.day == 1
        case Period.QUARTER:
            return found.day == 1 and found.month % 3 == 1
        case Period.YEAR:
            return found.day == 1 and found.month == 1


def piece_of(second: int, limits: Sequence[int]) -> int:
    """Return the number of the piece in which a second is: how many limits are not later."""
    return bisect_right(limits, second)


def second_in(piece: int, limits: Sequence[int]) -> int:
    """Return a second in a piece."""
    return limits[piece - 1] if piece else limits[0] - 1


def piece_expression(seconds: ColumnElement[Any], limits: Sequence[int]) -> ColumnElement[Any]:
    """Return the number of the piece of each row, found by halving; null without a known time.

    Args:
        seconds: A column of a subquery.
        limits: The seconds at which pieces begin, in order.
    """
    # As text: years of days are thousands of cases, and databases limit the number of bound values.
    label = str(seconds)

    def between(low: int, high: int) -> str:
        if low == high:
            return str(low)
        middle = (low + high) // 2
        below, above = between(low, middle), between(middle + 1, high)
        return f"CASE WHEN {label} < {limits[middle]} THEN {below} ELSE {above} END"

    found = literal_column(between(0, len(limits)), BigInteger)
    return case((is_known(seconds), found), else_=null())


def is_known(seconds: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return whether a time is one that the core knows."""
    return and_(
        seconds >= literal_column(str(EARLIEST), BigInteger),
        seconds < literal_column(str(LATEST), BigInteger),
    )
