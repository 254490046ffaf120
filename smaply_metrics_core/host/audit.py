"""The audit trail: who connected, edited, deleted and exported."""

from __future__ import annotations

from typing import Final

from smaply_metrics_core.errors import InputError
from smaply_metrics_core.host.authorization import Actor, Role
from smaply_metrics_core.host.store import Store, audit

MOST: Final = 1_000


class AuditTrail:
    """What people of an account did, for its Admins. It is never changed and never shortened."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def list(
        self, actor: Actor, *, limit: int = 100, before: int | None = None
    ) -> tuple[audit.AuditEntry, ...]:
        """Give entries, newest first.

        Args:
            actor: An Admin.
            limit: How many at most, up to 1,000.
            before: Only those older than the entry of this id, to go on where a page ended.
        """
        actor.require(Role.ADMIN, "Reading the audit trail")
        if not 1 <= limit <= MOST:
            raise InputError(
                f"{limit} entries cannot be listed.", remedy=f"Ask for 1 to {MOST:,} at a time."
            )
        with self._store.reading() as db:
            return audit.of_account(db, actor.account, limit=limit, before=before)
