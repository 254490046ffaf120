"""The change between two values of a calculation."""

from __future__ import annotations

from smaply_metrics_core.calculations.catalog import CALCULATIONS
from smaply_metrics_core.models.query import Calculation
from smaply_metrics_core.models.result import Change


def change_between(
    calculation: Calculation, current: float | None, previous: float | None
) -> Change:
    """Return the change from the previous to the current value."""
    if current is None or previous is None:
        return Change(difference=None, reason="One of the two values is missing.")
    difference = current - previous
    if CALCULATIONS[calculation].compares_in_points:
        return Change(difference=difference, reason="The change is in points.")
    if previous == 0:
        return Change(
            difference=difference,
            reason="The previous value is 0, so there is no change in percent.",
        )
    return Change(difference=difference, percent=100 * difference / abs(previous))
