"""The changes of the groups of a Series, each compared with itself in the previous window."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from smaply_metrics_core.calculations.value_changes import change_between
from smaply_metrics_core.models.query import Calculation, Definition
from smaply_metrics_core.models.result import Change, GroupValue
from smaply_metrics_core.models.tally import Counts, GroupCounts, Tally, Weights, WindowTally
from smaply_metrics_core.uncertainty.intervals import Bounds
from smaply_metrics_core.uncertainty.verdicts import holm, judge

GROUPS_NOTE: Final = (
    "Each group is compared with itself in the earlier period. The p-values are adjusted for the "
    "number of groups (Holm); the intervals of the changes are not."
)
"""The note on a result that compares its groups."""


def nothing_counted(definition: Definition) -> Counts:
    """Return the counts of a group without responses."""
    return Counts(responses=0, weights=None if definition.weight is None else Weights())


def with_same_groups(tally: Tally, definition: Definition) -> Tally:
    """Return the tally of two windows in which both have the groups of either.

    Groups that only the previous window has come last.
    """
    labels: dict[str, str] = {}
    for window in tally.windows:
        labels |= {one.key: one.label for one in window.groups if one.key not in labels}
    return tally.model_copy(
        update={
            "windows": tuple(
                window.model_copy(update={"groups": tuple(_all_groups(window, labels, definition))})
                for window in tally.windows
            )
        }
    )


def _all_groups(
    window: WindowTally, labels: Mapping[str, str], definition: Definition
) -> Iterator[GroupCounts]:
    found = {group.key: group for group in window.groups}
    for key, label in labels.items():
        empty = GroupCounts(key=key, label=label, counts=nothing_counted(definition))
        yield found.get(key, empty)


def with_changes(
    current: Sequence[GroupValue], previous: Sequence[GroupValue], calculation: Calculation
) -> tuple[GroupValue, ...]:
    """Return the groups of the current window with those of the previous one and the changes."""
    earlier = {group.key: group for group in previous}
    return tuple(
        group.model_copy(
            update={
                "previous": earlier[group.key],
                "change": change_between(calculation, group.value, earlier[group.key].value),
            }
        )
        for group in current
    )


def adjust_together(groups: Sequence[GroupValue], confidence: float) -> tuple[GroupValue, ...]:
    """Return the groups with p-values and verdicts that allow for all of them being judged.

    Args:
        groups: The groups; those without a p-value are not judged, and do not count.
        confidence: The level in percent.
    """
    judged = [group for group in groups if _p_value(group) is not None]
    adjusted = holm([_p_value(group) or 0.0 for group in judged])
    changes = {
        group.key: _judged(group.change, p_value, confidence)
        for group, p_value in zip(judged, adjusted, strict=True)
        if group.change is not None
    }
    return tuple(
        group.model_copy(update={"change": changes.get(group.key, group.change)})
        for group in groups
    )


def _p_value(group: GroupValue) -> float | None:
    return None if group.change is None else group.change.p_value


def _judged(change: Change, p_value: float, confidence: float) -> Change:
    if change.interval is None:
        return change
    bounds = Bounds(change.interval.low, change.interval.high)
    verdict = judge(bounds, p_value, confidence, change.difference or 0.0)
    return change.model_copy(update={"adjusted_p_value": p_value, "verdict": verdict})
