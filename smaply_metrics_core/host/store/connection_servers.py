"""The servers that connections lead to, and their pauses."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import select, update

from smaply_metrics_core.host.store.connections import ConnectionRow
from smaply_metrics_core.host.store.tables import connections

if TYPE_CHECKING:
    from sqlalchemy import Connection


def remember_server(db: Connection, row: ConnectionRow, server: str) -> None:
    """Store which server a connection leads to, unless it was edited meanwhile."""
    db.execute(
        update(connections)
        .where(
            connections.c.account == row.account,
            connections.c.id == row.id,
            connections.c.version == row.version,
        )
        .values(server=server)
    )


def pause_server(db: Connection, row: ConnectionRow, until: datetime, now: datetime) -> None:
    """Pause every connection to the server of this one, in all accounts, until then or later.

    None is paused if this one was edited meanwhile: it may lead to another server now.
    """
    server = (
        select(connections.c.server)
        .where(connections.c.id == row.id, connections.c.version == row.version)
        .scalar_subquery()
    )
    rests = connections.c.retry_not_before
    db.execute(
        update(connections)
        .where(
            connections.c.server == server,
            connections.c.server != "",
            rests.is_(None) | (rests < until),
        )
        .values(retry_not_before=until, retry_said_at=now)
        .execution_options(every_account="the server rejects this installation, not one account")
    )
