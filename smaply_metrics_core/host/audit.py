"""The audit trail: who connected, edited, deleted and exported what."""

from __future__ import annotations

from typing import Final

from smaply_metrics_core.errors import InputError
from smaply_metrics_core.host.authorization import Actor, Role
from smaply_metrics_core.host.runtime import Runtime
from smaply_metrics_core.host.store import audit

MOST: Final = 1_000
HOST_ACTIONS: Final = frozenset({audit.AuditAction.SHARE, audit.AuditAction.END_SHARE})
"""The actions that host apps record; the core records all others itself."""
LONGEST_SUBJECT: Final = 400
LONGEST_DETAIL: Final = 1_000


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

    def record(
        self, actor: Actor, action: audit.AuditAction, subject: str, detail: str = ""
    ) -> None:
        """Record an action of the host app, such as sharing something with people outside.

        Args:
            actor: Who did it, an Editor or Admin.
            action: ``AuditAction.SHARE`` or ``AuditAction.END_SHARE``; the core records all others.
            subject: The id of the object of the action.
            detail: The name of the object, or other details; never a secret.

        Raises:
            RoleRequired: when the actor is a Viewer.
            InputError: for another action, a missing subject, or texts that are too long.
        """
        actor.require(Role.EDITOR, "Sharing")
        if action not in HOST_ACTIONS:
            raise InputError(
                f"Host apps do not record the action “{action}”.",
                remedy=f"Use one of {', '.join(sorted(HOST_ACTIONS))}.",
            )
        if not 1 <= len(subject) <= LONGEST_SUBJECT or len(detail) > LONGEST_DETAIL:
            raise InputError(
                "The entry of the audit trail is not valid.",
                remedy=f"Use a subject of 1 to {LONGEST_SUBJECT} characters, and details of up to "
                f"{LONGEST_DETAIL:,} characters.",
            )
        with self._runtime.store.writing() as db:
            audit.add_entry(db, actor, action, subject, detail, self._runtime.now())
