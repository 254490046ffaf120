"""Where a gauge begins and ends."""

from __future__ import annotations

import re
from math import floor, isfinite, log10
from typing import TYPE_CHECKING, Final

from smaply_metrics_core.models.query import Calculation
from smaply_metrics_core.models.result import Unit

if TYPE_CHECKING:
    from smaply_metrics_core.models.metric import Display
    from smaply_metrics_core.models.result import Result

_BOUNDS: Final = {Unit.PERCENT: (0.0, 100.0), Unit.POINTS: (-100.0, 100.0)}
_LOWEST: Final = re.compile(r"(\S+) = ")
_HIGHEST: Final = re.compile(r" … (\S+) = ")


def ends_of(result: Result, display: Display) -> tuple[float, float] | None:
    """Give the lowest and the highest value that a gauge shows.

    Percents and NPS have ends of their own, and scores those of the question's scale. A number
    without an end, such as a count, gets one above its target; ``None`` without a target.
    """
    if result.unit in _BOUNDS:
        return _BOUNDS[result.unit]
    scale = None if result.calculation is Calculation.SUM else _of_question(result)
    if scale is not None:
        return scale
    value, target = result.current.value or 0.0, display.target
    if target is None or target <= 0 or value < 0 or not isfinite(value):
        return None
    return 0.0, _round_up(max(value, target * 1.25))


def _of_question(result: Result) -> tuple[float, float] | None:
    """Read the ends from ``1 = Very poor … 5 = Very good``, when the value lies between them."""
    lowest, highest = _LOWEST.match(result.scale), _HIGHEST.findall(result.scale)
    if lowest is None or not highest:
        return None
    try:
        low, high = float(lowest[1]), float(highest[-1])
    except ValueError:
        return None
    value = result.current.value
    fits = low < high and (value is None or low <= value <= high)
    return (low, high) if fits else None


def _round_up(value: float) -> float:
    """Give the next number with two digits: ends of a scale are round."""
    step = 10.0 ** (floor(log10(value)) - 1)
    return step * -(-value // step)
