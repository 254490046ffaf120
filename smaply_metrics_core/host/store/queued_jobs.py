"""Deletes the queued refreshes of an account from Procrastinate's tables."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, text

SCHEMA: Final = "smaply_metrics_jobs"
"""The schema of Procrastinate's tables in the database of the store."""

_SEARCH_PATH: Final = text(f"SET LOCAL search_path = {SCHEMA}")
_EXISTS: Final = text("SELECT to_regclass(:table) IS NOT NULL")
_TABLE: Final = f"{SCHEMA}.procrastinate_jobs"
# A running job deletes itself when it ends; its worker fails if it is missing.
_DELETE: Final = text(
    f"DELETE FROM {_TABLE} WHERE args ->> 'account' = :account AND status <> 'doing'"  # noqa: S608  # Constants.
)


def delete_jobs(db: Connection, account: str) -> int:
    """Delete the jobs of an account that do not run, at the end of a transaction.

    A job that runs ends without storing anything, since the rows of the account are deleted.

    Returns:
        The number of deleted jobs; 0 if there is no queue.
    """
    if not db.execute(_EXISTS, {"table": _TABLE}).scalar():
        return 0
    db.execute(_SEARCH_PATH)  # The triggers of the table name others without their schema.
    return db.execute(_DELETE, {"account": account}).rowcount
