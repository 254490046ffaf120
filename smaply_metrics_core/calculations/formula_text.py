"""The formula and the denominator of a value in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from smaply_metrics_core.calculations.catalog import BOXES, CALCULATIONS, arithmetic_of
from smaply_metrics_core.calculations.formulas import Formula
from smaply_metrics_core.calculations.rules import scale_values
from smaply_metrics_core.models.query import Calculation, Definition
from smaply_metrics_core.models.tally import Tally

MINUS: Final = "\N{MINUS SIGN}"
_OF: Final = ", of "
_WEIGHTED: Final = ", weighted"
_NPS: Final = "share of 9\N{EN DASH}10 minus share of 0\N{EN DASH}6"


def formula_text(definition: Definition, tally: Tally, formula: Formula) -> str:
    """Return what a value is and what it is a share of.

    For example ``CSAT: share of 4-5 on a scale of 1-5, of 263 answers``, with en dashes. The
    answers are those of the current window. Empty for counts, sums, medians and extremes, whose
    names say what they are.
    """
    what = _what(definition, tally, formula)
    if not what:
        return ""
    counts = tally.window("current").total
    one, many = ("respondent", "respondents") if tally.multiple else ("answer", "answers")
    base = f"{counts.answered:,} {one if counts.answered == 1 else many}"
    weighted = "" if counts.weights is None else _WEIGHTED
    return f"{CALCULATIONS[definition.calculation].title}: {what}{_OF}{base}{weighted}"


def without_base(text: str) -> str:
    """Return a formula without the number of answers, as for values that an account hides."""
    what, of, base = text.rpartition(_OF)
    weighted = _WEIGHTED if base.endswith(_WEIGHTED) else ""
    return f"{what}{weighted}" if of else text


def _what(definition: Definition, tally: Tally, formula: Formula) -> str:
    scale = scale_values(tally.choices)
    if definition.calculation in BOXES:
        return f"share of {_span(formula.box_values)} on a scale of {_span(scale)}"
    counted = f"share of {_or(formula.counted)}" if formula.counted else "share of each answer"
    average = f"average on a scale of {_span(scale)}" if scale else "average"
    return {
        Calculation.SHARE: counted,
        Calculation.DISTRIBUTION: counted,
        Calculation.NPS: _NPS,
        Calculation.NET_SCORE: f"{counted} minus share of {_or(formula.subtracted)}",
        Calculation.AVERAGE: average,
    }.get(arithmetic_of(definition.calculation), "")


def _span(values: Sequence[float]) -> str:
    """Return the lowest and the highest of some values: ``4-5``, or ``-2 to 2`` below zero."""
    low, high = (f"{value:g}".replace("-", MINUS) for value in (values[0], values[-1]))
    if low == high:
        return low
    return f"{low} to {high}" if values[0] < 0 else f"{low}\N{EN DASH}{high}"


def _or(labels: Sequence[str]) -> str:
    return " or ".join(f"“{label}”" for label in labels)
