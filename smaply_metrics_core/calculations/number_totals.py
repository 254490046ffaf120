"""Totals of answers that are numbers, where there are too many different ones to store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal, localcontext
from math import isfinite

from smaply_metrics_core.calculations.decimal_keys import EXACT, exact_sum, to_float
from smaply_metrics_core.models.tally import Totals, WeightedTotals, WeightSum


def answer_totals(
    answers: Mapping[str, int], weights: Mapping[str, WeightSum] | None = None
) -> Totals:
    """Return the totals of numbers.

    Args:
        answers: How many responses gave each number, at least one.
        weights: Their weights, for a weighted query.

    Raises:
        CalculationRefused: if a sum is too large for a float.
    """
    numbers = [(Decimal(key), n) for key, n in answers.items()]
    return Totals(
        sum=to_float(exact_sum(numbers)),
        minimum=to_float(min(numbers)[0]),
        maximum=to_float(max(numbers)[0]),
        squares=_sum_of_squares(numbers),
        weighted=None if weights is None else _weighted_totals(weights),
    )


def _sum_of_squares(numbers: Iterable[tuple[Decimal, int]]) -> float | None:
    """Return the sum of squared numbers; ``None`` if it is too large for a float."""
    with localcontext(EXACT):
        squares = float(sum((number * number * n for number, n in numbers), Decimal(0)))
    return squares if isfinite(squares) else None


def _weighted_totals(weights: Mapping[str, WeightSum]) -> WeightedTotals:
    numbers = [
        (Decimal(key), Decimal(sums.sum), Decimal(sums.squares)) for key, sums in weights.items()
    ]
    with localcontext(EXACT):
        return WeightedTotals(
            wx=to_float(sum((x * w for x, w, _ in numbers), Decimal(0))),
            w2x=to_float(sum((x * w2 for x, _, w2 in numbers), Decimal(0))),
            w2x2=to_float(sum((x * x * w2 for x, _, w2 in numbers), Decimal(0))),
        )
