"""The audit trail: who connected, edited, deleted and exported what."""

from __future__ import annotations

from typing import Final

from smaply_metrics_core.errors import InputError
from smaply_metrics_core.host.authorization import Actor, Role
from smaply_metrics_core.host.store import Store, audit

MOST: Final = 1_000


class AuditTrail:
    """What the people of an account did, for its Admins; entries are never changed or deleted."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def list(
        self, actor: Actor, *, limit: int = 100, before: int | None = None
    ) -> tuple[audit.AuditEntry, ...]:
        """Return entries, newest first.

        Args:
            actor: An Admin.
            limit: The maximum number of entries, up to 1,000.
            before: The id of an entry; only older ones are returned, as for the next page.

        Raises:
            RoleRequired: when the actor is not an Admin.
            InputError: when the limit is out of range.
        """
        actor.require(Role.ADMIN, "Reading the audit trail")
        if not 1 <= limit <= MOST:
            raise InputError(
                f"The limit {limit} is not valid.", remedy=f"Use a limit from 1 to {MOST:,}."
            )
        with self._store.reading() as db:
            return audit.of_account(db, actor.account, limit=limit, before=before)
