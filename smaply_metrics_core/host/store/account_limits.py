"""Reads and writes the limits of single accounts."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Final

from sqlalchemy import Connection, delete, select

from smaply_metrics_core.errors import InputError
from smaply_metrics_core.host.store.dialect import upsert
from smaply_metrics_core.host.store.tables import account_limits

NO_LIMIT: Final = 0
"""The stored number for no limit."""
MAX_LIMIT: Final = 2_000_000_000
_COLUMNS: Final = {
    "connections": account_limits.c.max_connections,
    "metrics": account_limits.c.max_metrics,
    "exports_per_hour": account_limits.c.max_exports_per_hour,
}


@dataclass(frozen=True)
class AccountLimits:
    """The limits of one account that differ from the settings of the operator.

    Each is a number of 1 or more, 0 for no limit, or ``None`` for the setting.

    Attributes:
        connections: How many connections it may have.
        metrics: How many metrics it may have.
        exports_per_hour: How many times it may download responses in a clock hour.
    """

    connections: int | None = None
    metrics: int | None = None
    exports_per_hour: int | None = None

    def validate(self) -> None:
        """Validate the numbers before they are stored.

        Raises:
            InputError: when a number is negative or too large.
        """
        for name, limit in asdict(self).items():
            if limit is not None and not NO_LIMIT <= limit <= MAX_LIMIT:
                raise InputError(
                    f"{limit:,} is not a valid limit ({name}).",
                    remedy=f"Use 1 to {MAX_LIMIT:,}, 0 for no limit, or None for the setting.",
                )


def read_limits(db: Connection, account: str) -> AccountLimits:
    """Return the limits of an account that differ from the settings."""
    mine = account_limits.c.account == account
    row = db.execute(select(*_COLUMNS.values()).where(mine)).one_or_none()
    return AccountLimits(*row) if row else AccountLimits()


def write_limits(db: Connection, account: str, limits: AccountLimits) -> None:
    """Replace the limits of an account."""
    if limits == AccountLimits():
        db.execute(delete(account_limits).where(account_limits.c.account == account))
    else:
        values = {_COLUMNS[name].name: limit for name, limit in asdict(limits).items()}
        db.execute(upsert(db, account_limits, {"account": account, **values}, values))
