"""All rows of an account or a person in the host's database, for deletion and export."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import delete, select

from smaply_metrics_host.store.tables import (
    accounts,
    invitations,
    metadata,
    people,
    sessions,
)

if TYPE_CHECKING:
    from sqlalchemy import Column, Connection, Table

    from smaply_metrics_host.store.database import Database

NOT_EXPORTED: Final = (invitations, sessions)
"""Tables that contain only access to the account."""
DIGEST: Final = "digest"
"""The column with the digest of a token, which is not exported."""


def _owner_of(table: Table) -> Column[Any]:
    return table.c.id if table is accounts else table.c.account


def delete_account(database: Database, account: str) -> bool:
    """Delete an account with its people, sessions and maps; ``False`` if it does not exist."""
    deleted = 0
    with database.writing() as db:
        for table in reversed(metadata.sorted_tables):
            deleted += db.execute(delete(table).where(_owner_of(table) == account)).rowcount
    return deleted > 0


def delete_person(database: Database, account: str, name: str) -> bool:
    """Delete a person with their sessions and invitations; ``False`` if there is no such person.

    Share links that they created remain, without them.
    """
    person = delete(people).where(people.c.account == account, people.c.name == name)
    with database.writing() as db:
        return db.execute(person).rowcount > 0


def read_account(database: Database, account: str) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of an account by table, without sessions, invitations and digests."""
    exported = [table for table in metadata.sorted_tables if table not in NOT_EXPORTED]
    with database.reading() as db:
        return {table.name: _exported_rows(db, table, account) for table in exported}


def _exported_rows(db: Connection, table: Table, account: str) -> list[dict[str, Any]]:
    columns = [column for column in table.c if column.name != DIGEST]
    rows = db.execute(select(*columns).where(_owner_of(table) == account))
    return [dict(row) for row in rows.mappings()]
