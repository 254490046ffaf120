"""Changes as text."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from smaply_metrics_core.calculations.decimal_keys import WHOLE_BELOW
from smaply_metrics_core.calculations.results import MINUS
from smaply_metrics_core.models.result import Change, Unit

UNCHANGED: Final = "unchanged"


def change_text(change: Change, unit: Unit) -> str:
    """Return a change as text: ``+4.2 points``, ``+12%``, or a difference if percent is undefined.

    ``unchanged`` if the change rounds to zero at one decimal, and empty if it is unknown; the
    change then has a reason.
    """
    if change.difference is None:
        return ""
    if unit in {Unit.PERCENT, Unit.POINTS} or change.percent is None:
        return difference_text(change.difference, unit) or UNCHANGED
    number = _signed(change.percent)
    return f"{number}%" if number else UNCHANGED


def difference_text(difference: float, unit: Unit) -> str:
    """Return a difference as text: ``+4.2 points``, ``+0.4``; empty if it rounds to zero."""
    number = _signed(difference)
    if not number or unit not in {Unit.PERCENT, Unit.POINTS}:
        return number
    return number + (" point" if number in {"+1", f"{MINUS}1"} else " points")


def _signed(value: float) -> str:
    """Return a number with a sign and at most one decimal, rounded half up; empty for zero."""
    sign = "+" if value > 0 else MINUS
    if abs(value) >= WHOLE_BELOW:
        return f"{sign}{abs(value):.3g}"
    rounded = Decimal(repr(abs(value))).quantize(Decimal("0.1"), ROUND_HALF_UP)
    return f"{sign}{rounded:,f}".removesuffix(".0") if rounded else ""
