"""Statements that differ between SQLite and PostgreSQL, and the error for a missing row."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy import (
    ARRAY,
    Column,
    ColumnElement,
    Connection,
    Label,
    String,
    Table,
    Text,
    any_,
    cast,
    func,
    literal,
    select,
)

from smaply_metrics_core.errors import NotFound
from smaply_metrics_core.redaction import LONGEST_REPEATED

if TYPE_CHECKING:  # Only the dialect of the store is loaded.
    from sqlalchemy.dialects import postgresql, sqlite
    from sqlalchemy.types import TypeEngine

    Insert: TypeAlias = postgresql.Insert | sqlite.Insert


def upsert(
    db: Connection,
    table: Table,
    new: Mapping[str, Any],
    changed: Mapping[str, Any],
    *,
    where: ColumnElement[bool] | None = None,
) -> Insert:
    """Return a statement that inserts a row, or updates that of the same key if ``where`` holds."""
    key = list(table.primary_key.columns)
    if db.dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql

        return (
            postgresql.insert(table)
            .values(dict(new))
            .on_conflict_do_update(index_elements=key, set_=dict(changed), where=where)
        )
    from sqlalchemy.dialects import sqlite

    return (
        sqlite.insert(table)
        .values(dict(new))
        .on_conflict_do_update(index_elements=key, set_=dict(changed), where=where)
    )


def in_list(
    db: Connection, column: ColumnElement[str], wanted: Sequence[str]
) -> ColumnElement[bool]:
    """Return the condition that a column has one of these values, with a single parameter."""
    dialect = db.dialect.name
    return in_parameter(dialect, column, literal(list_value(dialect, wanted), list_type(dialect)))


def in_parameter(
    dialect: str, column: ColumnElement[str], parameter: ColumnElement[Any]
) -> ColumnElement[bool]:
    """Return the condition that a column has one of the values of a ``list_value``."""
    if dialect == "postgresql":
        return column == any_(parameter)
    each = func.json_each(parameter).table_valued("value")
    return column.in_(select(each.c.value))


def list_value(dialect: str, values: Sequence[str]) -> list[str] | str:
    """Return a list of texts as one parameter."""
    return list(values) if dialect == "postgresql" else json.dumps(list(values))


def list_type(dialect: str) -> TypeEngine[Any]:
    """Return the type of a ``list_value``."""
    return ARRAY(String) if dialect == "postgresql" else String()


def json_text(column: Column[Any]) -> Label[str]:
    """Return a JSON column as stored, for pydantic to parse and validate in one step.

    The value is ``None`` for SQL ``NULL``, and ``"null"`` for the ``None`` of a JSON column.
    """
    return cast(column, Text).label(column.name)


def row_not_found(what: str, given: str, remedy: str) -> NotFound:
    """Return the error for a row that the account does not have.

    The given id is repeated unless it is so long that it may be a token entered by mistake.
    """
    named = f" “{given}”" if len(given) <= LONGEST_REPEATED else " with this ID"
    return NotFound(f"There is no {what}{named}.", remedy=remedy)
