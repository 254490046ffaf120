"""Sums of numbers, for questions with more different numbers than a database returns one by one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import fsum, isfinite
from typing import Any

from sqlalchemy import ColumnElement, Double, cast, func

from smaply_metrics_core import Counts, Tally, Totals, WeightedTotals, Weights


@dataclass(frozen=True)
class NumberSums:
    """The sums of the numbers x of one combination, and of weights w for a weighted query.

    Attributes:
        x: The sum of x.
        x2: The sum of x².
        minimum: The lowest number.
        maximum: The highest number.
        weighted: The sums of w·x, w²·x and w²·x².
    """

    x: float
    x2: float
    minimum: float
    maximum: float
    weighted: tuple[float, float, float] | None

    @classmethod
    def of(cls, values: Sequence[Any]) -> NumberSums:
        """Return the sums from the values of ``number_sums``; zero where there are no numbers."""
        x, x2, minimum, maximum, *weighted = (float(value or 0) for value in values)
        wx, w2x, w2x2 = weighted or (0.0, 0.0, 0.0)
        return cls(x, x2, minimum, maximum, (wx, w2x, w2x2) if weighted else None)


def number_sums(
    number: ColumnElement[Any], weight: ColumnElement[Any] | None
) -> list[ColumnElement[Any]]:
    """Return the aggregates of numbers, and of weights for a weighted query."""
    x = cast(number, Double)
    found: list[ColumnElement[Any]] = [
        func.sum(number),
        func.sum(x * x),
        func.min(number),
        func.max(number),
    ]
    if weight is not None:
        w = cast(weight, Double)
        found += [func.sum(w * x), func.sum(w * w * x), func.sum(w * w * x * x)]
    return found


def with_totals(tally: Tally, numbers: Sequence[NumberSums]) -> Tally:
    """Return a tally with totals instead of answers.

    Args:
        tally: Its answers are places in ``numbers``, as texts.
        numbers: The sums of the numbers behind each of these answers.
    """
    windows = tuple(
        window.model_copy(
            update={
                "total": _totals(window.total, numbers),
                "groups": tuple(
                    group.model_copy(update={"counts": _totals(group.counts, numbers)})
                    for group in window.groups
                ),
            }
        )
        for window in tally.windows
    )
    return tally.model_copy(update={"windows": windows, "choices": ()})


def _totals(counts: Counts, numbers: Sequence[NumberSums]) -> Counts:
    """Return counts with the totals of their answers."""
    added = [numbers[int(place)] for place in counts.answers]
    weights = counts.weights
    return Counts(
        responses=counts.responses,
        answered=counts.answered,
        unanswered=counts.unanswered,
        totals=_added(added, weighted=weights is not None) if added else None,
        weights=weights and Weights(responses=weights.responses, answered=weights.answered),
    )


def _added(added: Sequence[NumberSums], *, weighted: bool) -> Totals:
    squares = fsum(one.x2 for one in added)
    return Totals(
        sum=fsum(one.x for one in added),
        minimum=min(one.minimum for one in added),
        maximum=max(one.maximum for one in added),
        squares=squares if isfinite(squares) else None,
        weighted=_weighted(one.weighted for one in added if one.weighted) if weighted else None,
    )


def _weighted(sums: Iterable[tuple[float, float, float]]) -> WeightedTotals:
    wx, w2x, w2x2 = (fsum(values) for values in zip(*sums, strict=True))
    return WeightedTotals(wx=wx, w2x=w2x, w2x2=w2x2)
