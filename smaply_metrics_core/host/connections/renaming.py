"""Chooses and changes the names of connections, one transaction of an account at a time."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from smaply_metrics_core.host.accounts.limits import require_connection
from smaply_metrics_core.host.authorization import Actor
from smaply_metrics_core.host.connections.names import new_name, validate_name
from smaply_metrics_core.host.runtime import Runtime
from smaply_metrics_core.host.store import audit
from smaply_metrics_core.host.store import connections as rows
from smaply_metrics_core.host.store.audit import AuditAction
from smaply_metrics_core.host.store.connections import ConnectionRow

if TYPE_CHECKING:
    from sqlalchemy import Connection


class ConnectionNames:
    """The names of the connections of accounts."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def choose(  # noqa: PLR0913  # The parts of a connection.
        self,
        db: Connection,
        account: str,
        source_id: str,
        title: str,
        name: str,
        *,
        renamed: str = "",
    ) -> str:
        """Return the name of a new connection, or of the one that is ``renamed``; see ``new_name``.

        In a transaction that writes, the name stays free until it ends.

        Raises:
            InputError: when the name is not valid.
            AlreadyExists: when it is taken, or missing for a second connection to the source.
            LimitReached: when the account has as many connections as it may have.
        """
        name = validate_name(name)
        rows.lock_names(db, account)
        others = [row for row in rows.of_account(db, account) if row.id != renamed]
        if not renamed:
            require_connection(self._runtime, db, account, len(others))
        names = {row.id: self._runtime.name_of(row) for row in others}
        return new_name(name, title, source_id, others, names)

    def labels(self, account: str) -> dict[str, str]:
        """Return the source of each connection, with its name if others have the same source."""
        with self._runtime.store.reading() as db:
            found = rows.of_account(db, account)
        sources = Counter(row.source for row in found)
        return {
            row.id: row.source
            if sources[row.source] == 1
            else f"{self._runtime.name_of(row)} ({row.source})"
            for row in found
        }

    def rename(self, actor: Actor, row: ConnectionRow, name: str) -> None:
        """Store another name of a connection, with its audit entry."""
        title, now = self._runtime.registry.title(row.source), self._runtime.now()
        with self._runtime.store.writing() as db:
            name = self.choose(db, row.account, row.source, title, name, renamed=row.id)
            rows.rename(db, row, name)
            detail = self._runtime.label_of(rows.find(db, row.account, row.id))
            audit.add_entry(db, actor, AuditAction.RENAME_CONNECTION, row.id, detail, now)
