"""Dates in text, in the orders that people write."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from smaply_metrics_core.files.file_mapping import DateOrder

_TIME: Final = r"(?:[ T,]+(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?(?: ?([AaPp])\.?[Mm]\.?)?)?"
_YEAR_LAST: Final = re.compile(rf"(\d{{1,2}})([./-])(\d{{1,2}})\2(\d{{4}}){_TIME}", re.ASCII)
_YEAR_FIRST: Final = re.compile(rf"(\d{{4}})([./-])(\d{{1,2}})\2(\d{{1,2}}){_TIME}", re.ASCII)
_MONTHS: Final = 12
_NOON: Final = 12

EXAMPLES: Final = {
    DateOrder.YEAR_FIRST: "2026-01-31T14:30:00+01:00",
    DateOrder.DAY_FIRST: "31.01.2026 14:30",
    DateOrder.MONTH_FIRST: "01/31/2026 2:30 PM",
}


def parse_date(cell: str, order: DateOrder) -> datetime | None:
    """Return the instant of a date, in UTC if it has no offset; ``None`` if it is no such date."""
    try:
        instant = datetime.fromisoformat(cell)
    except ValueError:
        pass
    else:
        return instant.replace(tzinfo=instant.tzinfo or UTC)
    first = _YEAR_FIRST.fullmatch(cell)
    last = None if first or order is DateOrder.YEAR_FIRST else _YEAR_LAST.fullmatch(cell)
    found = first or last
    if found is None:
        return None
    one, _, two, three, hour, minute, second, half = found.groups()
    year, month, day = (one, two, three) if first else (three, two, one)
    if last and order is DateOrder.MONTH_FIRST:
        month, day = day, month
    hours = int(hour or 0)
    if half:
        if not 1 <= hours <= _NOON:
            return None
        hours = hours % _NOON + (_NOON if half in "Pp" else 0)
    try:
        return datetime(
            int(year), int(month), int(day), hours, int(minute or 0), int(second or 0), tzinfo=UTC
        )
    except ValueError:
        return None


def recognise_order(cells: Iterable[str]) -> tuple[DateOrder | None, str | None]:
    """Return the order of dates, and a date that has two meanings if it is unknown.

    A day above 12 decides, and dots do, since no country writes the month first with dots.
    """
    orders: set[DateOrder] = set()
    ambiguous: str | None = None
    conflict: str | None = None
    plain = DateOrder.YEAR_FIRST
    for cell in cells:
        found = _YEAR_LAST.fullmatch(cell)
        if found is None:
            continue
        plain = DateOrder.DAY_FIRST  # Such as 03/03/2026, which has one meaning.
        one, two = int(found[1]), int(found[3])
        if found[2] == "." or one > _MONTHS:
            order = DateOrder.DAY_FIRST
        elif two > _MONTHS:
            order = DateOrder.MONTH_FIRST
        else:
            ambiguous = ambiguous or (cell if one != two else None)
            continue
        conflict = conflict or (cell if orders - {order} else None)
        orders.add(order)
    if conflict:
        return None, conflict
    if orders:
        return orders.pop(), None
    return (None, ambiguous) if ambiguous else (plain, None)


def is_date(cell: str) -> bool:
    """Whether a cell is a date in any order. A number such as 20260131 is not."""
    return not cell.isdecimal() and any(parse_date(cell, order) for order in DateOrder)
