"""What the groups of a Series are: calendar periods, the latest of them, parts of a whole."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

from smaply_metrics_core.date_ranges import next_period, period_label, period_of_key
from smaply_metrics_core.models.query import Calculation, Period

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smaply_metrics_core.models.result import GroupValue, Result


def periods_of(groups: Sequence[GroupValue]) -> Period | None:
    """Say which calendar periods the groups are, one after the other; ``None`` if they are not.

    A result does not say what it was grouped by, but the core alone makes keys and labels of
    periods, so they can be told by these.
    """
    return next((period for period in Period if groups and _are(period, groups)), None)


def _are(period: Period, groups: Sequence[GroupValue]) -> bool:
    expected = None
    for group in groups:
        try:
            start = period_of_key(period, group.key)
        except ValueError:
            return False
        if group.label != period_label(period, start) or expected not in {None, start}:
            return False
        expected = next_period(period, start)
    return True


def value_of(group: GroupValue) -> float | None:
    """Give the value of a group; ``None`` for one that no axis has a place for."""
    return group.value if group.value is not None and isfinite(group.value) else None


def latest(result: Result) -> GroupValue | None:
    """Give the latest period that has a value; ``None`` when the groups are no periods."""
    if periods_of(result.groups) is None:
        return None
    valued = [group for group in result.groups if value_of(group) is not None]
    return valued[-1] if valued else None


def not_a_whole(result: Result) -> str:
    """Say why the groups of a count or a distribution are no parts of a whole, else nothing.

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
