"""Rows of connections; every statement names the account."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    and_,
    delete,
    exists,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from smaply_metrics_core.errors import AlreadyExists
from smaply_metrics_core.host.store.dialect import row_not_found
from smaply_metrics_core.host.store.tables import attempts, connections, metrics
from smaply_metrics_core.models.check import CheckReport
from smaply_metrics_core.models.problem import Problem


@dataclass(frozen=True)
class ConnectionRow:
    """A connection as stored; ``sealed`` is the only place of its credentials."""

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

    @property
    def stands_refused(self) -> bool:
        """Whether the credentials were refused and have neither changed nor worked since."""
        return self.refused_at is not None and self.woken_at is None


def add(db: Connection, row: ConnectionRow) -> None:
    """Insert a connection.

    Raises:
        AlreadyExists: when the account has one to this source.
    """
    values = {**row.__dict__, **_json(row.report, row.problem)}
    try:
        db.execute(insert(connections).values(values))
    except IntegrityError:
        raise already_connected(row.source) from None


def already_connected(source: str) -> AlreadyExists:
    """Make the error for a second connection to one source."""
    return AlreadyExists(
        f"This account is connected to {source} already.",
        remedy="Change the existing one: Edit Configuration.",
    )


def find(db: Connection, account: str, connection_id: str, *, keep: bool = False) -> ConnectionRow:
    """Give one connection, by its id or by its source's id.

    ``keep`` lets nobody delete it before the transaction ends.

    Raises:
        NotFound: when this account has none.
    """
    for column in (connections.c.id, connections.c.source):
        statement = select(connections).where(
            connections.c.account == account, column == connection_id
        )
        if keep:
            statement = statement.with_for_update(read=True, key_share=True)
        row = db.execute(statement).mappings().one_or_none()
        if row is not None:
            return _row(row)
    raise row_not_found(
        "connection",
        connection_id,
        "Choose one of the connections, or connect the source first.",
    )


def of_account(db: Connection, account: str) -> dict[str, ConnectionRow]:
    """Give every connection of an account by its source."""
    rows = db.execute(
        select(connections)
        .where(connections.c.account == account)
        .order_by(connections.c.created_at, connections.c.id)
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
    """Write new values over the version that was read; False when another writer came first."""
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
    """Take the one attempt that a refused connection has in each ``max_age``.

    Of several refreshers that see the same refusal, one gets True.
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


def mark_down(db: Connection, row: ConnectionRow, now: datetime) -> bool:
    """Keep since when a connection does not work; True for the first of all who notice."""
    return _change_down(db, row, connections.c.down_since.is_(None), now)


def mark_up(db: Connection, row: ConnectionRow) -> bool:
    """Keep that a connection works again; True for the first of all who notice."""
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
    """Give the instant at which a mended connection wakes: now, or as far ahead as it was refused.

    After a clock has stepped back, the refusal and the attempts that it spoiled may be dated ahead
    of the change that mends them.
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


def remove(db: Connection, account: str, connection_id: str) -> None:
    """Delete a connection; its leases go with it."""
    db.execute(
        delete(connections).where(
            connections.c.account == account, connections.c.id == connection_id
        )
    )


def any_sealed(db: Connection, *, besides: str) -> bool:
    """Whether the store, of all accounts, holds a sealed row besides this connection's.

    If so, a lost key must not be replaced quietly.
    """
    others = select(connections.c.id).where(connections.c.id != besides)
    why = "a lost key is lost for all accounts"
    found = db.execute(select(exists(others)), execution_options={"every_account": why})
    return bool(found.scalar())


def same_connection(source_column: Any, account_column: Any) -> Any:  # noqa: ANN401
    """Give the condition that joins metrics to the connection of their account and source."""
    return and_(connections.c.source == source_column, connections.c.account == account_column)


def _json(report: CheckReport, problem: Problem | None) -> dict[str, Any]:
    return {
        "report": report.model_dump(mode="json"),
        "problem": problem.model_dump(mode="json") if problem else None,
    }


def _row(row: RowMapping) -> ConnectionRow:
    values = dict(row)
    values["report"] = CheckReport.model_validate(row["report"])
    values["problem"] = Problem.model_validate(row["problem"]) if row["problem"] else None
    return ConnectionRow(**values)
