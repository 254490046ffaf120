"""The outbox: events are written in the transaction of the change that they are about.

The ids of events have the order in which their transactions were committed, so that a consumer that
has processed an id never misses a smaller one. In PostgreSQL, a lock on recording ensures this; it
is the last lock of a transaction, so that it cannot cause a deadlock. SQLite has one writer anyway.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta  # pydantic needs the former at run time.
from enum import StrEnum
from typing import Final

from pydantic import ValidationError
from sqlalchemy import Connection, delete, exists, func, insert, select, text, update

from smaply_metrics_core.host.store.tables import event_consumers, events
from smaply_metrics_core.models.base import Frozen
from smaply_metrics_core.models.problem import Problem

logger = logging.getLogger(__name__)

EVERY_ACCOUNT: Final = {"every_account": "events are delivered to the host app, of all accounts"}

CHANNEL: Final = "smaply_metrics_events"
"""The channel of PostgreSQL that wakes consumers."""

_LOCK: Final = 0x5_3A_91_E7
"""The key of the advisory lock on recording events."""


class EventKind(StrEnum):
    """What has happened."""

    VALUE_CHANGED = "value_changed"
    """A refresh stored the first value of a metric, or one that differs from the value before."""
    REFRESH_ENDED = "refresh_ended"
    """A refresh of a survey ended, and each of its metrics has a new value or a problem."""
    CONNECTION_FAILED = "connection_failed"
    """A connection that worked stopped working."""
    CONNECTION_RECOVERED = "connection_recovered"
    """A connection that had failed works again."""


class MetricsEvent(Frozen):
    """Something that has happened in an account; it refers to values, but has none.

    Attributes:
        id: A number that increases from event to event; the same event always has the same one.
        account: The account.
        at: When it happened.
        kind: What has happened.
        connection_id: The connection.
        survey_id: The survey; empty for events of a whole connection.
        metric_id: The metric of ``value_changed``; else empty.
        as_of: When the data of the new value was read; ``None`` except for ``value_changed``.
        updated: How many metrics ``refresh_ended`` has stored a value of; else 0.
        failed: How many metrics have a problem after ``refresh_ended``; else 0.
        problem: Why the connection failed, or the first problem of a refresh; ``None`` without one.
            ``Problem.for_reader`` makes it fit for users who cannot act on it.
    """

    id: int
    account: str
    at: datetime
    kind: EventKind
    connection_id: str
    survey_id: str = ""
    metric_id: str = ""
    as_of: datetime | None = None
    updated: int = 0
    failed: int = 0
    problem: Problem | None = None


_COLUMNS: Final = {"id", "account", "at", "kind", "connection_id"}
"""The fields that have a column; the others are details."""


@dataclass(frozen=True)
class Outbox:
    """Records events while there is a consumer.

    Attributes:
        retention: How long an event waits for a consumer that does not process it.
    """

    retention: timedelta

    @staticmethod
    def is_used(db: Connection) -> bool:
        """Whether there is a consumer; otherwise nothing is recorded."""
        return bool(
            db.scalar(select(exists(event_consumers.c.name)), execution_options=EVERY_ACCOUNT)
        )

    def record(self, db: Connection, new: Sequence[MetricsEvent]) -> None:
        """Write events, whose ids are ignored, and delete those that no consumer needs any more.

        Call it last in a transaction: until its end, no other transaction can record events.
        """
        if not new or not self.is_used(db):
            return
        if db.dialect.name == "postgresql":
            db.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            # Sent when the transaction is committed.
            db.execute(text("SELECT pg_notify(:channel, '')"), {"channel": CHANNEL})
        _delete_processed(db)
        _delete_expired(db, max(event.at for event in new) - self.retention)
        db.execute(
            insert(events),
            [
                {
                    **event.model_dump(include=_COLUMNS - {"id"}),
                    "details": event.model_dump(
                        mode="json", exclude=_COLUMNS, exclude_defaults=True
                    ),
                }
                for event in new
            ],
        )


def _delete_processed(db: Connection) -> None:
    """Delete the events that every consumer has passed."""
    slowest = select(func.min(event_consumers.c.position)).scalar_subquery()
    db.execute(delete(events).where(events.c.id <= slowest), execution_options=EVERY_ACCOUNT)


def _delete_expired(db: Connection, before: datetime) -> None:
    """Delete events that are too old, and move the consumers that have not processed them."""
    last = db.execute(
        select(func.max(events.c.id), func.max(events.c.at)).where(events.c.at < before),
        execution_options=EVERY_ACCOUNT,
    ).one()
    if last[0] is None:
        return
    lost = update(event_consumers).where(event_consumers.c.position < last[0])
    names = db.scalars(
        lost.values(position=last[0], lost_until=last[1]).returning(event_consumers.c.name),
        execution_options=EVERY_ACCOUNT,
    ).all()
    db.execute(delete(events).where(events.c.id <= last[0]), execution_options=EVERY_ACCOUNT)
    for name in names:
        logger.warning(
            "Events up to %s were deleted before the consumer %s had processed them. Let it read "
            "all cards again, or remove it with events.forget.",
            *(last[1], name),
        )


def read_after(db: Connection, position: int, limit: int) -> list[tuple[int, MetricsEvent | None]]:
    """Return the next events by id; ``None`` for those that this release cannot read."""
    statement = select(events).where(events.c.id > position).order_by(events.c.id).limit(limit)
    found: list[tuple[int, MetricsEvent | None]] = []
    for row in db.execute(statement, execution_options=EVERY_ACCOUNT).mappings():
        values = {name: row[name] for name in _COLUMNS}
        try:
            event = MetricsEvent.model_validate({**values, **(row["details"] or {})})
        except ValidationError:
            logger.warning("The event %s cannot be read, and is skipped.", row["id"])
            event = None
        found.append((row["id"], event))
    return found
