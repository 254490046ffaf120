"""Leases: one process at a time refreshes a survey of a connection.

There is one row per connection and survey. A lease has an owner, a time at which it expires if its
holder dies, and a fencing token that increases with each holder. A result with an old token is
discarded, so a holder that only seemed dead cannot overwrite a newer value.

Each change is a single statement that uses the database's time unless a clock was passed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, or_, update

from smaply_metrics_core.host.store.database_clock import SqlInstant
from smaply_metrics_core.host.store.dialect import upsert
from smaply_metrics_core.host.store.tables import leases


@dataclass(frozen=True)
class Lease:
    """The right to refresh one survey of one connection until it expires."""

    account: str
    connection_id: str
    survey_id: str
    owner: str
    fence: int


TOLERANCE = timedelta(minutes=2)
"""A lease that expires later than its length plus this was written by a wrong clock and is ignored,
so that a clock that is set back never blocks a survey."""


def acquire(  # noqa: PLR0913  # The columns of a lease.
    db: Connection,
    *,
    account: str,
    connection_id: str,
    survey_id: str,
    owner: str,
    length: timedelta,
    at: datetime | None = None,
) -> Lease | None:
    """Acquire the lease for ``length``; return ``None`` when another owner holds it.

    ``at`` is the current time; ``None`` uses the database's.
    """
    moment = SqlInstant.of(db, at)
    new = {
        "owner": owner,
        "expires_at": moment.after(length),
        "started_at": moment.now(),
        "percent": None,
    }
    taken = db.execute(
        upsert(
            db,
            leases,
            {
                "account": account,
                "connection_id": connection_id,
                "survey_id": survey_id,
                "fence": 1,
                **new,
            },
            {**new, "fence": leases.c.fence + 1},
            where=(leases.c.account == account)
            & or_(
                leases.c.owner.is_(None),
                leases.c.expires_at <= moment.now(),
                leases.c.expires_at > moment.after(length + TOLERANCE),
            ),
        ).returning(leases.c.fence)
    ).scalar_one_or_none()
    return None if taken is None else Lease(account, connection_id, survey_id, owner, taken)


def time_left(expires_at: datetime, now: datetime, length: timedelta) -> timedelta | None:
    """Return the time until a lease of this length expires; ``None`` when it has expired."""
    left = expires_at - now
    return left if timedelta(0) < left <= length + TOLERANCE else None


def renew(
    db: Connection,
    lease: Lease,
    length: timedelta,
    *,
    percent: float | None,
    at: datetime | None = None,
) -> bool:
    """Extend the lease and store the progress of its work; ``False`` when the lease was lost."""
    expires_at = SqlInstant.of(db, at).after(length)
    return _change(db, lease, {"expires_at": expires_at, "percent": percent})


def note_forced(db: Connection, lease: Lease, at: datetime | None) -> None:
    """Record when an Editor requested a refresh, which is allowed once a minute per survey."""
    _change(db, lease, {"forced_at": at})


def release(db: Connection, lease: Lease) -> bool:
    """Release the lease; ``False`` when it was lost, and its results must be discarded."""
    return _change(
        db, lease, {"owner": None, "expires_at": None, "started_at": None, "percent": None}
    )


def _change(db: Connection, lease: Lease, values: Mapping[str, Any]) -> bool:
    """Update the row of the lease if it still has the same owner and fencing token."""
    result = db.execute(
        update(leases)
        .where(
            leases.c.account == lease.account,
            leases.c.connection_id == lease.connection_id,
            leases.c.survey_id == lease.survey_id,
            leases.c.owner == lease.owner,
            leases.c.fence == lease.fence,
        )
        .values(dict(values))
    )
    return result.rowcount == 1
