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

from smaply_metrics_core.errors import NotFound
from smaply_metrics_core.host.store.dialect import row_not_found, upsert
from smaply_metrics_core.host.store.tables import (
    attempts,
    connections,
    credential_versions,
    metrics,
)
from smaply_metrics_core.models.check import CheckReport
from smaply_metrics_core.models.problem import Problem

PAGE: Final = 500
"""Rows that one statement reads when those of all accounts are read."""

EVERY_ACCOUNT: Final = {"every_account": "all accounts share the encryption keys"}

NOTE_INTERVAL: Final = timedelta(minutes=1)
"""The minimum interval between two notes that processes cannot refresh a connection."""

_NAMES_LOCK: Final = 0x5_3A_91
"""The first key of the advisory locks on the names of an account's connections."""

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
        name: Its name in the account; empty in rows of earlier releases, for the source's title.
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
    """Insert a connection, whose credentials have the version ``new_version`` returned."""
    values = {**row.__dict__, **_json(row.report, row.problem)}
    del values["sealed_version"]
    db.execute(insert(connections).values(values))


def find(db: Connection, account: str, connection_id: str, *, keep: bool = False) -> ConnectionRow:
    """Return one connection.

    ``keep`` locks the row, so that it is not deleted before the transaction ends.

    Raises:
        NotFound: when the account has no such connection.
    """
    statement = _VERSIONED.where(
        connections.c.account == account, connections.c.id == connection_id
    )
    if keep:
        statement = statement.with_for_update(read=True, key_share=True, of=connections)
    row = db.execute(statement).mappings().one_or_none()
    if row is None:
        raise no_connection(connection_id)
    return _row(row)


def no_connection(given: str) -> NotFound:
    """Return the error for a connection that is not in this account."""
    return row_not_found(
        "connection", given, "Choose an existing connection; an Admin can connect the source."
    )


def of_account(db: Connection, account: str) -> tuple[ConnectionRow, ...]:
    """Return the connections of an account, oldest first."""
    rows = db.execute(
        _VERSIONED.where(connections.c.account == account).order_by(
            connections.c.created_at, connections.c.id
        )
    ).mappings()
    return tuple(_row(row) for row in rows)


def ids_of_account(db: Connection, account: str) -> tuple[str, ...]:
    """Return the ids of the connections of an account, also if their rows are damaged."""
    found = select(connections.c.id).where(connections.c.account == account)
    return tuple(db.execute(found).scalars())


def lock_names(db: Connection, account: str) -> None:
    """Wait for other transactions that add or rename connections of an account.

    In SQLite, writing transactions exclude each other anyway.
    """
    if db.dialect.name == "postgresql":
        db.execute(select(func.pg_advisory_xact_lock(_NAMES_LOCK, func.hashtext(account))))


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


def rename(db: Connection, row: ConnectionRow, name: str) -> None:
    """Store another name of a connection; the version, which is that of the rest, stays."""
    db.execute(
        update(connections)
        .where(connections.c.account == row.account, connections.c.id == row.id)
        .values(name=name)
    )


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
            metrics.c.connection_id == row.id,
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
