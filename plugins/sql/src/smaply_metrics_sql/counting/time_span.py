"""How many responses there are, and from when to when."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, case, func, select

from smaply_metrics_sql.counting.relation import Relation
from smaply_metrics_sql.counting.time_pieces import EARLIEST, LATEST
from smaply_metrics_sql.databases.database import ColumnType

_MARGIN: Final = 2 * 86_400
"""More than any zone's offset, in seconds."""
_ORDERED: Final = frozenset(
    {ColumnType.INSTANT, ColumnType.TIMESTAMP, ColumnType.DATE, ColumnType.INTEGER}
)
"""The types whose values have the order of the times that they are."""


class TimeSpan(NamedTuple):
    """The responses of a survey in time.

    Attributes:
        responses: How many there are, also without a time.
        first: The second of the first one since 1970, or earlier by more than any zone's offset.
        last: The second of the last one, or later by more than any zone's offset.
        certain: Whether no response has another time, and all are after 1970, so that rows need no
            check.
    """

    responses: int
    first: int
    last: int
    certain: bool = False


def time_span(relation: Relation) -> TimeSpan:
    """Return the responses of a survey in time.

    Raises:
        MetricsError: when the database fails.
    """
    database, recorded = relation.database, relation.recorded
    if recorded.type in _ORDERED:
        # Databases find the extremes of a column in its statistics or in an index.
        extremes = (
            select(
                func.min(recorded.column).label("first"),
                func.max(recorded.column).label("last"),
                func.count().label("responses"),
            )
            .select_from(relation.source)
            .subquery("extremes")
        )
        ends = [
            database.epoch(each, recorded.type).seconds
            for each in (extremes.c["first"], extremes.c["last"])
        ]
        ((number, *seconds),) = database.rows(select(extremes.c.responses, *ends))
        if all(one is not None and EARLIEST <= one <= LATEST + _MARGIN for one in seconds):
            first, last = int(seconds[0]), int(seconds[1])
            certain = database.unchanging and first >= _MARGIN and last < LATEST - _MARGIN
            return TimeSpan(int(number), first - _MARGIN, last + _MARGIN, certain)
    every = relation.epoch.seconds
    usable: ColumnElement[Any] = case((every.between(EARLIEST, LATEST + _MARGIN), every))
    exact = select(func.count(), func.min(usable), func.max(usable)).select_from(relation.source)
    ((number, first, last),) = database.rows(exact)
    if first is None:
        return TimeSpan(int(number), 0, 0)
    return TimeSpan(int(number), int(first) - _MARGIN, int(last) + _MARGIN)
