"""Consumers of events: a position in the outbox each, and a lease of the process that delivers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, delete, exists, func, or_, select, update

from smaply_metrics_core.host.store.database_clock import SqlInstant
from smaply_metrics_core.host.store.dialect import upsert
from smaply_metrics_core.host.store.events import EVERY_ACCOUNT
from smaply_metrics_core.host.store.leases import TOLERANCE
from smaply_metrics_core.host.store.tables import event_consumers, events

MAX_NAME: Final = 200


@dataclass(frozen=True)
class EventConsumer:
    """A consumer of events.

    Attributes:
        name: Its name.
        position: The id of the last event that it has processed.
        pending: How many events it has not processed.
        oldest: The time of the oldest of them; ``None`` without any.
        lost_until: The time of the newest event that was deleted before it was processed, because
            it was older than ``Settings.event_retention_days``; ``None`` if none was.
    """

    name: str
    position: int
    pending: int
    oldest: datetime | None
    lost_until: datetime | None


@dataclass(frozen=True)
class Delivery:
    """The right of one process to deliver to a consumer, until its lease expires.

    Attributes:
        name: The consumer.
        owner: A random text for each subscription.
        length: How long the lease lasts unless it is renewed.
    """

    name: str
    owner: str
    length: timedelta

    def claim(self, db: Connection, at: datetime | None) -> int | None:
        """Return the position of the consumer; ``None`` when another process delivers to it.

        ``at`` is the current time; ``None`` uses the database's.
        """
        moment = SqlInstant.of(db, at)
        expires_at = event_consumers.c.expires_at
        position: int | None = db.scalar(
            update(event_consumers)
            .where(
                event_consumers.c.name == self.name,
                or_(
                    event_consumers.c.owner.is_(None),
                    event_consumers.c.owner == self.owner,
                    expires_at <= moment.now(),
                    expires_at > moment.after(self.length + TOLERANCE),
                ),
            )
            .values(owner=self.owner, expires_at=moment.after(self.length))
            .returning(event_consumers.c.position),
            execution_options=EVERY_ACCOUNT,
        )
        return position

    def advance(self, db: Connection, position: int, at: datetime | None) -> bool:
        """Store the position and renew the lease; ``False`` when the lease was lost."""
        return self._store(db, position, self.owner, SqlInstant.of(db, at).after(self.length))

    def release(self, db: Connection, position: int) -> bool:
        """Store the position and release the lease; ``False`` when the lease was lost."""
        return self._store(db, position, None, None)

    def _store(self, db: Connection, position: int, owner: str | None, expires_at: object) -> bool:
        # A position that expired events have moved must not be set back.
        ahead = event_consumers.c.position
        newest = func.max if db.dialect.name == "sqlite" else func.greatest
        result = db.execute(
            update(event_consumers)
            .where(event_consumers.c.name == self.name, event_consumers.c.owner == self.owner)
            .values(position=newest(ahead, position), owner=owner, expires_at=expires_at),
            execution_options=EVERY_ACCOUNT,
        )
        return result.rowcount == 1


def register(db: Connection, name: str) -> None:
    """Add a consumer that receives the events from now on, unless it exists."""
    last = db.scalar(select(func.max(events.c.id)), execution_options=EVERY_ACCOUNT)
    new = {"name": name, "position": last or 0}
    db.execute(upsert(db, event_consumers, new, {"name": name}), execution_options=EVERY_ACCOUNT)


def has_pending(db: Connection, name: str) -> bool | None:
    """Whether a consumer has events to process; ``None`` when there is no such consumer."""
    waiting = exists(events.c.id).where(events.c.id > event_consumers.c.position)
    return db.scalar(
        select(waiting).where(event_consumers.c.name == name), execution_options=EVERY_ACCOUNT
    )


def read_all(db: Connection) -> tuple[EventConsumer, ...]:
    """Return all consumers, ordered by name."""
    rows = db.execute(
        select(
            event_consumers.c.name,
            event_consumers.c.position,
            func.count(events.c.id),
            func.min(events.c.at),
            event_consumers.c.lost_until,
        )
        .select_from(event_consumers.outerjoin(events, events.c.id > event_consumers.c.position))
        .group_by(event_consumers.c.name)
        .order_by(event_consumers.c.name),
        execution_options=EVERY_ACCOUNT,
    )
    return tuple(EventConsumer(*row) for row in rows)


def remove(db: Connection, name: str) -> bool:
    """Delete a consumer; ``False`` when there is none of this name."""
    result = db.execute(
        delete(event_consumers).where(event_consumers.c.name == name),
        execution_options=EVERY_ACCOUNT,
    )
    return result.rowcount == 1
