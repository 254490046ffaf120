"""Checks that every statement on the store's tables names an account, or says why not.

A statement about all accounts has the execution option ``every_account`` with the reason. Loaded by
``conftest.py``, this module fails any test that runs another statement without an account.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import TextClause, event
from sqlalchemy.engine import Engine

from smaply_metrics_core.host.store.engine import LOGGING_NAME
from smaply_metrics_core.host.store.tables import accounts, metadata

if TYPE_CHECKING:
    from sqlalchemy import Connection

OWNERS = {table.name: "id" if table is accounts else "account" for table in metadata.sorted_tables}
"""The tables of the store, and the column of each that holds the account."""

REASONS: dict[str, str] = {}
"""The reasons of ``every_account``, by statement."""


@cache
def missing(statement: str) -> frozenset[str]:
    """Return the tables that a statement touches without naming an account."""
    words = " ".join(statement.replace('"', "").split())
    if words.split(" ")[0].upper() not in {"SELECT", "INSERT", "UPDATE", "DELETE", "WITH"}:
        return frozenset()
    inserted = re.match(r"INSERT INTO (\w+) \(([^)]*)\)", words)
    found = set()
    for table, owner in OWNERS.items():
        if not re.search(rf"\b(FROM|JOIN|UPDATE|INTO) {table}\b|, {table}\b(?!\.)", words):
            continue
        if inserted and inserted[1] == table:
            named = owner in inserted[2].split(", ")
        else:
            # In WHERE, or joined to the account of another table that is in WHERE.
            named = bool(re.search(rf"\b{table}\.{owner} = (?!{table}\.)", words))
        if not named:
            found.add(table)
    return frozenset(found)


@event.listens_for(Engine, "before_cursor_execute")
def watch(  # The signature of SQLAlchemy's event.
    connection: Connection,
    _cursor: Any,  # noqa: ANN401  # A driver's object.
    statement: str,
    _parameters: Any,  # noqa: ANN401  # A driver's object.
    context: Any,  # noqa: ANN401  # SQLAlchemy's, without a public type.
    _many: bool,  # noqa: FBT001  # SQLAlchemy passes it by position.
) -> None:
    """Raise for a statement that does not name an account."""
    if connection.engine.logging_name != LOGGING_NAME or not missing(statement):
        return
    typed = context is None or isinstance(context.invoked_statement, TextClause)
    if typed or context.compiled is None:
        return  # From a test or a migration, not from the store.
    reason = context.execution_options.get("every_account")
    if not reason:
        raise AssertionError(f"no account for {missing(statement)} in: {statement}")
    REASONS[statement] = reason
