"""Deletes the queued refreshes of an account from Procrastinate's tables."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, text

from smaply_metrics_core.host.store.store import Store

SCHEMA: Final = "smaply_metrics_jobs"
"""The schema of Procrastinate's tables, unless the store has a schema of its own."""

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
