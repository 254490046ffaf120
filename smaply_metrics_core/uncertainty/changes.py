"""The change of a value between two independent periods: interval, p-value, detectable change.

A p-value is the level, as a probability of error, at which the interval would end at 0. So the
interval excludes 0 exactly when p is below 1 - level.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from smaply_metrics_core.uncertainty.distributions import (
    normal_quantile,
    normal_tails,
    t_quantile,
    t_tails,
)
from smaply_metrics_core.uncertainty.intervals import Bounds, nps_centre, wilson
from smaply_metrics_core.uncertainty.samples import HUGE, MeanSample, NpsSample, ShareSample

POWER: Final = 80.0
"""The probability, in percent, with which the smallest detectable change is seen."""

_LARGEST_Z: Final = 40.0
"""A p-value beyond is 0 as a float."""


@dataclass(frozen=True, slots=True)
class ChangeEstimate:
    """The interval of a change and its p-value.

    Attributes:
        bounds: The interval, in the unit of the values.
        p_value: The two-sided p-value.
        detectable: The smallest change that is likely to be seen with these numbers of answers.
    """

    bounds: Bounds
    p_value: float
    detectable: float


def nps_change(current: NpsSample, previous: NpsSample, level: float) -> ChangeEstimate:
    """Return the change of an NPS, by the adjusted Wald interval."""
    now, before = nps_centre(current), nps_centre(previous)
    error = math.sqrt(now.variance + before.variance)
    change = now.value - before.value
    half = normal_quantile(level) * error
    return ChangeEstimate(
        Bounds(100 * (change - half), 100 * (change + half)),
        normal_tails(change / error),
        100 * _detectable(error, level),
    )


def share_change(current: ShareSample, previous: ShareSample, level: float) -> ChangeEstimate:
    """Return the change of a share, by the hybrid score interval (Newcombe 1998, method 10)."""
    z = normal_quantile(level)
    low, high = _newcombe(current, previous, z)
    error = math.sqrt(_share_variance(current, z) + _share_variance(previous, z))
    return ChangeEstimate(
        Bounds(100 * low, 100 * high),
        _newcombe_p_value(current, previous),
        100 * _detectable(error, level),
    )


def mean_change(current: MeanSample, previous: MeanSample, level: float) -> ChangeEstimate | None:
    """Return the change of an average (Welch 1947); ``None`` when a side has no variance."""
    if not (current.error and previous.error):
        return None
    error = math.hypot(current.error, previous.error)
    df = 1 / sum((one.error / error) ** 4 / (one.n - 1) for one in (current, previous))
    change = current.mean - previous.mean
    half = t_quantile(level, df) * error
    return ChangeEstimate(
        Bounds(max(-HUGE, change - half), min(HUGE, change + half)),
        t_tails(change / error, df),
        min(HUGE, _detectable(error, level)),
    )


def _detectable(error: float, level: float) -> float:
    # The power is one-sided: z for 80 percent is the one for 60 percent on two sides.
    return (normal_quantile(level) + normal_quantile(2 * POWER - 100)) * error


def _share_variance(sample: ShareSample, z: float) -> float:
    """Return the variance of a share at the centre of its score interval, which is never 0."""
    n = sample.n + z * z
    share = (sample.part + z * z / 2) / n
    return share * (1 - share) / sample.n


def _newcombe(current: ShareSample, previous: ShareSample, z: float) -> Bounds:
    now, before = wilson(current, z), wilson(previous, z)
    change = current.share - previous.share
    return Bounds(
        change - math.hypot(current.share - now.low, before.high - previous.share),
        change + math.hypot(now.high - current.share, previous.share - before.low),
    )


def _newcombe_p_value(current: ShareSample, previous: ShareSample) -> float:
    """Return the p-value at which the interval ends at 0, by bisection of z."""
    if current.share < previous.share:
        current, previous = previous, current
    if current.share == previous.share:
        return 1.0
    low, high = 0.0, _LARGEST_Z
    while True:
        middle = (low + high) / 2
        if middle in (low, high):
            return normal_tails(middle)
        if _newcombe(current, previous, middle).low > 0:
            low = middle
        else:
            high = middle
