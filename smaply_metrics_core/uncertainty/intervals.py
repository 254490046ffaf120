"""The interval of one value: NPS, a share, an average or a median.

Shares and NPS are in percent and points. The level is in percent, too: 95.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

from smaply_metrics_core.uncertainty.distributions import median_rank, normal_quantile, t_quantile
from smaply_metrics_core.uncertainty.samples import (
    MINIMUM_COUNT,
    MeanSample,
    NpsSample,
    OrderedSample,
    ShareSample,
)

ADDED: Final = 3.0
"""The answers that the adjusted Wald interval adds to an NPS: a quarter each are promoters and
detractors."""


class Bounds(NamedTuple):
    """The lower and the upper end of an interval."""

    low: float
    high: float


class Centre(NamedTuple):
    """A value that was moved towards the middle, with the variance of its estimate."""

    value: float
    variance: float


def nps_interval(sample: NpsSample, level: float) -> Bounds | None:
    """Return the adjusted Wald interval (Rocks 2016); ``None`` below two answers."""
    if sample.n < MINIMUM_COUNT:
        return None
    value, variance = nps_centre(sample)
    half = normal_quantile(level) * math.sqrt(variance)
    return Bounds(100 * max(-1.0, value - half), 100 * min(1.0, value + half))


def nps_centre(sample: NpsSample) -> Centre:
    """Return the NPS from -1 to 1 after adding three answers, of which half are passives."""
    n = sample.n + ADDED
    promoters = (sample.promoters + ADDED / 4) / n
    detractors = (sample.detractors + ADDED / 4) / n
    value = promoters - detractors
    return Centre(value, (promoters + detractors - value * value) / n)


def share_interval(sample: ShareSample, level: float) -> Bounds:
    """Return the score interval (Wilson 1927)."""
    low, high = wilson(sample, normal_quantile(level))
    return Bounds(100 * low, 100 * high)


def wilson(sample: ShareSample, z: float) -> Bounds:
    """Return the score interval of a share, from 0 to 1, for z standard errors."""
    n, part = sample.n, sample.part
    square = z * z
    half = z * math.sqrt(part * (n - part) / n + square / 4)
    # At both ends of the scale, rounding must not exclude the share itself.
    low = 0.0 if part <= 0 else (part + square / 2 - half) / (n + square)
    high = 1.0 if part >= n else (part + square / 2 + half) / (n + square)
    return Bounds(low, high)


def mean_interval(sample: MeanSample, level: float) -> Bounds | None:
    """Return Student's t interval, clipped to the scale.

    ``None`` below two effective answers, and when all answers are equal.
    """
    if sample.n < MINIMUM_COUNT or not sample.error:
        return None
    half = t_quantile(level, sample.n - 1) * sample.error
    return Bounds(max(sample.low, sample.mean - half), min(sample.high, sample.mean + half))


def median_interval(sample: OrderedSample, level: float) -> Bounds | None:
    """Return the order statistics that enclose the median; ``None`` for too few answers."""
    n = sample.n
    rank = median_rank(level, n)
    return Bounds(sample.at(rank), sample.at(n + 1 - rank)) if rank else None
