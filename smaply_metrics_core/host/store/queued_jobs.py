"""Changes queued refreshes in Procrastinate's tables: deletes those of an account, sets flags."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Final

from sqlalchemy import Connection, text

from smaply_metrics_core.host.store.store import Store

SCHEMA: Final = "smaply_metrics_jobs"
"""The schema of Procrastinate's tables, unless the store has a schema of its own."""

QUEUE: Final = "smaply-metrics"
LEFT_QUEUE: Final = "smaply-metrics-left"
"""The refreshes that a worker could not make; it leaves this queue to other workers for a while."""
QUEUES: Final = (QUEUE, LEFT_QUEUE)

_EXISTS: Final = text("SELECT to_regclass(:table) IS NOT NULL")


def queue_schema(store: Store) -> str:
    """Return the schema of Procrastinate's tables: stores in one database have a queue each."""
    return SCHEMA if store.schema is None else f"{store.schema}_queue"


def delete_jobs(db: Connection, store: Store, account: str) -> int:
    """Delete the jobs of an account that do not run, at the end of a transaction.

    A job that runs ends without storing anything, since the rows of the account are deleted.

    Returns:
        The number of deleted jobs; 0 if there is no queue.
    """
    schema = queue_schema(store)
    table = f"{schema}.procrastinate_jobs"
    if not db.execute(_EXISTS, {"table": table}).scalar():
        return 0
    # The triggers of the table name others without their schema.
    db.execute(text(f"SET LOCAL search_path = {schema}"))
    # A running job deletes itself when it ends; its worker fails if it is missing.
    statement = f"DELETE FROM {table} WHERE args ->> 'account' = :account AND status <> 'doing'"  # noqa: S608  # The schema is validated.
    return db.execute(text(statement), {"account": account}).rowcount


def set_flags(db: Connection, store: Store, lock: str, flags: Collection[str]) -> bool:
    """Set flags in the arguments of the waiting job with a queueing lock.

    Returns:
        Whether there was one. A job that is being started is locked, and then no longer waits.
    """
    schema = queue_schema(store)
    db.execute(text(f"SET LOCAL search_path = {schema}"))
    statement = (
        f"UPDATE {schema}.procrastinate_jobs SET args = args || CAST(:flags AS jsonb) "  # noqa: S608  # The schema is validated.
        "WHERE queueing_lock = :lock AND status = 'todo'"
    )
    values = {"lock": lock, "flags": json.dumps(dict.fromkeys(flags, True))}
    return bool(db.execute(text(statement), values).rowcount)
