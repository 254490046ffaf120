"""Summaries of samples: what the intervals and changes of values are calculated from.

Answers have weights. A ``SampleWeight`` is the number of answers with the sum of their weights and
of the squared weights; without weights, all three are the number of answers. Weighted samples are
rescaled to their effective size, so that the formulas for unweighted samples apply.
"""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

MINIMUM_COUNT: Final = 2
"""A variance needs at least two answers."""

HUGE: Final = sys.float_info.max
ROUNDING: Final = 1e-9
"""The relative difference up to which sums of equal weights agree."""


class SampleWeight(NamedTuple):
    """Some answers: their number, the sum of their weights and of their squared weights."""

    answers: int
    total: float
    squares: float

    @classmethod
    def of(cls, answers: int) -> SampleWeight:
        """Return the weight of answers that all have a weight of 1."""
        return cls(answers, answers, answers)

    @property
    def effective(self) -> float:
        """The effective number of answers (Kish 1965): the squared sum over the sum of squares.

        Equal weights have the number itself, without rounding errors.
        """
        if not self.squares:
            return 0.0
        found = self.total * self.total / self.squares
        return self.answers if math.isclose(found, self.answers, rel_tol=ROUNDING) else found


def total_weight(weights: Iterable[SampleWeight]) -> SampleWeight:
    """Return the weight of several groups of answers together."""
    listed = list(weights)
    return SampleWeight(
        sum(weight.answers for weight in listed),
        math.fsum(weight.total for weight in listed),
        math.fsum(weight.squares for weight in listed),
    )


@dataclass(frozen=True, slots=True)
class ShareSample:
    """Answers of which some are in a part; ``part`` is at most ``n``, the effective number."""

    n: float
    part: float

    @classmethod
    def of(cls, part: SampleWeight, whole: SampleWeight) -> ShareSample:
        """Return the sample of a part of some answers."""
        n = whole.effective
        return cls(n, n * part.total / whole.total)

    @property
    def share(self) -> float:
        """The share of the part, from 0 to 1."""
        return self.part / self.n


@dataclass(frozen=True, slots=True)
class NpsSample:
    """Promoters and detractors among ``n`` answers; all are effective numbers.

    For any net score, these are the answers that are added and those that are subtracted.
    """

    n: float
    promoters: float
    detractors: float

    @classmethod
    def of(
        cls, promoters: SampleWeight, detractors: SampleWeight, whole: SampleWeight
    ) -> NpsSample:
        """Return the sample of an NPS."""
        n = whole.effective
        return cls(n, n * promoters.total / whole.total, n * detractors.total / whole.total)


@dataclass(frozen=True, slots=True)
class MeanSample:
    """The average of some answers.

    Attributes:
        count: The number of answers.
        n: The effective number of answers; there are ``n`` - 1 degrees of freedom.
        mean: The average.
        error: The standard error of the average; 0 when all answers are equal.
        low: The lowest value of the scale, or the lowest float.
        high: The highest value of the scale, or the highest float.
        different: The number of answers that differ from the most frequent one; ``None`` if only
            sums are known.
    """

    count: int
    n: float
    mean: float
    error: float
    low: float = -HUGE
    high: float = HUGE
    different: int | None = None

    @classmethod
    def of(
        cls, answers: Sequence[tuple[float, SampleWeight]], low: float = -HUGE, high: float = HUGE
    ) -> MeanSample:
        """Return the sample of answers by value."""
        whole = total_weight(weight for _, weight in answers)
        # Relative to the largest value, so that squares of very large or small ones are exact.
        unit = max(abs(value) for value, _ in answers) or 1.0
        scaled = [(value / unit, weight) for value, weight in answers]
        mean = math.fsum(value * weight.total for value, weight in scaled) / whole.total
        squares = math.fsum((value - mean) ** 2 * weight.squares for value, weight in scaled)
        times = Counter[float]()
        for value, weight in answers:
            times[value] += weight.answers
        return cls(
            whole.answers,
            whole.effective,
            unit * mean,
            unit * _error(squares, whole),
            low,
            high,
            different=whole.answers - max(times.values()),
        )

    @classmethod
    def of_moments(cls, moments: Moments, low: float = -HUGE, high: float = HUGE) -> MeanSample:
        """Return the sample of answers of which only sums are known."""
        whole = moments.weight
        mean = moments.values / whole.total
        squares = (
            moments.squared_squares - 2 * mean * moments.squared_values + mean**2 * whole.squares
        )
        # When all answers are equal, rounding leaves a trace of a variance or a negative one.
        if squares <= moments.squared_squares * 1e-14:
            squares = 0.0
        return cls(whole.answers, whole.effective, mean, _error(squares, whole), low, high)


class Moments(NamedTuple):
    """Sums over answers x with weights w.

    Attributes:
        weight: The number of answers, Σw and Σw².
        values: Σwx.
        squared_values: Σw²x.
        squared_squares: Σw²x².
    """

    weight: SampleWeight
    values: float
    squared_values: float
    squared_squares: float


@dataclass(frozen=True, slots=True)
class OrderedSample:
    """The values of unweighted answers, ascending, each with the number of its answers."""

    values: tuple[tuple[float, int], ...]

    @property
    def n(self) -> int:
        """The number of answers."""
        return sum(times for _, times in self.values)

    def at(self, rank: int) -> float:
        """Return the value of a rank, beginning at 1."""
        passed = 0
        for value, times in self.values:
            passed += times
            if passed >= rank:
                return value
        raise IndexError(rank)


Sample: TypeAlias = ShareSample | NpsSample | MeanSample | OrderedSample


def _error(squares: float, whole: SampleWeight) -> float:
    """Return the linearised standard error of an average; with one answer there is none, so 0."""
    if whole.answers < MINIMUM_COUNT:
        return 0.0
    return math.sqrt(whole.answers / (whole.answers - 1) * squares) / whole.total
