"""Leases: one process at a time refreshes a survey of a connection.

Each row is (connection, survey). A lease has an owner, an instant at which it expires by itself
(its holder died), and a fencing number that grows with each holder: a result that arrives with an
old number is refused, so a holder that only seemed dead cannot overwrite a newer value.

Each change is one statement, and its instants are the database's own unless a clock was set.
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
"""A lease that ends further ahead than its length and this is a clock's mistake, and counts as
none: a clock that steps back never blocks a survey."""


def acquire(  # noqa: PLR0913  # The lease's own six facts.
    db: Connection,
    *,
    account: str,
    connection_id: str,
    survey_id: str,
    owner: str,
    length: timedelta,
    at: datetime | None = None,
) -> Lease | None:
    """Take the lease for a ``length`` of time, or give None when somebody else holds it.

    ``at`` is the present when a clock was set; else the database's counts.
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
    """Give how long a lease of this length still runs; None when it has ended."""
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
    """Hold the lease for longer and say how far its work is; False when it was lost meanwhile."""
    expires_at = SqlInstant.of(db, at).after(length)
    return _change(db, lease, {"expires_at": expires_at, "percent": percent})


def note_forced(db: Connection, lease: Lease, at: datetime) -> None:
    """Keep that an Editor's wish is why this lease was taken, as each has one in a minute."""
    _change(db, lease, {"forced_at": at})


def release(db: Connection, lease: Lease) -> bool:
    """Give the lease back; False when it was lost meanwhile and its work must not be kept."""
    return _change(
        db, lease, {"owner": None, "expires_at": None, "started_at": None, "percent": None}
    )


def _change(db: Connection, lease: Lease, values: Mapping[str, Any]) -> bool:
    """Write to the lease's row if it is still its holder's: same owner, same fencing number."""
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
