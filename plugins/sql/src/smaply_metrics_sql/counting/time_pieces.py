"""Pieces of time: responses are counted by the stretch between two limits in which they are.

Limits are the starts of periods in the zone of a query, and the limits of its windows. They are
computed here, from ``zoneinfo``, since databases have time-zone data of their own version, or none.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import date
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, and_, case, literal_column, null

from smaply_metrics_core import Period
from smaply_metrics_core.date_ranges import next_period, period_start
from smaply_metrics_sql.counting.local_time import DAY, Offset, offsets

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
    for number, offset in enumerate(known):
        end = known[number + 1].begins if number + 1 < len(known) else last + 1
        found.update(_starts(period, week_start, offset, end))
        # Clocks that are set back over midnight repeat a part of the day before.
        if number:
            before = _start(period, week_start, offset.begins - 1 + known[number - 1].seconds)
            if before != _start(period, week_start, offset.begins + offset.seconds):
                found.add(offset.begins)
    return tuple(sorted(found))


def _start(period: Period, week_start: int, local: int) -> date:
    """Return the first day of the period of a second of the wall clock."""
    return period_start(period, date.fromordinal(_EPOCH + local // DAY), week_start)


def _starts(period: Period, week_start: int, offset: Offset, end: int) -> Iterator[int]:
    """Yield the starts of periods while an offset is in force."""
    start = _start(period, week_start, offset.begins + offset.seconds)
    while (second := (start.toordinal() - _EPOCH) * DAY - offset.seconds) < end:
        if second >= offset.begins:
            yield second
        start = next_period(period, start)


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
