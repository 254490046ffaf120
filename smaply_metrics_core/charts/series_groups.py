"""The groups of a Series: calendar periods, the latest period, parts of a whole."""

from __future__ import annotations

from math import isfinite

from smaply_metrics_core.models.query import ENTERED, Calculation, Period, is_by_row
from smaply_metrics_core.models.result import GroupValue, Result


def periods_of(result: Result) -> Period | None:
    """Return the calendar unit of the groups; ``None`` if they are not periods.

    The groups of a result that was stored without its group-by are not periods.
    """
    group_by = result.group_by
    if group_by is None or group_by.kind != "period" or not result.groups:
        return None
    return Period(group_by.of)


def has_overall_value(result: Result) -> bool:
    """Whether a result has one value for all groups: not for the answers of a distribution or rows.

    It may still be missing for lack of answers. Entered values by label have one if it was entered.
    """
    if result.calculation in ENTERED and result.groups and not periods_of(result):
        return result.current.value is not None
    return result.calculation is not Calculation.DISTRIBUTION and not is_by_row(result.group_by)


def value_of(group: GroupValue) -> float | None:
    """Return the value of a group; ``None`` if it has none or an infinite one."""
    return group.value if group.value is not None and isfinite(group.value) else None


def latest(result: Result) -> GroupValue | None:
    """Return the latest period that has a value; ``None`` if the groups are not periods."""
    if periods_of(result) is None:
        return None
    valued = [group for group in result.groups if value_of(group) is not None]
    return valued[-1] if valued else None


def not_parts_reason(result: Result) -> str:
    """Return why the groups of a count or distribution are not parts of a whole; empty if they are.

    They are parts if each response is in at most one group: the groups then add up to all answers,
    or to all counted responses without the ungrouped ones.
    """
    if is_by_row(result.group_by):
        return "The same people answered all rows, so they do not add up to a whole."
    if any(group.hidden for group in result.groups):
        return "Some groups are hidden, so the others do not add up to a whole."
    parts = sum(group.responses for group in result.groups)
    if result.calculation is Calculation.ANSWERED:
        parts = sum(group.answered for group in result.groups)
    if not parts:
        return "There are no responses."
    total = (
        result.current.responses
        if result.calculation is Calculation.RESPONSES
        else result.current.answered
    )
    if parts == result.current.answered or 0 <= total - parts <= result.ungrouped:
        return ""
    return "The groups overlap, so they do not add up to a whole."
