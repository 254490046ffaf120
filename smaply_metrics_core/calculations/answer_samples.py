"""Samples of tallies: what the interval of a value is calculated from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from smaply_metrics_core.calculations.catalog import arithmetic_of
from smaply_metrics_core.calculations.formulas import Formula
from smaply_metrics_core.models.query import ENTERED, Calculation, Definition
from smaply_metrics_core.models.survey import Choice
from smaply_metrics_core.models.tally import Counts, Tally, Totals, WeightSum
from smaply_metrics_core.models.uncertainty import UncertaintyReason
from smaply_metrics_core.uncertainty.samples import (
    HUGE,
    MeanSample,
    Moments,
    NpsSample,
    OrderedSample,
    Sample,
    SampleWeight,
    ShareSample,
    total_weight,
)

CENSUS: Final = frozenset(
    {
        Calculation.RESPONSES,
        Calculation.ANSWERED,
        Calculation.SUM,
        Calculation.MINIMUM,
        Calculation.MAXIMUM,
    }
)
"""The calculations that describe what was recorded, and estimate nothing."""

_OF_PARTS: Final = frozenset({Calculation.SHARE, Calculation.DISTRIBUTION})


class AnswerSamples:
    """Summarizes the counts of a tally as samples.

    Raises:
        CalculationRefused: as ``Formula`` does.
    """

    def __init__(self, definition: Definition, tally: Tally) -> None:
        self._calculation = arithmetic_of(definition.calculation)
        self._formula = Formula(definition, tally)
        self._low, self._high = _limits(tally.choices)
        self._several = tally.multiple
        self._pooled = tally.pooled

    def of(self, counts: Counts | None) -> Sample | UncertaintyReason:
        """Return the sample of the overall value of some responses, or why there is none."""
        if self._calculation in CENSUS:
            return UncertaintyReason.CENSUS
        if self._calculation in ENTERED:
            known = counts is not None and counts.entered is not None
            return UncertaintyReason.ENTERED if known else UncertaintyReason.NO_VALUE
        if counts is None or not self._formula.has_value(counts):
            return UncertaintyReason.NO_VALUE
        if self._pooled:
            return UncertaintyReason.SEVERAL_ANSWERS_PER_RESPONDENT
        return self._sample(counts)

    def of_answer(self, key: str, counts: Counts) -> Sample | UncertaintyReason:
        """Return the sample of the share of one answer, or why there is none."""
        if self._calculation not in _OF_PARTS:
            return UncertaintyReason.CENSUS
        if not counts.answered:
            return UncertaintyReason.NO_VALUE
        if self._pooled:
            return UncertaintyReason.SEVERAL_ANSWERS_PER_RESPONDENT
        return ShareSample.of(_weight(counts, key), _answered(counts))

    def _sample(self, counts: Counts) -> Sample | UncertaintyReason:
        match self._calculation:
            case Calculation.AVERAGE if counts.totals is not None:
                moments = _moments(counts, counts.totals)
                if moments is None:
                    return UncertaintyReason.TOTALS_WITHOUT_SQUARES
                return MeanSample.of_moments(moments, self._low, self._high)
            case Calculation.AVERAGE:
                return MeanSample.of(self._numbers(counts), self._low, self._high)
            case Calculation.MEDIAN:
                return _ordered(self._numbers(counts))
            case Calculation.NPS | Calculation.NET_SCORE:
                return self._net(counts)
            case _:
                return ShareSample.of(self._part(counts), _answered(counts))

    def _numbers(self, counts: Counts) -> list[tuple[float, SampleWeight]]:
        numbers = (
            (float(self._formula.number_of(key)), _weight(counts, key))
            for key, n in counts.answers.items()
            if n
        )
        return sorted(numbers)

    def _net(self, counts: Counts) -> NpsSample:
        added, subtracted = (
            total_weight(
                _weight(counts, key) for key, n in counts.answers.items() if n and is_in(key)
            )
            for is_in in (self._formula.counts_in, self._formula.subtracts)
        )
        return NpsSample.of(added, subtracted, _answered(counts))

    def _part(self, counts: Counts) -> SampleWeight:
        if self._several and counts.chosen is not None:
            return _weighted(
                counts.chosen, None if counts.weights is None else counts.weights.chosen
            )
        return total_weight(
            _weight(counts, key)
            for key, n in counts.answers.items()
            if n and self._formula.counts_in(key)
        )


def _weight(counts: Counts, key: str) -> SampleWeight:
    weights = None if counts.weights is None else counts.weights.answers.get(key)
    return _weighted(counts.answers.get(key, 0), weights)


def _answered(counts: Counts) -> SampleWeight:
    return _weighted(counts.answered, None if counts.weights is None else counts.weights.answered)


def _weighted(answers: int, weights: WeightSum | None) -> SampleWeight:
    if weights is None:
        return SampleWeight.of(answers)
    return SampleWeight(answers, weights.sum, weights.squares)


def _moments(counts: Counts, totals: Totals) -> Moments | None:
    """Return the sums of numbers that are not counted one by one; ``None`` without squares."""
    whole, weighted = _answered(counts), totals.weighted
    if counts.weights is not None:
        if weighted is None:
            return None
        return Moments(whole, weighted.wx, weighted.w2x, weighted.w2x2)
    return (
        None if totals.squares is None else Moments(whole, totals.sum, totals.sum, totals.squares)
    )


def _ordered(numbers: Iterable[tuple[float, SampleWeight]]) -> OrderedSample | UncertaintyReason:
    listed = tuple(numbers)
    if any(weight != SampleWeight.of(weight.answers) for _, weight in listed):
        return UncertaintyReason.WEIGHTED_MEDIAN
    return OrderedSample(tuple((value, weight.answers) for value, weight in listed))


def _limits(choices: Iterable[Choice]) -> tuple[float, float]:
    """Return the ends of the scale; those of floats for questions without one."""
    values = [choice.value for choice in choices if choice.analyze and choice.value is not None]
    return (min(values), max(values)) if values else (-HUGE, HUGE)
