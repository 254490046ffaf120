"""The audit trail: an entry is written in the same transaction as the action it records."""

from __future__ import annotations

from datetime import datetime  # pydantic needs it at run time.
from enum import StrEnum
from typing import Final

from sqlalchemy import Connection, delete, exists, insert, select

from smaply_metrics_core.host.authorization import Actor
from smaply_metrics_core.host.store.store import Store
from smaply_metrics_core.host.store.tables import audit
from smaply_metrics_core.models.base import Frozen

_EVERY_ACCOUNT: Final = {"every_account": "the operator limits the audit trail of all accounts"}


class AuditAction(StrEnum):
    """The actions that are recorded in the audit trail."""

    CONNECT = "connect"
    EDIT_CONNECTION = "edit_connection"
    DELETE_CONNECTION = "delete_connection"
    CHOOSE_SURVEYS = "choose_surveys"
    """Restricted a connection to chosen surveys, or allowed all of them."""
    ADD_METRIC = "add_metric"
    EDIT_METRIC = "edit_metric"
    DELETE_METRIC = "delete_metric"
    EXPORT = "export"
    """Requested a debug bundle, whether or not it was written."""
    SET_ACCOUNT = "set_account"
    RENAME_CONNECTION = "rename_connection"
    EXPORT_ACCOUNT = "export_account"
    """Requested a file with everything that is stored of the account."""
    ERASE_USER = "erase_user"
    """Replaced the name of a user in the account; the entry does not name the user."""
    SHARE = "share"
    """Gave people without an account access to something; recorded by host apps."""
    END_SHARE = "end_share"
    """Ended such an access; recorded by host apps."""


class AuditEntry(Frozen):
    """One action of a user.

    Attributes:
        id: A number that increases from entry to entry.
        subject: The id of the object of the action.
        detail: The name of the object at that time, or other details.
    """

    id: int
    at: datetime
    user: str
    action: AuditAction
    subject: str
    detail: str


def add_entry(  # noqa: PLR0913, PLR0917  # The columns of an entry.
    db: Connection, actor: Actor, action: AuditAction, subject: str, detail: str, at: datetime
) -> None:
    """Insert an entry."""
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
    db: Connection,
    account: str,
    *,
    limit: int,
    before: int | None = None,
    since: datetime | None = None,
) -> tuple[AuditEntry, ...]:
    """Return the newest entries of an account, or those older than an entry, newest first.

    Entries before ``since`` are not returned.
    """
    statement = select(
        audit.c.id, audit.c.at, audit.c.user, audit.c.action, audit.c.subject, audit.c.detail
    ).where(audit.c.account == account)
    if before is not None:
        statement = statement.where(audit.c.id < before)
    if since is not None:
        statement = statement.where(audit.c.at >= since)
    rows = db.execute(statement.order_by(audit.c.id.desc()).limit(limit)).mappings()
    return tuple(AuditEntry.model_validate(dict(row)) for row in rows)


def forget(db: Connection, since: datetime | None, account: str) -> None:
    """Delete the entries of an account before ``since``; none if it is ``None``."""
    if since is not None:
        db.execute(delete(audit).where(audit.c.account == account, audit.c.at < since))


def forget_all(store: Store, since: datetime | None) -> None:
    """Delete the entries of all accounts before ``since``; none if it is ``None``."""
    if since is None:
        return
    old = audit.c.at < since
    with store.reading() as db:
        if not db.execute(select(exists().where(old)), execution_options=_EVERY_ACCOUNT).scalar():
            return
    with store.writing() as db:
        db.execute(delete(audit).where(old), execution_options=_EVERY_ACCOUNT)
