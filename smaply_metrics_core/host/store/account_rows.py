"""All rows of an account, in every table: for its deletion and its export."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from sqlalchemy import Column, Connection, Table, delete, func, select, update

from smaply_metrics_core.host.store.tables import (
    accounts,
    audit,
    connections,
    credential_versions,
    event_consumers,
    metadata,
    metrics,
)

TABLES: Final = tuple(table for table in metadata.sorted_tables if table is not event_consumers)
"""The tables with rows of accounts, parents first. Consumers of events are the operator's."""

ERASED_USER: Final = "deleted user"
"""What is stored instead of the name of a user whose data was erased."""

USER_COLUMNS: Final = (audit.c.user, connections.c.created_by, metrics.c.created_by)
"""The columns that name a user as the host app does."""

SECRET_COLUMNS: Final = frozenset({connections.c.sealed})
"""The columns that an export leaves out."""

PAGE: Final = 500
"""Rows that are in memory at once."""

_FIRST: Final = (credential_versions, connections)
"""Deleted first, in the order in which other transactions lock them, so that none adds a row."""


def owner_of(table: Table) -> Column[Any]:
    """Return the column of a table that holds the account."""
    return table.c.id if table is accounts else table.c.account


def count_rows(db: Connection, account: str) -> dict[str, int]:
    """Return the number of rows of an account in each table."""
    return {
        table.name: int(
            db.execute(
                select(func.count()).select_from(table).where(owner_of(table) == account)
            ).scalar_one()
        )
        for table in TABLES
    }


def delete_rows(db: Connection, account: str) -> None:
    """Delete every row of an account."""
    others = (table for table in reversed(TABLES) if table not in _FIRST)
    for table in (*_FIRST, *others):
        db.execute(delete(table).where(owner_of(table) == account))


def exported_columns(table: Table) -> tuple[Column[Any], ...]:
    """Return the columns of a table that an export has."""
    return tuple(column for column in table.c if column not in SECRET_COLUMNS)


def read_rows(db: Connection, account: str, table: Table) -> Iterator[Mapping[str, Any]]:
    """Yield the rows of an account in one table, ordered by key, without secrets."""
    statement = (
        select(*exported_columns(table))
        .where(owner_of(table) == account)
        .order_by(*table.primary_key.columns)
    )
    rows = db.execute(statement, execution_options={"yield_per": PAGE}).mappings()
    yield from (dict(row) for row in rows)


def erase_user(db: Connection, account: str, user: str) -> int:
    """Replace the name of a user in an account by ``ERASED_USER``; return the number of rows."""
    changed = 0
    for column in USER_COLUMNS:
        table = column.table
        changed += db.execute(
            update(table)
            .where(table.c.account == account, column == user)
            .values({column.name: ERASED_USER})
        ).rowcount
    return changed
