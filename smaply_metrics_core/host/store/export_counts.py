"""Counts the exports of accounts, for their limit per hour."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, case, or_, select

from smaply_metrics_core.host.store.dialect import upsert
from smaply_metrics_core.host.store.tables import export_counts


def count_export(db: Connection, account: str, hour: datetime, limit: int) -> bool:
    """Count one more export in an hour, in a single statement; ``False`` if the limit is reached.

    Args:
        db: The transaction.
        account: The account.
        hour: The start of the hour.
        limit: The maximum number of exports in one hour, 1 or more.
    """
    same_hour = export_counts.c.hour == hour
    counted = db.execute(
        upsert(
            db,
            export_counts,
            {"account": account, "hour": hour, "exports": 1},
            {"hour": hour, "exports": case((same_hour, export_counts.c.exports + 1), else_=1)},
            where=(export_counts.c.account == account)
            & or_(~same_hour, export_counts.c.exports < limit),
        ).returning(export_counts.c.exports)
    ).scalar_one_or_none()
    return counted is not None


def exports_in(db: Connection, account: str, hour: datetime) -> int:
    """Return how many exports of an account were counted in an hour."""
    counted = select(export_counts.c.exports).where(
        export_counts.c.account == account, export_counts.c.hour == hour
    )
    return db.execute(counted).scalar_one_or_none() or 0
