"""Samples of tallies: what the interval of a value is calculated from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from smaply_metrics_core.calculations.catalog import DETRACTORS, PROMOTERS
from smaply_metrics_core.calculations.formulas import Formula
from smaply_metrics_core.models.query import Calculation, Definition
from smaply_metrics_core.models.survey import Choice
from smaply_metrics_core.models.tally import Counts, Tally
from smaply_metrics_core.models.uncertainty import UncertaintyReason
from smaply_metrics_core.uncertainty.samples import (
    HUGE,
    MeanSample,
    NpsSample,
    OrderedSample,
    Sample,
    ShareSample,
    Weight,
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
        self._calculation = definition.calculation
        self._formula = Formula(definition, tally)
        self._low, self._high = _limits(tally.choices)
        self._several = tally.multiple
        self._pooled = tally.pooled

    def of(self, counts: Counts | None) -> Sample | UncertaintyReason:
        """Return the sample of the overall value of some responses, or why there is none."""
        if self._calculation in CENSUS:
            return UncertaintyReason.CENSUS
        if counts is None or self._formula.of(counts).value is None:
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
                return UncertaintyReason.TOTALS_WITHOUT_SQUARES
            case Calculation.AVERAGE:
                return MeanSample.of(self._numbers(counts), self._low, self._high)
            case Calculation.MEDIAN:
                return _ordered(self._numbers(counts))
            case Calculation.NPS:
                return self._nps(counts)
            case _:
                return ShareSample.of(self._part(counts), _answered(counts))

    def _numbers(self, counts: Counts) -> list[tuple[float, Weight]]:
        numbers = (
            (float(self._formula.number_of(key)), _weight(counts, key))
            for key, n in counts.answers.items()
            if n
        )
        return sorted(numbers)

    def _nps(self, counts: Counts) -> NpsSample:
        promoters, detractors = (
            total_weight(
                _weight(counts, key)
                for key, n in counts.answers.items()
                if n and self._formula.number_of(key) in wanted
            )
            for wanted in (PROMOTERS, DETRACTORS)
        )
        return NpsSample.of(promoters, detractors, _answered(counts))

    def _part(self, counts: Counts) -> Weight:
        if self._several and counts.chosen is not None:
            return Weight.of(counts.chosen)
        return total_weight(
            _weight(counts, key)
            for key, n in counts.answers.items()
            if n and self._formula.counts_in(key)
        )


def _weight(counts: Counts, key: str) -> Weight:
    return Weight.of(counts.answers.get(key, 0))


def _answered(counts: Counts) -> Weight:
    return Weight.of(counts.answered)


def _ordered(numbers: Iterable[tuple[float, Weight]]) -> OrderedSample | UncertaintyReason:
    listed = tuple(numbers)
    if any(weight != Weight.of(weight.answers) for _, weight in listed):
        return UncertaintyReason.WEIGHTED_MEDIAN
    return OrderedSample(tuple((value, weight.answers) for value, weight in listed))


def _limits(choices: Iterable[Choice]) -> tuple[float, float]:
    """Return the ends of the scale; those of floats for questions without one."""
    values = [choice.value for choice in choices if choice.analyze and choice.value is not None]
    return (min(values), max(values)) if values else (-HUGE, HUGE)
