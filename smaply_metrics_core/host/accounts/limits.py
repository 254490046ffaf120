"""The limits of each account: those of the settings, or its own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from smaply_metrics_core.errors import LimitReached
from smaply_metrics_core.host.runtime import Runtime
from smaply_metrics_core.host.store import connections as connection_rows
from smaply_metrics_core.host.store.account_limits import NO_LIMIT, AccountLimits, read_limits
from smaply_metrics_core.host.store.export_counts import count_export, exports_in
from smaply_metrics_core.host.store.metrics import count_metrics, lock_metrics
from smaply_metrics_core.models.problem import Issue

if TYPE_CHECKING:
    from sqlalchemy import Connection


_RAISE: Final = "ask the operator for a higher limit (`account set-limits`, or "


@dataclass(frozen=True)
class LimitUse:
    """A limit of an account, and how much of it is used.

    Attributes:
        allowed: The limit; ``None`` if there is none.
        used: How much is used; ``None`` for exports without a limit, which are not counted.
        own: The account's own limit, as in ``AccountLimits``; ``None`` if the setting applies.
    """

    allowed: int | None
    used: int | None
    own: int | None


def limit_uses(runtime: Runtime, db: Connection, account: str) -> dict[str, LimitUse]:
    """Return each limit of an account, by the name that it has in ``AccountLimits``."""
    own = read_limits(db, account)
    allowed = _allowed(runtime, own)
    exports = None
    if allowed.exports_per_hour is not None:
        exports = exports_in(db, account, _this_hour(runtime))
    return {
        "connections": LimitUse(
            allowed.connections,
            len(connection_rows.ids_of_account(db, account)),
            own.connections,
        ),
        "metrics": LimitUse(allowed.metrics, count_metrics(db, account), own.metrics),
        "exports_per_hour": LimitUse(allowed.exports_per_hour, exports, own.exports_per_hour),
    }


def require_connection(runtime: Runtime, db: Connection, account: str, existing: int) -> None:
    """Raise unless an account with this many connections may add another one.

    Raises:
        LimitReached: when the account has as many connections as it may have.
    """
    limit = _allowed(runtime, read_limits(db, account)).connections
    if limit is not None and existing >= limit:
        raise LimitReached(
            f"This account may have at most {_counted(limit, 'connection')}.",
            remedy=f"Delete a connection, or {_RAISE}SMAPLY_METRICS_ACCOUNT_MAX_CONNECTIONS).",
            summary="This account cannot have more connections.",
        )


def require_metrics(runtime: Runtime, db: Connection, account: str, adding: int = 1) -> None:
    """Raise unless an account may add this many metrics in the transaction.

    With a limit, other transactions that add metrics to the account wait for this one.

    Raises:
        LimitReached: when the account would have more metrics than it may have.
    """
    limit = _allowed(runtime, read_limits(db, account)).metrics
    if limit is None:
        return
    lock_metrics(db, account)
    existing = count_metrics(db, account)
    if existing + adding > limit:
        raise LimitReached(
            f"This account may have at most {_counted(limit, 'metric')}, and has {existing:,}.",
            remedy="Delete metrics that are no longer used, or "
            f"{_RAISE}SMAPLY_METRICS_ACCOUNT_MAX_METRICS).",
            summary="This account cannot have more metrics.",
        )


def require_export(runtime: Runtime, account: str) -> None:
    """Count a download of responses that is about to start.

    Raises:
        LimitReached: when the account has used its exports of this hour.
    """
    with runtime.store.reading() as db:
        limit = _allowed(runtime, read_limits(db, account)).exports_per_hour
    if limit is None:
        return
    hour = _this_hour(runtime)
    with runtime.store.writing() as db:
        counted = count_export(db, account, hour, limit)
    if not counted:
        raise LimitReached(
            f"This account has used its {_counted(limit, 'export')} of this hour.",
            remedy=f"Try again after {hour + timedelta(hours=1):%H:%M} UTC, or "
            f"{_RAISE}SMAPLY_METRICS_ACCOUNT_MAX_EXPORTS_PER_HOUR). "
            "Cards are refreshed automatically.",
            issue=Issue.DATA,
            summary="This account has used its exports of this hour; cards are refreshed later.",
        )


def _allowed(runtime: Runtime, own: AccountLimits) -> AccountLimits:
    """Return the limits that apply to an account with these of its own; ``None`` for no limit."""
    settings = runtime.settings
    return AccountLimits(
        _effective(own.connections, settings.account_max_connections),
        _effective(own.metrics, settings.account_max_metrics),
        _effective(own.exports_per_hour, settings.account_max_exports_per_hour),
    )


def _effective(own: int | None, setting: int | None) -> int | None:
    return setting if own is None else None if own == NO_LIMIT else own


def _this_hour(runtime: Runtime) -> datetime:
    return runtime.now().replace(minute=0, second=0, microsecond=0)


def _counted(limit: int, noun: str) -> str:
    return f"{limit:,} {noun}{'' if limit == 1 else 's'}"
