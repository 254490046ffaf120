"""Who gets in: accounts, their people and roles, one-time invitations, sessions."""

from __future__ import annotations

import hashlib
import re
import secrets
import unicodedata
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, insert, select, update

from smaply_metrics_core.host import Actor, Clock, InputError, NotFound, Role
from smaply_metrics_host.store.tables import accounts, invitations, people, sessions, workspaces

if TYPE_CHECKING:
    from sqlalchemy import Connection, RowMapping

    from smaply_metrics_host.store.database import Database

INVITATION_SECONDS: Final = 24 * 3600.0
SESSION_SECONDS: Final = 7 * 24 * 3600.0
IDLE_SECONDS: Final = 12 * 3600.0
SEEN_SECONDS: Final = 300.0
"""How exactly it is kept when a session was last used: a write on each request costs too much."""

_ACCOUNT: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?")
LONGEST_NAME: Final = 200
BROKEN: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""What is no part of a line: controls, halves of characters, ends of lines and paragraphs."""


class RoleName(StrEnum):
    """Roles as they are typed and sent."""

    VIEWER = "viewer"
    EDITOR = "editor"
    ADMIN = "admin"

    @classmethod
    def of(cls, role: Role) -> RoleName:
        """Name a role."""
        return cls(role.name.lower())

    @property
    def role(self) -> Role:
        """The role of this name."""
        return Role[self.name]


@dataclass(frozen=True)
class Person:
    """Somebody of an account."""

    id: str
    account: str
    name: str
    role: Role

    @property
    def actor(self) -> Actor:
        """The person as the framework knows people."""
        return Actor(self.account, self.name, self.role)


@dataclass(frozen=True)
class Session:
    """A signed-in person, and the token that their forms carry."""

    person: Person
    csrf: str


@dataclass(frozen=True)
class Workspace:
    """A part of an account that metrics and journey maps lie in."""

    id: str
    name: str


class People:
    """The people of all accounts.

    Args:
        database: Where they are kept.
        clock: Says when invitations and sessions end.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def invite(self, account: str, name: str, role: Role, *, by: Person | None = None) -> str:
        """Make a one-time token with which a person signs in.

        The account is made when it is new, with one workspace. Somebody who is in it already keeps
        their things and has the role given from now on.

        Args:
            account: The account's id.
            name: What the person is called; nobody else of the account is called the same.
            role: What they may do.
            by: The Admin who asks; None for whoever runs the host.

        Raises:
            InputError: when the account's id or the name does not fit, or an Admin would change
                their own role.
        """
        account, name = _checked_account(account), checked_name(name, "name")
        if by is not None and name == by.name and role is not by.role:
            raise _own_role()
        token = secrets.token_urlsafe(32)
        now = self._now()
        with self._database.writing() as db:
            if by is not None:
                _require_admin(db, by)
            _ensure_account(db, account)
            person = db.execute(
                select(people.c.id).where(people.c.account == account, people.c.name == name)
            ).scalar()
            if person is None:
                person = f"per_{secrets.token_hex(6)}"
                db.execute(
                    insert(people).values(id=person, account=account, name=name, role=int(role))
                )
            else:
                db.execute(
                    update(people)
                    .where(people.c.account == account, people.c.id == person)
                    .values(role=int(role))
                )
            db.execute(delete(invitations).where(invitations.c.expires_at <= now))
            db.execute(
                insert(invitations).values(
                    digest=_digest(token),
                    account=account,
                    person=person,
                    expires_at=now + INVITATION_SECONDS,
                )
            )
        return token

    def invited(self, token: str) -> Person | None:
        """Give whom an invitation is for, without using it up; None when it is no longer good."""
        with self._database.reading() as db:
            row = (
                db.execute(
                    select(people)
                    .join(invitations, invitations.c.person == people.c.id)
                    .where(
                        invitations.c.digest == _digest(token),
                        invitations.c.expires_at > self._now(),
                    )
                )
                .mappings()
                .one_or_none()
            )
        return _person(row) if row else None

    def sign_in(self, token: str) -> str | None:
        """Use up an invitation: gives the new session's token, or None when it is not good."""
        now, session = self._now(), secrets.token_urlsafe(32)
        with self._database.writing() as db:
            row = db.execute(
                delete(invitations)
                .where(invitations.c.digest == _digest(token), invitations.c.expires_at > now)
                .returning(invitations.c.account, invitations.c.person)
            ).one_or_none()
            if row is None:
                return None
            db.execute(delete(sessions).where(sessions.c.expires_at <= now))
            db.execute(
                insert(sessions).values(
                    digest=_digest(session),
                    account=row.account,
                    person=row.person,
                    csrf=secrets.token_hex(32),
                    seen_at=now,
                    expires_at=now + SESSION_SECONDS,
                )
            )
        return session

    def session(self, token: str) -> Session | None:
        """Give the session of a token; None when it has ended or never was."""
        now, digest = self._now(), _digest(token)
        with self._database.reading() as db:
            row = (
                db.execute(
                    select(people, sessions.c.csrf, sessions.c.seen_at)
                    .join(sessions, sessions.c.person == people.c.id)
                    .where(
                        sessions.c.digest == digest,
                        sessions.c.expires_at > now,
                        sessions.c.seen_at > now - IDLE_SECONDS,
                    )
                )
                .mappings()
                .one_or_none()
            )
        if row is None:
            return None
        if now - row["seen_at"] > SEEN_SECONDS:
            with self._database.writing() as db:
                db.execute(update(sessions).where(sessions.c.digest == digest).values(seen_at=now))
        return Session(_person(row), row["csrf"])

    def sign_out(self, token: str) -> None:
        """End a session."""
        with self._database.writing() as db:
            db.execute(delete(sessions).where(sessions.c.digest == _digest(token)))

    def accounts(self) -> tuple[str, ...]:
        """Give the ids of all accounts."""
        with self._database.reading() as db:
            return tuple(db.execute(select(accounts.c.id).order_by(accounts.c.id)).scalars())

    def of_account(self, account: str) -> tuple[Person, ...]:
        """Give an account's people by name."""
        with self._database.reading() as db:
            found = select(people).where(people.c.account == account)
            rows = db.execute(found.order_by(people.c.name)).mappings()
            return tuple(_person(row) for row in rows)

    def change_role(self, account: str, person: str, role: Role, *, by: Person) -> Person:
        """Give somebody another role; their sessions have it at once.

        Raises:
            NotFound: when nobody of this account has this id.
            InputError: when it is the one who asks.
        """
        if person == by.id:
            raise _own_role()
        with self._database.writing() as db:
            _require_admin(db, by)
            row = (
                db.execute(
                    update(people)
                    .where(people.c.account == account, people.c.id == person)
                    .values(role=int(role))
                    .returning(people)
                )
                .mappings()
                .one_or_none()
            )
        if row is None:
            raise _nobody()
        return _person(row)

    def remove(self, account: str, person: str, *, by: Person) -> None:
        """Take somebody out of an account; their sessions and invitations end at once.

        Raises:
            NotFound: when nobody of this account has this id.
            InputError: when it is the one who asks.
        """
        if person == by.id:
            raise InputError(
                "You cannot remove yourself.", remedy="Ask another Admin of this account."
            )
        with self._database.writing() as db:
            _require_admin(db, by)
            gone = db.execute(
                delete(people).where(people.c.account == account, people.c.id == person)
            )
            if gone.rowcount == 0:
                raise _nobody()

    def workspaces(self, account: str) -> tuple[Workspace, ...]:
        """Give an account's workspaces by name."""
        with self._database.reading() as db:
            found = select(workspaces).where(workspaces.c.account == account)
            rows = db.execute(found.order_by(workspaces.c.name)).mappings()
            return tuple(Workspace(row["id"], row["name"]) for row in rows)

    def workspace(self, account: str, workspace: str) -> Workspace:
        """Give one workspace.

        Raises:
            NotFound: when this account has none of this id.
        """
        for found in self.workspaces(account):
            if found.id == workspace:
                return found
        raise _no_workspace()

    def add_workspace(self, account: str, name: str) -> Workspace:
        """Make a workspace.

        Raises:
            InputError: when the name does not fit, or another one has it.
        """
        workspace = Workspace(f"wor_{secrets.token_hex(6)}", checked_name(name, "name"))
        with self._database.writing() as db:
            _require_free(db, account, workspace)
            db.execute(
                insert(workspaces).values(id=workspace.id, account=account, name=workspace.name)
            )
        return workspace

    def rename_workspace(self, account: str, workspace: str, name: str) -> Workspace:
        """Give a workspace another name.

        Raises:
            InputError: when the name does not fit, or another one has it.
            NotFound: when this account has no such workspace.
        """
        renamed = Workspace(workspace, checked_name(name, "name"))
        with self._database.writing() as db:
            _require_free(db, account, renamed)
            done = db.execute(
                update(workspaces)
                .where(workspaces.c.account == account, workspaces.c.id == workspace)
                .values(name=renamed.name)
            )
            if done.rowcount == 0:
                raise _no_workspace()
        return renamed

    def _now(self) -> float:
        return self._clock.now().timestamp()


def checked_name(text: str, what: str, longest: int = LONGEST_NAME) -> str:
    """Trim what a person typed as a name.

    Raises:
        InputError: when nothing is left, or it is too long, or not on one line.
    """
    text = text.strip()
    # Not what cannot be printed: that takes the joiners of emoji and of Persian as well.
    broken = any(unicodedata.category(one) in BROKEN for one in text)
    if not text or len(text) > longest or broken:
        raise InputError(
            f"The {what} does not fit.", remedy=f"Enter 1 to {longest} characters on one line."
        )
    return text


def _checked_account(account: str) -> str:
    if _ACCOUNT.fullmatch(account) is None:
        raise InputError(
            "The account's id does not fit.",
            remedy="Use 1 to 60 lower-case letters, digits and dashes, as in acme.",
        )
    return account


def _ensure_account(db: Connection, account: str) -> None:
    if db.execute(select(accounts.c.id).where(accounts.c.id == account)).scalar() is None:
        db.execute(insert(accounts).values(id=account, name=account))
        db.execute(
            insert(workspaces).values(
                id=f"wor_{secrets.token_hex(6)}", account=account, name="Workspace"
            )
        )


def _require_admin(db: Connection, by: Person) -> None:
    """Look again: of two Admins who remove each other, one is the first, and stays."""
    mine = select(people.c.role).where(people.c.account == by.account, people.c.id == by.id)
    role = Role(db.execute(mine).scalar() or Role.VIEWER)
    replace(by, role=role).actor.require(Role.ADMIN, "This")


def _require_free(db: Connection, account: str, workspace: Workspace) -> None:
    taken = select(workspaces.c.id).where(
        workspaces.c.account == account,
        workspaces.c.name == workspace.name,
        workspaces.c.id != workspace.id,
    )
    if db.execute(taken).scalar() is not None:
        raise InputError(
            f"There is a workspace “{workspace.name}” already.", remedy="Choose another name."
        )


def _nobody() -> NotFound:
    return NotFound("There is no such person.", remedy="Choose one of the list.")


def _no_workspace() -> NotFound:
    return NotFound("There is no such workspace.", remedy="Choose one of the list.")


def _own_role() -> InputError:
    return InputError(
        "You cannot change your own role.", remedy="Ask another Admin of this account."
    )


def _person(row: RowMapping) -> Person:
    return Person(row["id"], row["account"], row["name"], Role(row["role"]))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
