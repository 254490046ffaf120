"""Weights as SQL expressions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Float, and_, case, cast, false, literal, not_, null, true

from smaply_metrics_core import Choice
from smaply_metrics_sql.counting.answers import ValueExpr, no_numbers, number_or_reason
from smaply_metrics_sql.counting.relation import Relation

LARGEST_WEIGHT: Final = 1e100
"""As in the core: larger weights, and weights below its reciprocal, are unreadable."""
UNREADABLE: Final = "?"
"""What the core reads as a text where a number is required."""
WEIGHTS: Final = (UNREADABLE, "0", "1", "-1")
"""What stands for a weight when the core reads it, by the number that a statement groups by."""


def weight_of(
    relation: Relation, of: str, cell: ValueExpr, choices: Sequence[Choice]
) -> tuple[ColumnElement[Any], ColumnElement[bool]]:
    """Return the weight in a cell, null if it has none, and whether it holds something else."""
    if choices:
        values = [
            (cell.is_one_of([one.key]), literal(one.value, Float))
            for one in choices
            if one.analyze and one.value is not None
        ]
        void = cell.is_one_of([one.key for one in choices if not one.analyze])
        number = case(*values, else_=null()) if values else cast(null(), Float)
        other = and_(cell.filled().is_not(None), number.is_(None), not_(void))
        return number, case((other, true()), else_=false())
    found = number_or_reason(relation.database, cell)
    if found is None:
        raise no_numbers(of, cell.type)
    return found


def usable(number: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return whether a weight counts; null for none."""
    return and_(number >= 1 / LARGEST_WEIGHT, number <= LARGEST_WEIGHT)


def sign_of(number: ColumnElement[Any], unreadable: ColumnElement[bool]) -> ColumnElement[Any]:
    """Return the place in ``WEIGHTS`` of what stands for a weight; null for none."""
    return case(
        (usable(number), literal(2)),
        (unreadable, literal(0)),
        (number.is_(None), null()),
        (number == 0, literal(1)),
        (and_(number < 0, usable(-number)), literal(3)),
        else_=literal(0),
    )
