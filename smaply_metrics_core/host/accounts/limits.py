"""The limits of each account, which the operator sets."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from smaply_metrics_core.errors import LimitReached
from smaply_metrics_core.host.runtime import Runtime
from smaply_metrics_core.host.store.export_counts import count_export
from smaply_metrics_core.host.store.metrics import count_metrics, lock_metrics
from smaply_metrics_core.models.problem import Issue

if TYPE_CHECKING:
    from sqlalchemy import Connection


def require_connection(runtime: Runtime, existing: int) -> None:
    """Raise unless an account with this many connections may add another one.

    Raises:
        LimitReached: when the account has as many connections as it may have.
    """
    limit = runtime.settings.account_max_connections
    if limit is not None and existing >= limit:
        raise LimitReached(
            f"This account may have at most {_counted(limit, 'connection')}.",
            remedy="Delete a connection, or ask the operator to raise "
            "SMAPLY_METRICS_ACCOUNT_MAX_CONNECTIONS.",
            summary="This account cannot have more connections.",
        )


def require_metrics(runtime: Runtime, db: Connection, account: str, adding: int = 1) -> None:
    """Raise unless an account may add this many metrics in the transaction.

    With a limit, other transactions that add metrics to the account wait for this one.

    Raises:
        LimitReached: when the account would have more metrics than it may have.
    """
    limit = runtime.settings.account_max_metrics
    if limit is None:
        return
    lock_metrics(db, account)
    existing = count_metrics(db, account)
    if existing + adding > limit:
        raise LimitReached(
            f"This account may have at most {_counted(limit, 'metric')}, and has {existing:,}.",
            remedy="Delete metrics that are no longer used, or ask the operator to raise "
            "SMAPLY_METRICS_ACCOUNT_MAX_METRICS.",
            summary="This account cannot have more metrics.",
        )


def require_export(runtime: Runtime, account: str) -> None:
    """Count an export that is about to start: a refresh, a preview or a debug bundle.

    Raises:
        LimitReached: when the account has used its exports of this hour.
    """
    limit = runtime.settings.account_max_exports_per_hour
    if limit is None:
        return
    hour = runtime.now().replace(minute=0, second=0, microsecond=0)
    with runtime.store.writing() as db:
        counted = count_export(db, account, hour, limit)
    if not counted:
        raise LimitReached(
            f"This account has used its {_counted(limit, 'export')} of this hour.",
            remedy=f"Try again after {hour + timedelta(hours=1):%H:%M} UTC, or ask the operator to "
            "raise SMAPLY_METRICS_ACCOUNT_MAX_EXPORTS_PER_HOUR. Cards are refreshed automatically.",
            issue=Issue.DATA,
            summary="This account has used its exports of this hour; cards are refreshed later.",
        )


def _counted(limit: int, noun: str) -> str:
    return f"{limit:,} {noun}{'' if limit == 1 else 's'}"
