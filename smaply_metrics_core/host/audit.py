"""The audit trail: who connected, edited, deleted and exported what."""

from __future__ import annotations

from typing import Final

from smaply_metrics_core.errors import InputError
from smaply_metrics_core.host.authorization import Actor, Role
from smaply_metrics_core.host.runtime import Runtime
from smaply_metrics_core.host.store import audit

MOST: Final = 1_000


class AuditTrail:
    """What the people of an account did, for its Admins.

    Entries are never changed, except for the names of erased users. They are deleted with their
    account, and ``Settings.audit_retention_days`` can limit how long they are stored.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

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
        since = self._runtime.settings.audit_kept_since(self._runtime.now())
        with self._runtime.store.reading() as db:
            return audit.of_account(db, actor.account, limit=limit, before=before, since=since)
