"""Numbers as the keys of a tally: one spelling for each, and sums that lose nothing on the way."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Context, Decimal, InvalidOperation, localcontext
from math import isfinite
from typing import Final

from smaply_metrics_core.errors import CalculationRefused

WHOLE_BELOW: Final = 1e15
"""Whole numbers from here on keep their exponent: the digits of a float end here."""

EXACT: Final = Context(prec=60)
"""Digits enough for the sum of any real survey; a float holds 17."""


def number_key(value: float) -> str:
    """Spell a finite number as a tally's key: ``3``, ``3.5``, and ``0`` for minus zero."""
    if value.is_integer() and abs(value) < WHOLE_BELOW:
        return str(int(value))
    return repr(value)


def key_number(key: str) -> Decimal | None:
    """Read a key as the number that it spells; ``None`` when it spells none."""
    try:
        number = Decimal(key)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def key_order(key: str) -> tuple[bool, Decimal, str]:
    """Sort keys with this: numbers ascending, then texts."""
    number = key_number(key)
    return (number is None, number or Decimal(0), key)


def exact_sum(counted: Iterable[tuple[Decimal, int]]) -> Decimal:
    """Add numbers up, each as often as it was given.

    In decimals, as by hand: three answers of 0.1 make 0.3, and their average is 0.1.
    """
    with localcontext(EXACT):
        return sum((number * times for number, times in counted), Decimal(0))


def to_float(number: Decimal) -> float:
    """Return the nearest float.

    Raises:
        CalculationRefused: when it is too large for one.
    """
    nearest = float(number)
    if not isfinite(nearest):
        raise CalculationRefused(
            "The numbers are too large to be added up.",
            remedy="Look for wrong entries among the answers.",
        )
    return nearest
