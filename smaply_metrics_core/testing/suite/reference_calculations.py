"""A second, independent implementation of the calculations, one answer at a time.

Contract tests compare its results with those of ``calculations.results``.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from statistics import median

from smaply_metrics_core.models.query import Calculation, Definition
from smaply_metrics_core.models.survey import Choice
from smaply_metrics_core.models.tally import Counts, Totals

_PROMOTER, _DETRACTOR = 9, 6
_SEVEN = 7


def number(definition: Definition, choices: Sequence[Choice], counts: Counts) -> float | None:
    """Return the number of a definition; ``None`` if there are no answers.

    Args:
        definition: Any definition except a distribution, which has a number per answer.
        choices: The question's answers; empty for a numeric question.
        counts: The counts of the answers.
    """
    calculation = definition.calculation
    if calculation is Calculation.RESPONSES:
        return counts.responses
    if calculation is Calculation.ANSWERED:
        return counts.answered
    if counts.answered == 0 or counts.entered is not None:
        return None if counts.entered is None else counts.entered.value
    if calculation in {Calculation.SHARE, Calculation.NET_SCORE}:
        return _of_keys(definition, counts)
    if counts.totals is not None:
        return _of_totals(calculation, counts.totals, counts.answered)
    return float(_of_values(calculation, _expanded(choices, counts), _scale(choices)))


def _of_keys(definition: Definition, counts: Counts) -> float:
    """Return the result of a calculation that counts the answers with some keys."""
    added, subtracted = set(definition.answers), set[str]()
    if definition.calculation is Calculation.NET_SCORE:
        added, subtracted = set(definition.top_answers), set(definition.bottom_answers)
    given = counts.chosen
    if given is None:
        given = sum(counts.answers.get(key, 0) for key in added)
    return 100 * (given - sum(counts.answers.get(key, 0) for key in subtracted)) / counts.answered


def distribution(choices: Sequence[Choice], counts: Counts) -> dict[str, float]:
    """Return the percentage of answered responses for each given or offered answer."""
    keys = {choice.key for choice in choices if choice.analyze} | set(counts.answers)
    if counts.answered == 0:
        return {}
    return {key: 100 * counts.answers.get(key, 0) / counts.answered for key in keys}


def _expanded(choices: Sequence[Choice], counts: Counts) -> list[Fraction]:
    values = {choice.key: choice.value for choice in choices}
    found: list[Fraction] = []
    for key, times in counts.answers.items():
        value = values.get(key)
        found += [Fraction(key if value is None else repr(value))] * times
    return sorted(found)


def _scale(choices: Sequence[Choice]) -> list[Fraction]:
    values = {choice.value for choice in choices if choice.analyze and choice.value is not None}
    return sorted(Fraction(repr(value)) for value in values)


def _of_values(calculation: Calculation, values: list[Fraction], scale: list[Fraction]) -> Fraction:
    """Return the result of a calculation; ``values`` and ``scale`` are sorted and not empty."""
    promoters = [value for value in values if value >= _PROMOTER]
    detractors = [value for value in values if value <= _DETRACTOR]
    boxes = {
        Calculation.TOP_BOX: scale[-1:],
        Calculation.TOP_2_BOX: scale[-2:],
        Calculation.BOTTOM_2_BOX: scale[:2],
        Calculation.CSAT: scale[-2:],
        Calculation.CES_PERCENT: scale[-3:] if len(scale) == _SEVEN else scale[-2:],
    }
    if calculation in boxes:
        boxed = [value for value in values if value in boxes[calculation]]
        return Fraction(100 * len(boxed), len(values))
    return {
        Calculation.AVERAGE: sum(values, Fraction()) / len(values),
        Calculation.CES_AVERAGE: sum(values, Fraction()) / len(values),
        Calculation.MEDIAN: median(values),
        Calculation.SUM: sum(values, Fraction()),
        Calculation.MINIMUM: values[0],
        Calculation.MAXIMUM: values[-1],
        Calculation.NPS: Fraction(100 * (len(promoters) - len(detractors)), len(values)),
    }[calculation]


def _of_totals(calculation: Calculation, totals: Totals, answered: int) -> float | None:
    return {
        Calculation.AVERAGE: totals.sum / answered,
        Calculation.SUM: totals.sum,
        Calculation.MINIMUM: totals.minimum,
        Calculation.MAXIMUM: totals.maximum,
    }[calculation]
