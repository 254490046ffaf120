"""Leases: one process at a time refreshes a survey of a connection.

Each row is (connection, survey). A lease has an owner, an instant at which it expires by itself
(its holder died), and a fencing number that grows with each holder: a result that arrives with an
old number is refused, so a holder that only seemed dead cannot overwrite a newer value.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from smaply_metrics_core.host.store.tables import leases

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection


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
    now: datetime,
    length: timedelta,
    forced_at: datetime | None = None,
) -> Lease | None:
    """Take the lease for a ``length`` of time, or give None when somebody else holds it.

    ``forced_at`` is when an Editor asked for it, if that is why.
    """
    expires_at = now + length
    forced = {} if forced_at is None else {"forced_at": forced_at}
    where = (
        leases.c.account == account,
        leases.c.connection_id == connection_id,
        leases.c.survey_id == survey_id,
    )
    taken = db.execute(
        update(leases)
        .where(
            *where,
            or_(
                leases.c.owner.is_(None),
                leases.c.expires_at <= now,
                leases.c.expires_at > expires_at + TOLERANCE,
            ),
        )
        .values(owner=owner, fence=leases.c.fence + 1, expires_at=expires_at, **forced)
        .returning(leases.c.fence)
    ).scalar_one_or_none()
    if taken is None:
        if db.execute(select(leases.c.fence).where(*where)).first() is not None:
            return None
        try:
            with db.begin_nested():
                db.execute(
                    insert(leases).values(
                        account=account,
                        connection_id=connection_id,
                        survey_id=survey_id,
                        owner=owner,
                        fence=1,
                        expires_at=expires_at,
                        **forced,
                    )
                )
        except IntegrityError:
            # Another process came first, or the connection was deleted meanwhile.
            return None
        taken = 1
    return Lease(account, connection_id, survey_id, owner, taken)


def time_left(expires_at: datetime, now: datetime, length: timedelta) -> timedelta | None:
    """Give how long a lease of this length still runs; None when it has ended."""
    left = expires_at - now
    return left if timedelta(0) < left <= length + TOLERANCE else None


def renew(db: Connection, lease: Lease, expires_at: datetime) -> bool:
    """Hold the lease for longer; False when it was lost meanwhile."""
    return _change(db, lease, {"expires_at": expires_at})


def release(db: Connection, lease: Lease) -> bool:
    """Give the lease back; False when it was lost meanwhile and its work must not be kept."""
    return _change(db, lease, {"owner": None, "expires_at": None})


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
