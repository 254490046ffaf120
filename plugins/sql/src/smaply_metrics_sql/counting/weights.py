"""Weights as SQL expressions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Float,
    and_,
    case,
    cast,
    literal,
    literal_column,
    not_,
    null,
)

from smaply_metrics_core import Choice, WeightReason
from smaply_metrics_sql.counting.answers import ValueExpr, no_numbers, number_or_reason
from smaply_metrics_sql.counting.relation import Relation
from smaply_metrics_sql.databases.database import NUMBERS

LARGEST_WEIGHT: Final = 1e100
"""As in the core: larger weights, and weights below its reciprocal, are unreadable."""
NO_WEIGHT: Final = (None, *WeightReason)
"""Why a response has no positive weight, by its flag; ``None`` for one that has."""


def weight_of(
    relation: Relation, of: str, cell: ValueExpr, choices: Sequence[Choice]
) -> tuple[ColumnElement[Any], ColumnElement[bool]]:
    """Return the weight in a cell, null if it holds no number, and whether it holds anything."""
    if choices:
        values = [
            (cell.is_one_of([one.key]), literal(one.value, Float))
            for one in choices
            if one.analyze and one.value is not None
        ]
        void = cell.is_one_of([one.key for one in choices if not one.analyze])
        number = case(*values, else_=null()) if values else cast(null(), Float)
        return number, and_(cell.filled().is_not(None), not_(void))
    if cell.type in NUMBERS:  # Numbers that are not finite are not usable either.
        return cell.column, cell.column.is_not(None)
    found = number_or_reason(relation.database, cell)
    if found is None:
        raise no_numbers(of, cell.type)
    return found[0], cell.filled().is_not(None)


def usable(number: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return whether a weight counts; null for none."""
    return and_(number >= 1 / LARGEST_WEIGHT, number <= LARGEST_WEIGHT)


def sign_of(number: ColumnElement[Any], given: ColumnElement[bool]) -> ColumnElement[Any]:
    """Return the flag of a weight: its place in ``NO_WEIGHT``."""
    flag: dict[WeightReason | None, ColumnElement[Any]]
    flag = {why: literal_column(str(place)) for place, why in enumerate(NO_WEIGHT)}
    return case(
        (usable(number), flag[None]),
        (not_(given), flag[WeightReason.MISSING]),
        (number == 0, flag[WeightReason.ZERO]),
        (and_(number < 0, usable(-number)), flag[WeightReason.NEGATIVE]),
        else_=flag[WeightReason.UNREADABLE],
    )
