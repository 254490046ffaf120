"""Reads and writes connections; every statement is restricted to an account."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    and_,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from smaply_metrics_core.errors import AlreadyExists
from smaply_metrics_core.host.store.dialect import row_not_found, upsert
from smaply_metrics_core.host.store.tables import (
    attempts,
    connections,
    credential_versions,
    metrics,
)
from smaply_metrics_core.models.check import CheckReport
from smaply_metrics_core.models.problem import Audience, Problem

PAGE: Final = 500
"""Rows that one statement reads when those of all accounts are read."""

EVERY_ACCOUNT: Final = {"every_account": "all accounts share the encryption keys"}

NOTE_INTERVAL: Final = timedelta(minutes=1)
"""The minimum interval between two notes that processes cannot refresh a connection."""

_VERSIONED: Final = select(
    connections, credential_versions.c.version.label("sealed_version")
).outerjoin(
    credential_versions,
    and_(
        credential_versions.c.connection_id == connections.c.id,
        credential_versions.c.account == connections.c.account,
    ),
)


@dataclass(frozen=True)
class ConnectionRow:
    """A connection as stored.

    Attributes:
        sealed: Its encrypted credentials.
        sealed_version: The version of the credentials, from a table of its own; ``None`` when it is
            missing there, so that they must not be used.
        version: Incremented by each edit.
        chosen_count: How many surveys an Admin has chosen; ``None`` when all may be used.
        choice_version: Incremented by each change of that choice.
    """

    id: str
    account: str
    source: str
    distribution: str
    sealed: str
    version: int
    report: CheckReport
    problem: Problem | None
    created_at: datetime
    created_by: str
    updated_at: datetime
    checked_at: datetime
    refused_at: datetime | None = None
    woken_at: datetime | None = None
    retry_not_before: datetime | None = None
    retry_said_at: datetime | None = None
    down_since: datetime | None = None
    name: str = ""
    left_at: datetime | None = None
    left_problem: Problem | None = None
    server: str = ""
    chosen_count: int | None = None
    choice_version: int = 1
    sealed_version: int | None = None

    @property
    def is_rejected(self) -> bool:
        """Whether the credentials were rejected and have neither changed nor worked since."""
        return self.refused_at is not None and self.woken_at is None


def add(db: Connection, row: ConnectionRow) -> None:
    """Insert a connection, whose credentials have the version ``new_version`` returned.

    Raises:
        AlreadyExists: when the account already has a connection to this source.
    """
    values = {**row.__dict__, **_json(row.report, row.problem)}
    del values["sealed_version"]
    try:
        db.execute(insert(connections).values(values))
    except IntegrityError:
        raise already_connected() from None


def already_connected() -> AlreadyExists:
    """Return the error for a second connection to the same source."""
    return AlreadyExists(
        "This account is already connected to this source.",
        remedy="Change the existing connection under Edit Configuration.",
        audience=Audience.ADMIN,
        summary="This account is already connected to this source.",
    )


def find(db: Connection, account: str, connection_id: str, *, keep: bool = False) -> ConnectionRow:
    """Return one connection, by its id or that of its source.

    ``keep`` locks the row, so that it is not deleted before the transaction ends.

    Raises:
        NotFound: when the account has no such connection.
    """
    for column in (connections.c.id, connections.c.source):
        statement = _VERSIONED.where(connections.c.account == account, column == connection_id)
        if keep:
            statement = statement.with_for_update(read=True, key_share=True, of=connections)
        row = db.execute(statement).mappings().one_or_none()
        if row is not None:
            return _row(row)
    raise row_not_found(
        "connection",
        connection_id,
        "Choose an existing connection; an Admin can connect the source.",
    )


def of_account(db: Connection, account: str) -> dict[str, ConnectionRow]:
    """Return the connections of an account, by source."""
    rows = db.execute(
        _VERSIONED.where(connections.c.account == account).order_by(
            connections.c.created_at, connections.c.id
        )
    ).mappings()
    return {row["source"]: _row(row) for row in rows}


def edit(
    db: Connection,
    row: ConnectionRow,
    values: Mapping[str, Any],
    *,
    report: CheckReport | None = None,
    problem: Problem | None = None,
) -> bool:
    """Update the version that was read; return ``False`` if the row has a newer version."""
    new = dict(values)
    if report is not None:
        new |= _json(report, problem)
    result = db.execute(
        update(connections)
        .where(
            connections.c.account == row.account,
            connections.c.id == row.id,
            connections.c.version == row.version,
        )
        .values(new)
    )
    return result.rowcount == 1


def claim_rejected(db: Connection, row: ConnectionRow, now: datetime) -> bool:
    """Claim the one attempt per ``max_age`` that a connection with rejected credentials has.

    Of several refreshes that have read the same rejection, only one gets ``True``.
    """
    result = db.execute(
        update(connections)
        .where(
            connections.c.account == row.account,
            connections.c.id == row.id,
            connections.c.version == row.version,
            connections.c.refused_at == row.refused_at,
        )
        .values(refused_at=now)
    )
    return result.rowcount == 1


def undo_claim(db: Connection, row: ConnectionRow, claimed_at: datetime) -> None:
    """Undo ``claim_rejected`` for an attempt that was not made."""
    db.execute(
        update(connections)
        .where(
            connections.c.account == row.account,
            connections.c.id == row.id,
            connections.c.version == row.version,
            connections.c.refused_at == claimed_at,
        )
        .values(refused_at=row.refused_at)
    )


def mark_down(db: Connection, row: ConnectionRow, now: datetime) -> bool:
    """Record that a connection is down since ``now``; ``True`` unless it was down already."""
    return _change_down(db, row, connections.c.down_since.is_(None), now)


def mark_up(db: Connection, row: ConnectionRow) -> bool:
    """Record that a connection is up again; ``True`` unless it was up already."""
    return _change_down(db, row, connections.c.down_since.is_not(None), None)


def _change_down(
    db: Connection, row: ConnectionRow, before: ColumnElement[bool], since: datetime | None
) -> bool:
    result = db.execute(
        update(connections)
        .where(connections.c.account == row.account, connections.c.id == row.id, before)
        .values(down_since=since)
    )
    return result.rowcount == 1


def recovered_at(db: Connection, row: ConnectionRow, now: datetime) -> datetime:
    """Return the time of a connection's recovery: now, or the latest rejection or attempt.

    After a clock was set back, these may have a later time than the change that fixed the
    connection.
    """
    last = db.execute(
        select(func.max(func.coalesce(attempts.c.ended_at, attempts.c.started_at)))
        .join(metrics, metrics.c.id == attempts.c.metric_id)
        .where(
            attempts.c.account == row.account,
            metrics.c.account == row.account,
            metrics.c.source == row.source,
        )
    ).scalar()
    return max(instant for instant in (now, row.refused_at, last) if instant is not None)


def lock_version(db: Connection, account: str, connection_id: str) -> int:
    """Return the version of a connection's credentials, and lock it until the transaction ends.

    Every transaction that replaces credentials locks the version first, to avoid deadlocks.
    """
    version = db.execute(
        select(credential_versions.c.version)
        .where(
            credential_versions.c.account == account,
            credential_versions.c.connection_id == connection_id,
        )
        .with_for_update()
    ).scalar()
    return version or 0


def new_version(
    db: Connection, account: str, connection_id: str, now: datetime, *, known: int
) -> int:
    """Store and return a version for new credentials of a connection, higher than all before.

    Versions are instants in seconds, or one more than the last version, so that they also increase
    when the row of the version was lost. ``known`` is the newest version that this process knows.
    """
    last = max(lock_version(db, account, connection_id), known)
    version = max(last + 1, int(now.timestamp()))
    new = {"connection_id": connection_id, "account": account, "version": version}
    db.execute(
        upsert(
            db,
            credential_versions,
            new,
            {"version": version},
            where=credential_versions.c.account == account,
        )
    )
    return version


def note_left(db: Connection, row: ConnectionRow, problem: Problem, now: datetime) -> None:
    """Store why a process left a refresh to others, at most once a minute."""
    db.execute(
        update(connections)
        .where(
            connections.c.account == row.account,
            connections.c.id == row.id,
            or_(
                connections.c.left_at.is_(None),
                connections.c.left_at <= now - NOTE_INTERVAL,
                connections.c.left_at > now,
            ),
        )
        .values(left_at=now, left_problem=problem.model_dump(mode="json"))
    )


def clear_left(db: Connection, row: ConnectionRow) -> None:
    """Delete what ``note_left`` stored, because this process makes an attempt."""
    if row.left_at is not None:
        db.execute(
            update(connections)
            .where(connections.c.account == row.account, connections.c.id == row.id)
            .values(left_at=None, left_problem=None)
        )


def remove(db: Connection, account: str, connection_id: str) -> None:
    """Delete a connection, its leases and the version of its credentials."""
    db.execute(
        delete(credential_versions).where(
            credential_versions.c.account == account,
            credential_versions.c.connection_id == connection_id,
        )
    )
    db.execute(
        delete(connections).where(
            connections.c.account == account, connections.c.id == connection_id
        )
    )


def any_sealed(db: Connection, *, except_for: str) -> bool:
    """Whether any connection other than this one, in any account, has encrypted credentials.

    If so, a missing key file must not be replaced by a new one.
    """
    others = select(connections.c.id).where(connections.c.id != except_for)
    found = db.execute(select(exists(others)), execution_options=EVERY_ACCOUNT)
    return bool(found.scalar())


class SealedBlob(NamedTuple):
    """The encrypted credentials of a connection of any account."""

    id: str
    account: str
    source: str
    sealed: str


def all_sealed(db: Connection) -> Iterator[SealedBlob]:
    """Yield the encrypted credentials of all accounts, ordered by the connection's id."""
    columns = [connections.c[name] for name in SealedBlob._fields]
    last = ""
    while True:
        rows = db.execute(
            select(*columns).where(connections.c.id > last).order_by(connections.c.id).limit(PAGE),
            execution_options=EVERY_ACCOUNT,
        ).all()
        yield from (SealedBlob(*row) for row in rows)
        if len(rows) < PAGE:
            return
        last = rows[-1].id


def same_connection(source_column: Any, account_column: Any) -> Any:  # noqa: ANN401
    """Return the condition that joins metrics to the connection of their account and source."""
    return and_(connections.c.source == source_column, connections.c.account == account_column)


def _json(report: CheckReport, problem: Problem | None) -> dict[str, Any]:
    return {
        "report": report.model_dump(mode="json"),
        "problem": problem.model_dump(mode="json") if problem else None,
    }


def _row(row: RowMapping) -> ConnectionRow:
    values = dict(row)
    values["report"] = CheckReport.model_validate(row["report"])
    for name in ("problem", "left_problem"):
        values[name] = Problem.model_validate(row[name]) if row[name] else None
    return ConnectionRow(**values)
