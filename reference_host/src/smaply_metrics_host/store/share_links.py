"""Share links: people without an account read one map with them."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, exists, func, insert, select, update

from smaply_metrics_core.host import Clock, InputError
from smaply_metrics_host.store.map_rows import no_such, require_map
from smaply_metrics_host.store.people import SEEN_SECONDS
from smaply_metrics_host.store.tables import maps, people, share_links, sharing_settings
from smaply_metrics_host.store.tokens import new_token, token_digest

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, RowMapping

    from smaply_metrics_host.store.database import Database
    from smaply_metrics_host.store.people import Person

DAYS: Final = (7, 30, 90)
"""After how many days a link may expire."""
DEFAULT_DAYS: Final = 30
MOST_LINKS: Final = 20
"""Links of one map. With a limit, an Editor can see at a glance who has access."""


@dataclass(frozen=True)
class ShareLink:
    """A link of a map that has not expired.

    Attributes:
        map: The id of the map.
        map_name: The name of the map.
        created_by: The name of its creator; empty once they were removed from the account.
        used_at: The last use, to within five minutes; ``None`` if it was never used.
    """

    id: str
    map: str
    map_name: str
    created_by: str
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None


@dataclass(frozen=True)
class SharedMap:
    """The map that a valid link opens."""

    account: str
    map: str
    link: str


class ShareLinks:
    """The share links of all maps.

    Args:
        database: The database of the host app. Expired links of all accounts are deleted.
        clock: The clock by which links expire.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        with database.writing() as db:
            self._delete_expired(db)

    def add(self, map_id: str, days: int, *, by: Person) -> tuple[ShareLink, str]:
        """Create a link of a map of the person's account; return it with its token.

        The token is not stored, so it is available only now.

        Args:
            map_id: The id of the map.
            days: After how many days it expires, one of ``DAYS``.
            by: The person who creates it.

        Raises:
            InputError: if the number of days is not offered, the map has too many links, or maps of
                this account may not be shared.
            NotFound: if this account has no such map.
        """
        token = new_token()
        now = self._clock.now()
        with self._database.writing() as db:
            require_map(db, by.account, map_id)
            _check_days(days)
            _require_allowed(db, by.account)
            name = select(maps.c.name).where(maps.c.account == by.account, maps.c.id == map_id)
            link = ShareLink(
                id=f"sha_{secrets.token_hex(6)}",
                map=map_id,
                map_name=db.execute(name).scalar_one(),
                created_by=by.name,
                created_at=now,
                expires_at=now + timedelta(days=days),
                used_at=None,
            )
            self._delete_expired(db)
            links = select(func.count()).where(
                share_links.c.account == by.account, share_links.c.map == map_id
            )
            if db.execute(links).scalar_one() >= MOST_LINKS:
                raise InputError(
                    f"This map already has {MOST_LINKS} share links.",
                    remedy="Revoke those that are no longer needed.",
                )
            db.execute(
                insert(share_links).values(
                    id=link.id,
                    digest=token_digest(token),
                    account=by.account,
                    map=map_id,
                    person=by.id,
                    created_at=link.created_at.timestamp(),
                    expires_at=link.expires_at.timestamp(),
                )
            )
        return link, token

    def of_map(self, account: str, map_id: str) -> tuple[ShareLink, ...]:
        """Return the links of a map that have not expired, newest first.

        Raises:
            NotFound: if this account has no such map.
        """
        with self._database.reading() as db:
            require_map(db, account, map_id)
            return self._links(db, account, share_links.c.map == map_id)

    def of_account(self, account: str) -> tuple[ShareLink, ...]:
        """Return the links of all maps of an account that have not expired, newest first."""
        with self._database.reading() as db:
            return self._links(db, account)

    def allowed(self, account: str) -> bool:
        """Return whether maps of an account may be shared with links."""
        with self._database.reading() as db:
            return _allowed(db, account)

    def allow(self, account: str, *, allowed: bool) -> None:
        """Allow or forbid links to the maps of an account, which takes effect immediately.

        While they are forbidden, none can be created, and existing ones are not valid. Once they
        are allowed again, those that have not expired are valid again.
        """
        with self._database.writing() as db:
            db.execute(delete(sharing_settings).where(sharing_settings.c.account == account))
            db.execute(insert(sharing_settings).values(account=account, allowed=allowed))

    def open(self, token: str) -> SharedMap | None:
        """Return the map of a token and record the use; ``None`` if the link is not valid.

        A link is found by the digest of its token, so the time of the search tells nothing about
        the tokens of other links. No link is valid while its account forbids links.
        """
        now, digest = self._now(), token_digest(token)
        with self._database.reading() as db:
            row = (
                db.execute(
                    select(share_links).where(
                        share_links.c.digest == digest, share_links.c.expires_at > now
                    )
                )
                .mappings()
                .one_or_none()
            )
            if row is None or not _allowed(db, row["account"]):
                return None
        if now - (row["used_at"] or 0) > SEEN_SECONDS:
            with self._database.writing() as db:
                used = update(share_links).where(share_links.c.digest == digest)
                db.execute(used.values(used_at=now))
        return SharedMap(row["account"], row["map"], row["id"])

    def revoke(self, account: str, map_id: str, link: str) -> None:
        """Delete a link, which takes effect immediately.

        Raises:
            NotFound: if this account has no such link of this map.
        """
        with self._database.writing() as db:
            gone = db.execute(
                delete(share_links).where(
                    share_links.c.account == account,
                    share_links.c.map == map_id,
                    share_links.c.id == link,
                )
            )
            if gone.rowcount == 0:
                raise no_such("share link")

    def revoke_all(self, account: str) -> tuple[ShareLink, ...]:
        """Delete and return the links of all maps of an account, which takes effect immediately."""
        with self._database.writing() as db:
            links = self._links(db, account)
            db.execute(delete(share_links).where(share_links.c.account == account))
        return links

    def _links(
        self, db: Connection, account: str, *only: ColumnElement[bool]
    ) -> tuple[ShareLink, ...]:
        rows = db.execute(
            select(share_links, maps.c.name.label("map_name"), people.c.name.label("created_by"))
            .join(maps, maps.c.id == share_links.c.map)
            .outerjoin(people, people.c.id == share_links.c.person)
            .where(share_links.c.account == account, share_links.c.expires_at > self._now(), *only)
            .order_by(share_links.c.created_at.desc(), share_links.c.id)
        ).mappings()
        return tuple(_link(row) for row in rows)

    def _delete_expired(self, db: Connection) -> None:
        db.execute(delete(share_links).where(share_links.c.expires_at <= self._now()))

    def _now(self) -> float:
        return self._clock.now().timestamp()


def _check_days(days: int) -> None:
    if days not in DAYS:
        raise InputError(
            "The link cannot expire after this time.",
            remedy=f"Choose {', '.join(map(str, DAYS[:-1]))} or {DAYS[-1]} days.",
        )


def _allowed(db: Connection, account: str) -> bool:
    forbidden = exists().where(
        sharing_settings.c.account == account, sharing_settings.c.allowed.is_(False)
    )
    return not db.execute(select(forbidden)).scalar_one()


def _require_allowed(db: Connection, account: str) -> None:
    if not _allowed(db, account):
        raise InputError(
            "Share links are switched off for this account.",
            remedy="An Admin can switch them on under Account settings → Share links.",
        )


def _link(row: RowMapping) -> ShareLink:
    used_at = row["used_at"]
    return ShareLink(
        id=row["id"],
        map=row["map"],
        map_name=row["map_name"],
        created_by=row["created_by"] or "",
        created_at=_instant(row["created_at"]),
        expires_at=_instant(row["expires_at"]),
        used_at=None if used_at is None else _instant(used_at),
    )


def _instant(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
