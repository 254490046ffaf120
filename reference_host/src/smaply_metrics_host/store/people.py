"""Accounts, people and roles, one-time invitations, sessions."""

from __future__ import annotations

import re
import secrets
import unicodedata
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, insert, select, update

from smaply_metrics_core.host import Actor, Clock, InputError, NotFound, Role
from smaply_metrics_host.store.tables import accounts, invitations, people, sessions, workspaces
from smaply_metrics_host.store.tokens import new_token, token_digest

if TYPE_CHECKING:
    from sqlalchemy import Connection, RowMapping

    from smaply_metrics_host.store.database import Database

INVITATION_SECONDS: Final = 24 * 3600.0
SESSION_SECONDS: Final = 7 * 24 * 3600.0
IDLE_SECONDS: Final = 12 * 3600.0
SEEN_SECONDS: Final = 300.0
"""The precision of a session's last use, which saves a write on each request."""

_ACCOUNT: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?")
LONGEST_NAME: Final = 200
BROKEN: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Unicode categories that a name must not contain: controls, surrogates, line separators."""


class RoleName(StrEnum):
    """Roles in forms, JSON and CLI options."""

    VIEWER = "viewer"
    EDITOR = "editor"
    ADMIN = "admin"

    @classmethod
    def of(cls, role: Role) -> RoleName:
        """Return the name of a role."""
        return cls(role.name.lower())

    @property
    def role(self) -> Role:
        """The role with this name."""
        return Role[self.name]


@dataclass(frozen=True)
class Person:
    """A member of an account."""

    id: str
    account: str
    name: str
    role: Role

    @property
    def actor(self) -> Actor:
        """The person as an actor of the framework."""
        return Actor(self.account, self.name, self.role)


@dataclass(frozen=True)
class Session:
    """A signed-in person and the CSRF token of their forms."""

    person: Person
    csrf: str


@dataclass(frozen=True)
class Workspace:
    """A part of an account with its own metrics and journey maps."""

    id: str
    name: str


class People:
    """The people of all accounts.

    Args:
        database: The database of the host app.
        clock: The clock by which invitations and sessions expire.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def invite(self, account: str, name: str, role: Role, *, by: Person | None = None) -> str:
        """Return a one-time token with which a person signs in.

        A new account is created with one workspace. An existing person keeps their data and gets
        the new role.

        Args:
            account: The account's id.
            name: The person's name, unique in the account.
            role: The person's role.
            by: The Admin who invites; None for the operator.

        Raises:
            InputError: if the account's id or the name is not valid, or an Admin would change their
                own role.
        """
        account, name = _checked_account(account), checked_name(name, "name")
        if by is not None and name == by.name and role is not by.role:
            raise _own_role()
        token = new_token()
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
                    digest=token_digest(token),
                    account=account,
                    person=person,
                    expires_at=now + INVITATION_SECONDS,
                )
            )
        return token

    def invited(self, token: str) -> Person | None:
        """Return the invited person without using the invitation; None if it is not valid."""
        with self._database.reading() as db:
            row = (
                db.execute(
                    select(people)
                    .join(invitations, invitations.c.person == people.c.id)
                    .where(
                        invitations.c.digest == token_digest(token),
                        invitations.c.expires_at > self._now(),
                    )
                )
                .mappings()
                .one_or_none()
            )
        return _person(row) if row else None

    def sign_in(self, token: str) -> str | None:
        """Use an invitation and return the token of a new session; None if it is not valid."""
        now, session = self._now(), new_token()
        with self._database.writing() as db:
            row = db.execute(
                delete(invitations)
                .where(invitations.c.digest == token_digest(token), invitations.c.expires_at > now)
                .returning(invitations.c.account, invitations.c.person)
            ).one_or_none()
            if row is None:
                return None
            db.execute(delete(sessions).where(sessions.c.expires_at <= now))
            db.execute(
                insert(sessions).values(
                    digest=token_digest(session),
                    account=row.account,
                    person=row.person,
                    csrf=secrets.token_hex(32),
                    seen_at=now,
                    expires_at=now + SESSION_SECONDS,
                )
            )
        return session

    def session(self, token: str) -> Session | None:
        """Return the session of a token; None if it has expired or does not exist."""
        now, digest = self._now(), token_digest(token)
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
            db.execute(delete(sessions).where(sessions.c.digest == token_digest(token)))

    def accounts(self) -> tuple[str, ...]:
        """Return the ids of all accounts."""
        with self._database.reading() as db:
            return tuple(db.execute(select(accounts.c.id).order_by(accounts.c.id)).scalars())

    def of_account(self, account: str) -> tuple[Person, ...]:
        """Return the people of an account, sorted by name."""
        with self._database.reading() as db:
            found = select(people).where(people.c.account == account)
            rows = db.execute(found.order_by(people.c.name)).mappings()
            return tuple(_person(row) for row in rows)

    def change_role(self, account: str, person: str, role: Role, *, by: Person) -> Person:
        """Change a person's role, which takes effect in their sessions immediately.

        Raises:
            NotFound: if this account has no such person.
            InputError: if it is the Admin's own role.
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
            raise _no_person()
        return _person(row)

    def remove(self, account: str, person: str, *, by: Person) -> None:
        """Remove a person from an account; their sessions and invitations end immediately.

        Raises:
            NotFound: if this account has no such person.
            InputError: if Admins would remove themselves.
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
                raise _no_person()

    def workspaces(self, account: str) -> tuple[Workspace, ...]:
        """Return the workspaces of an account, sorted by name."""
        with self._database.reading() as db:
            found = select(workspaces).where(workspaces.c.account == account)
            rows = db.execute(found.order_by(workspaces.c.name)).mappings()
            return tuple(Workspace(row["id"], row["name"]) for row in rows)

    def workspace(self, account: str, workspace: str) -> Workspace:
        """Return a workspace.

        Raises:
            NotFound: if this account has no such workspace.
        """
        for found in self.workspaces(account):
            if found.id == workspace:
                return found
        raise _no_workspace()

    def add_workspace(self, account: str, name: str) -> Workspace:
        """Create a workspace.

        Raises:
            InputError: if the name is not valid or already in use.
        """
        workspace = Workspace(f"wor_{secrets.token_hex(6)}", checked_name(name, "name"))
        with self._database.writing() as db:
            _require_free(db, account, workspace)
            db.execute(
                insert(workspaces).values(id=workspace.id, account=account, name=workspace.name)
            )
        return workspace

    def rename_workspace(self, account: str, workspace: str, name: str) -> Workspace:
        """Rename a workspace.

        Raises:
            InputError: if the name is not valid or already in use.
            NotFound: if this account has no such workspace.
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
    """Return a name without surrounding space.

    Raises:
        InputError: if it is empty, too long, or not on one line.
    """
    text = text.strip()
    # ``str.isprintable`` would also refuse the joiners in emoji and Persian.
    broken = any(unicodedata.category(one) in BROKEN for one in text)
    if not text or len(text) > longest or broken:
        raise InputError(
            f"The {what} is not valid.", remedy=f"Enter 1 to {longest} characters on one line."
        )
    return text


def _checked_account(account: str) -> str:
    if _ACCOUNT.fullmatch(account) is None:
        raise InputError(
            "The account's ID is not valid.",
            remedy="Use 1 to 60 lower-case letters, digits and dashes, such as acme.",
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
    """Check the role in this transaction, so two Admins cannot remove each other."""
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
            f"A workspace named “{workspace.name}” already exists.", remedy="Choose another name."
        )


def _no_person() -> NotFound:
    return NotFound("This person does not exist.", remedy="Choose a person from the list.")


def _no_workspace() -> NotFound:
    return NotFound("This workspace does not exist.", remedy="Choose a workspace from the list.")


def _own_role() -> InputError:
    return InputError(
        "You cannot change your own role.", remedy="Ask another Admin of this account."
    )


def _person(row: RowMapping) -> Person:
    return Person(row["id"], row["account"], row["name"], Role(row["role"]))
