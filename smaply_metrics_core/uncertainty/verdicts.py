"""What may be said about a change, about several changes together, and about a target."""

from __future__ import annotations

from collections.abc import Sequence

from smaply_metrics_core.models.uncertainty import TargetVerdict, Verdict
from smaply_metrics_core.uncertainty.intervals import Bounds


def judge(bounds: Bounds, p_value: float, level: float, difference: float) -> Verdict:
    """Return the verdict on a change.

    Args:
        bounds: The interval of the change.
        p_value: The p-value of the change, adjusted if several changes are judged together.
        level: The level of confidence in percent.
        difference: The change that is shown. A verdict never contradicts its sign, which may differ
            from that of the interval: an NPS is moved towards the middle before it is compared.
    """
    if p_value >= 1 - level / 100:
        return Verdict.NO_CLEAR_CHANGE
    if bounds.low > 0 and difference > 0:
        return Verdict.UP
    if bounds.high < 0 and difference < 0:
        return Verdict.DOWN
    return Verdict.NO_CLEAR_CHANGE


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Return p-values adjusted for being judged together (Holm 1979), in the same order."""
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for passed, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - passed) * p_values[place]))
        adjusted[place] = largest
    return tuple(adjusted)


def judge_target(low: float, high: float, target: float) -> TargetVerdict:
    """Return where a value with an interval is, compared with its target."""
    if low > target:
        return TargetVerdict.ABOVE
    return TargetVerdict.BELOW if high < target else TargetVerdict.ABOUT
