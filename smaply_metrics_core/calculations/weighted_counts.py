"""What answers count in a value: their number, or their weight."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal, localcontext
from typing import Final, NamedTuple, TypeAlias

from smaply_metrics_core.calculations.decimal_keys import EXACT
from smaply_metrics_core.models.tally import Counts, Weights

Amount: TypeAlias = int | Decimal
"""A number of answers, or the sum of their weights as the exact value of its float."""

ROUNDING: Final = Decimal("1e-12")
"""The relative difference up to which sums of the same weights agree."""


class AnswerAmounts(NamedTuple):
    """The amounts of ``Counts``: its numbers, or if it has weights, their sums.

    Where answers have equal weights on average, a weighted value is the same as an unweighted one.
    The amounts are the numbers then, so that it has no rounding errors.
    """

    answered: Amount
    answers: Mapping[str, Amount]
    chosen: Amount | None

    @classmethod
    def of(cls, counts: Counts) -> AnswerAmounts:
        """Return the amounts of some responses."""
        weights = counts.weights
        if weights is None or _are_equal(_means(counts, weights)):
            return cls(counts.answered, counts.answers, counts.chosen)
        return cls(
            Decimal(weights.answered.sum),
            {key: Decimal(sums.sum) for key, sums in weights.answers.items()},
            None if weights.chosen is None else Decimal(weights.chosen.sum),
        )


def divide(part: Amount, whole: Amount) -> float:
    """Return the nearest float of a quotient."""
    if isinstance(part, int) and isinstance(whole, int):
        return part / whole
    with localcontext(EXACT):
        return float(Decimal(part) / Decimal(whole))


def is_equal(one: Decimal, other: Decimal) -> bool:
    """Whether two sums are equal but for rounding errors."""
    return abs(one - other) <= ROUNDING * max(abs(one), abs(other))


def _means(counts: Counts, weights: Weights) -> Iterable[Decimal]:
    """Yield the mean weight of the responses with each answer, and of all of them."""
    sums = [
        (weights.answered, counts.answered),
        *((weights.answers[key], n) for key, n in counts.answers.items()),
    ]
    if weights.chosen is not None and counts.chosen is not None:
        sums.append((weights.chosen, counts.chosen))
    with localcontext(EXACT):
        yield from (Decimal(each.sum) / count for each, count in sums if count)


def _are_equal(means: Iterable[Decimal]) -> bool:
    known = [*means]
    return not known or is_equal(min(known), max(known))
