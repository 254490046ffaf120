"""Numbers as the keys of a tally: one spelling per number, and exact sums."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Context, Decimal, InvalidOperation, localcontext
from math import isfinite
from typing import Final

from smaply_metrics_core.errors import CalculationRefused

WHOLE_BELOW: Final = 1e15
"""Larger whole numbers are written with an exponent: a float has no more digits."""

EXACT: Final = Context(prec=60)
"""More digits than the sum of any survey has; a float has 17."""


def number_key(value: float) -> str:
    """Return a finite number as the key of a tally: ``3``, ``3.5``, and ``0`` for minus zero."""
    if value.is_integer() and abs(value) < WHOLE_BELOW:
        return str(int(value))
    return repr(value)


def key_number(key: str) -> Decimal | None:
    """Return the number that a key spells; ``None`` if it is not a finite number."""
    try:
        number = Decimal(key)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def key_order(key: str) -> tuple[bool, Decimal, str]:
    """Return the sort key of a tally's key: numbers ascending, then texts."""
    number = key_number(key)
    return (number is None, number or Decimal(0), key)


def exact_sum(counted: Iterable[tuple[Decimal, int | Decimal]]) -> Decimal:
    """Return the sum of numbers, each multiplied by its count or weight.

    The sum is decimal: three answers of 0.1 are exactly 0.3, and their average is 0.1.
    """
    with localcontext(EXACT):
        return sum((number * times for number, times in counted), Decimal(0))


def to_float(number: Decimal) -> float:
    """Return the nearest float.

    Raises:
        CalculationRefused: if the number is too large for a float.
    """
    nearest = float(number)
    if not isfinite(nearest):
        raise CalculationRefused(
            "The sum of the numbers is too large.",
            remedy="Check the answers for wrong entries.",
        )
    return nearest
