"""The state of the queue: waiting and running refreshes, and the workers that are alive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import text

from smaply_metrics_core.host.store import Store
from smaply_metrics_core.host.store.queued_jobs import QUEUES, queue_schema

ALIVE_SECONDS: Final = 30
"""A worker is alive if it sent a heartbeat in this time; it sends one every 10 seconds."""

_QUEUE: Final = """
    SELECT
        count(*) FILTER (WHERE status = 'todo') AS waiting,
        count(*) FILTER (WHERE status = 'doing') AS running,
        coalesce(
            extract(epoch FROM now() - min(due) FILTER (WHERE status = 'todo')), 0
        ) AS oldest
    FROM (
        SELECT status, coalesce(
            scheduled_at,
            (SELECT min(at) FROM {schema}.procrastinate_events AS event
             WHERE event.job_id = job.id)
        ) AS due
        FROM {schema}.procrastinate_jobs AS job
        WHERE queue_name = ANY(:queues) AND status IN ('todo', 'doing')
    ) AS jobs
"""
_WORKERS: Final = """
    SELECT
        count(*) FILTER (WHERE last_heartbeat > now() - make_interval(secs => :alive)),
        extract(epoch FROM now() - max(last_heartbeat))
    FROM {schema}.procrastinate_workers
"""


@dataclass(frozen=True)
class QueueState:
    """The state of the queue of a fleet.

    Attributes:
        waiting: The number of refreshes that no worker has started.
        running: The number of refreshes that workers are running.
        oldest_seconds: How long the oldest waiting refresh could have been started.
        workers: The number of workers that are alive.
        heartbeat_seconds: The time since the last heartbeat of any worker; ``None`` without one.
    """

    waiting: int
    running: int
    oldest_seconds: float
    workers: int
    heartbeat_seconds: float | None


def read_queue(store: Store) -> QueueState:
    """Return the state of the queue; by the clock of the database.

    Raises:
        StoreError: when the database cannot be used, or has no tables of the queue.
    """
    with store.reading() as db:
        schema = queue_schema(store)
        statement = text(_QUEUE.format(schema=schema))
        waiting, running, oldest = db.execute(statement, {"queues": [*QUEUES]}).one()
        statement = text(_WORKERS.format(schema=schema))
        workers, heartbeat = db.execute(statement, {"alive": ALIVE_SECONDS}).one()
    return QueueState(
        waiting=waiting,
        running=running,
        oldest_seconds=max(0.0, float(oldest)),
        workers=workers,
        heartbeat_seconds=None if heartbeat is None else max(0.0, float(heartbeat)),
    )
