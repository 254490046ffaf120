"""Answers, groups and filters as SQL expressions, and as text for counting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from sqlalchemy import Boolean, ColumnElement, Text, and_, case, false, func, literal, null

from smaply_metrics_core import ExportFailed
from smaply_metrics_sql.databases.database import NUMBERS, ColumnType, SqlDatabase


@dataclass(frozen=True)
class ValueExpr:
    """A column of the rows that are counted: one value per response.

    Attributes:
        column: The column.
        type: Its type.
    """

    column: ColumnElement[Any]
    type: ColumnType

    def filled(self) -> ColumnElement[Any]:
        """Return the value, or null for an empty text."""
        if self.type in {ColumnType.TEXT, ColumnType.DYNAMIC}:
            return func.nullif(self.column, "")
        return self.column

    def is_one_of(self, keys: Sequence[str]) -> ColumnElement[bool]:
        """Return whether the value is one of some keys, which are texts."""
        return _certain(self.matches(keys))

    def matches(self, keys: Sequence[str]) -> ColumnElement[bool]:
        """Return whether the value is one of some keys; null where there is none."""
        wanted = [value for key in keys for value in _values(key, self.type)]
        return self.column.in_(wanted) if wanted else false()


def key_text(value: object) -> str | None:
    """Return a value of the database as the key of an answer or group.

    A number has no decimals that are zero: 5.0 and 5.00 are “5”.
    """
    match value:
        case None:
            return None
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer():
            return str(int(value))
        case Decimal() if value.is_finite():
            return f"{value.normalize():f}"
        case _:
            return str(value)


def _values(key: str, kind: ColumnType) -> list[Any]:
    """Return what a key can be as a value of a column; nothing if it cannot be one."""
    if kind is ColumnType.BOOLEAN:
        return [{"true": True, "false": False}[key]] if key in {"true", "false"} else []
    number = _number(key, exact=kind is ColumnType.DECIMAL)
    if kind in NUMBERS:
        return [] if number is None else [number]
    if kind is ColumnType.DYNAMIC and number is not None:
        return [key, number]
    return [key]


def _number(key: str, *, exact: bool) -> int | float | Decimal | None:
    try:
        number = Decimal(key)
    except InvalidOperation:
        return None
    if not number.is_finite():
        return None
    if number == number.to_integral_value():
        return int(number) if abs(number) < _LARGEST_INTEGER else None
    return number if exact else float(number)


_LARGEST_INTEGER: Final = 2**63


def several(
    database: SqlDatabase, cell: ValueExpr, keys: Sequence[str], delimiter: str
) -> Mapping[str, ColumnElement[bool]]:
    """Return, for each key, whether it is among several answers in a cell.

    Args:
        database: The database.
        cell: A text with a delimiter, or an array.
        keys: The keys of the choices.
        delimiter: What separates the answers in a text; empty for an array.
    """
    if not delimiter:
        return {key: _certain(database.contains(cell.column, key)) for key in keys}
    # White space after a delimiter is not part of an answer.
    packed = func.replace(cell.column, f"{delimiter} ", delimiter)
    text = literal(delimiter, Text).concat(func.trim(packed)).concat(literal(delimiter, Text))
    return {
        key: _certain(database.position(text, f"{delimiter}{key}{delimiter}") > 0) for key in keys
    }


def _certain(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    return case((condition, literal(value=True, type_=Boolean)), else_=false())


def number_or_reason(
    database: SqlDatabase, cell: ValueExpr
) -> tuple[ColumnElement[Any], ColumnElement[bool]] | None:
    """Return the number in a cell, null if it has none, and whether it holds something else.

    ``None`` for columns without numbers.
    """
    is_number = database.is_number(cell.column, cell.type)
    if is_number is None:
        return None
    filled = cell.filled()
    return (
        case((is_number, cell.column), else_=null()),
        and_(filled.is_not(None), _certain(~_certain(is_number))),
    )


def no_numbers(question_id: str, kind: ColumnType) -> ExportFailed:
    """Return the error for a question about numbers in a column of another type."""
    return ExportFailed(
        f"The answers to “{question_id}” are not numbers: the column has the type {kind.value}.",
        remedy="Make a view in which the column is a number, and map that.",
    )
