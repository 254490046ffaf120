"""Rows of the audit trail: who did what to what, in the transaction that did it."""

from __future__ import annotations

from datetime import datetime  # pydantic needs it at run time.
from enum import StrEnum

from sqlalchemy import Connection, insert, select

from smaply_metrics_core.host.authorization import Actor
from smaply_metrics_core.host.store.tables import audit
from smaply_metrics_core.models.base import Frozen


class AuditAction(StrEnum):
    """What people do that the trail keeps."""

    CONNECT = "connect"
    EDIT_CONNECTION = "edit_connection"
    DELETE_CONNECTION = "delete_connection"
    ADD_METRIC = "add_metric"
    EDIT_METRIC = "edit_metric"
    DELETE_METRIC = "delete_metric"
    EXPORT = "export"
    """Asked for a debug bundle, whatever came of it."""
    SET_ACCOUNT = "set_account"


class AuditEntry(Frozen):
    """One thing that somebody did.

    Attributes:
        id: Grows from entry to entry.
        subject: The id of what it was done to.
        detail: What that was called then, or what more there is to say.
    """

    id: int
    at: datetime
    user: str
    action: AuditAction
    subject: str
    detail: str


def add_entry(  # noqa: PLR0913, PLR0917  # Who, what, to what, when.
    db: Connection, actor: Actor, action: AuditAction, subject: str, detail: str, at: datetime
) -> None:
    """Add an entry."""
    db.execute(
        insert(audit).values(
            account=actor.account,
            at=at,
            user=actor.user,
            action=action,
            subject=subject,
            detail=detail,
        )
    )


def of_account(
    db: Connection, account: str, *, limit: int, before: int | None
) -> tuple[AuditEntry, ...]:
    """Give the newest entries of an account, or those before an entry, newest first."""
    statement = select(
        audit.c.id, audit.c.at, audit.c.user, audit.c.action, audit.c.subject, audit.c.detail
    ).where(audit.c.account == account)
    if before is not None:
        statement = statement.where(audit.c.id < before)
    rows = db.execute(statement.order_by(audit.c.id.desc()).limit(limit)).mappings()
    return tuple(AuditEntry.model_validate(dict(row)) for row in rows)
