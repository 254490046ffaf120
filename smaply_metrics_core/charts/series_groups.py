"""What the groups of a Series are: calendar periods, the latest of them, parts of a whole."""

from __future__ import annotations

from math import isfinite

from smaply_metrics_core.models.query import Calculation, Period
from smaply_metrics_core.models.result import GroupValue, Result


def periods_of(result: Result) -> Period | None:
    """Return the calendar period of each group; ``None`` if the groups are not periods.

    A result stored without its group-by counts as grouped by something other than periods.
    """
    group_by = result.group_by
    if group_by is None or group_by.kind != "period" or not result.groups:
        return None
    return Period(group_by.of)


def value_of(group: GroupValue) -> float | None:
    """Return the value of a group; ``None`` if no axis can show it."""
    return group.value if group.value is not None and isfinite(group.value) else None


def latest(result: Result) -> GroupValue | None:
    """Return the latest period that has a value; ``None`` if the groups are not periods."""
    if periods_of(result) is None:
        return None
    valued = [group for group in result.groups if value_of(group) is not None]
    return valued[-1] if valued else None


def not_a_whole(result: Result) -> str:
    """Return why the groups of a count or a distribution are no parts of a whole, else nothing.

    They are when each person is in one group: then the groups hold all who answered, or all who
    count but those in no group.
    """
    parts = sum(group.responses for group in result.groups)
    if result.calculation is Calculation.ANSWERED:
        parts = sum(group.answered for group in result.groups)
    if not parts:
        return "There is nothing to divide."
    everybody = (
        result.current.responses
        if result.calculation is Calculation.RESPONSES
        else result.current.answered
    )
    if parts == result.current.answered or 0 <= everybody - parts <= result.ungrouped:
        return ""
    return "The groups overlap, so they do not add up to a whole: some people are in several."
