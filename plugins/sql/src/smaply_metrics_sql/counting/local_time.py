"""Wall-clock times in SQL, by the rules of Python's time zones.

Databases have time-zone data of their own version, or none. So the offsets come from ``zoneinfo``,
as in the rest of the framework, and the database only adds them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, ColumnElement, case, literal

DAY: Final = 86_400


class Offset(NamedTuple):
    """An offset from UTC in seconds, and the second since 1970 at which it begins."""

    begins: int
    seconds: int


@lru_cache(maxsize=64)
def offsets(zone: str, first: int, last: int) -> tuple[Offset, ...]:
    """Return the offsets of a zone from one second to another, in order.

    Changes within a day that cancel each other out are not found; no zone has had any.
    """
    info = ZoneInfo(zone)
    found = [Offset(first, _offset(info, first))]
    for second in range(first, last + DAY, DAY):
        before, after = found[-1].seconds, _offset(info, second)
        if before != after:
            low, high = second - DAY, second
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if _offset(info, middle) == before else (low, middle)
            found.append(Offset(high, after))
    return tuple(found)


def utc_seconds(local: ColumnElement[Any], zone: Sequence[Offset]) -> ColumnElement[int]:
    """Return the seconds of UTC for those of the wall clock.

    In an hour that occurs twice, a time is the first of the two. A time that a change skips is read
    with the offset before it, as Python does and as ``local_to_utc`` of the core documents.
    """
    begins = [(zone[0].begins, zone[0].seconds)]
    for before, after in pairwise(zone):
        begins.append((after.begins + max(before.seconds, after.seconds), after.seconds))
    return local - _choose(local, begins)


def _choose(seconds: ColumnElement[Any], begins: Sequence[tuple[int, int]]) -> ColumnElement[int]:
    """Return the value of the last beginning that is not later; of the first for earlier times."""
    *later, (_, earliest) = reversed(begins)
    if not later:
        return literal(earliest, BigInteger)
    whens = [
        (seconds >= literal(begin, BigInteger), literal(value, BigInteger))
        for begin, value in later
    ]
    return case(*whens, else_=literal(earliest, BigInteger))


def _offset(zone: ZoneInfo, second: int) -> int:
    offset = datetime.fromtimestamp(second, UTC).astimezone(zone).utcoffset()
    return 0 if offset is None else int(offset.total_seconds())
