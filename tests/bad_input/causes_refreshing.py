"""Causes of problems with an existing connection."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from smaply_metrics_core import Issue, Problem
from smaply_metrics_core.host import Actor, ConnectionStatus, Freshness, MetricsHost, Role
from tests.bad_input.cause import Where, Works, cause
from tests.bad_input.connected_account import ADMIN, HOUR, NEW_TOKEN, OTHER_KEY, SURVEY, World

OTHER = Actor("other", "otto", Role.ADMIN)
LATER = HOUR + 1


def _fails_later(world: World, host: MetricsHost) -> Problem | None:
    """Load the card an hour later and return its problem; it shows the last good value."""
    before = host.cards.load(ADMIN)[0]
    card = world.card(host, later=LATER)
    assert before.result is not None
    assert (card.result, card.as_of) == (before.result, before.as_of)
    assert card.freshness is Freshness.FAILED
    return card.problem


def _refused_later(world: World, host: MetricsHost) -> Problem | None:
    """Load the card an hour later and return its problem, which the connection has as well."""
    problem = _fails_later(world, host)
    view = host.connections.show(ADMIN, "qualtrics")
    assert (view.status, view.problem) == (ConnectionStatus.ERROR, problem)
    return problem


@cause(
    "The token was revoked",
    Where.CARD,
    kind="credential_refused",
    issue=Issue.TOKEN_REVOKED,
    says=("rejected the API token",),
    advises=("Enter the current API token",),
)
def token_revoked(world: World) -> Problem | None:
    """The connection has the same problem and is tried once per hour."""
    host = world.measured()
    world.card(host)
    world.state.set_token(None)
    problem = _refused_later(world, host)
    calls = world.calls()
    world.card(host, later=HOUR / 2)
    assert world.calls() == calls
    return problem


@cause(
    "The token's user was deactivated",
    Where.CARD,
    kind="credential_refused",
    issue=Issue.TOKEN_REVOKED,
    says=("rejected the API token",),
    advises=("still active",),
)
def user_deactivated(world: World) -> Problem | None:
    """Qualtrics rejects the token; after the user is active again, a check ends the pause."""
    host = world.measured()
    world.card(host)
    world.state.set_account(deactivated=True)
    problem = _refused_later(world, host)
    world.state.set_account(deactivated=False)
    assert host.connections.check(ADMIN, "qualtrics").problem is None
    assert world.card(host).freshness is Freshness.FRESH
    return problem


@cause(
    "The account was deactivated",
    Where.PAGE,
    kind="credential_refused",
    issue=Issue.TOKEN_REVOKED,
    says=("rejected the API token",),
    advises=("still active",),
)
def account_deactivated(world: World) -> Problem | None:
    """A check of the connection reports the problem."""
    host = world.open()
    world.connect(host)
    world.state.set_account(deactivated=True)
    view = host.connections.check(ADMIN, "qualtrics")
    assert view.status is ConnectionStatus.ERROR
    return view.problem


@cause(
    "The token was replaced, and the new one entered",
    Where.PAGE,
    says=("Connected",),
    advises=("Edit Configuration",),
)
def token_rotated(world: World) -> Works:
    """The old token is rejected; with the new one, the card is fresh immediately."""
    host = world.measured()
    world.card(host)
    world.state.set_token(NEW_TOKEN)
    refused = _refused_later(world, host)
    assert refused is not None
    assert refused.issue is Issue.TOKEN_REVOKED
    view = host.connections.edit(ADMIN, "qualtrics", {"api_token": NEW_TOKEN})
    assert (view.status, view.problem) == (ConnectionStatus.CONNECTED, None)
    card = world.card(host)
    assert (card.freshness, card.problem) == (Freshness.FRESH, None)
    return Works(
        "Connected, and the cards are updated immediately.",
        "Nothing; until the new token is entered under Edit Configuration, the issue is Token "
        "revoked.",
    )


@cause(
    "The survey is not shared any more",
    Where.CARD,
    kind="survey_unavailable",
    issue=Issue.DATA,
    says=("does not exist", "not shared"),
    advises=("share the survey",),
)
def not_shared(world: World) -> Problem | None:
    """The card shows the last good value, and the connection has no problem."""
    host = world.measured()
    world.card(host)
    world.state.share(SURVEY, shared=False)
    problem = _fails_later(world, host)
    assert host.connections.show(ADMIN, "qualtrics").problem is None
    return problem


@cause(
    "The key was lost, or replaced by another",
    Where.PAGE,
    kind="credentials_not_usable",
    issue=Issue.AUTHENTICATION,
    says=("encrypted with the key",),
    advises=("Add that key", "enter the credentials again"),
)
def lost_key(world: World) -> Problem | None:
    """Lists still work, and the connection works again after the token is entered."""
    world.card(world.measured())
    world.environment = {"SMAPLY_METRICS_ENCRYPTION_KEYS": OTHER_KEY}
    host = world.open()
    (view,) = host.connections.list(ADMIN)
    assert view.status is ConnectionStatus.ERROR
    assert len(host.metrics.list(ADMIN)) == 1
    card = world.card(host, later=LATER)
    assert card.result is not None
    assert card.problem == view.problem
    _fixed_by_edit(world, host)
    return view.problem


@cause(
    "The key file is missing",
    Where.PAGE,
    kind="key_missing",
    says=("key file", "is missing"),
    advises=("from a backup", "enter the credentials again"),
)
def lost_key_file(world: World) -> Problem | None:
    """No new key is created, since it could not decrypt anything; lists still work."""
    world.environment = {}
    world.card(world.measured())
    (world.home / "key").unlink()
    host = world.open()
    (view,) = host.connections.list(ADMIN)
    assert view.status is ConnectionStatus.ERROR
    assert world.card(host, later=LATER).problem == view.problem
    assert not (world.home / "key").exists()
    return view.problem


def _fixed_by_edit(world: World, host: MetricsHost) -> None:
    given = {"api_token": NEW_TOKEN, "base_url": world.sandbox.host}
    world.state.set_token(NEW_TOKEN)
    assert host.connections.edit(ADMIN, "qualtrics", given).problem is None
    assert world.card(host, later=LATER).freshness is Freshness.FRESH


@cause(
    "The stored credentials of a connection are damaged",
    Where.PAGE,
    kind="seal_broken",
    issue=Issue.AUTHENTICATION,
    says=("changed or damaged",),
    advises=("Enter the credentials again",),
)
def flipped_bit(world: World) -> Problem | None:
    """Only this connection fails; that of another account and lists still work."""
    host = world.measured()
    world.connect(host, OTHER)
    with closing(sqlite3.connect(world.home / "store.db")) as db, db:
        ((sealed,),) = db.execute("SELECT sealed FROM connections WHERE account = 'acme'")
        flipped = sealed[:-5] + ("A" if sealed[-5] != "A" else "B") + sealed[-4:]
        db.execute("UPDATE connections SET sealed = ? WHERE account = 'acme'", (flipped,))
    db.close()
    (view,) = host.connections.list(ADMIN)
    assert view.status is ConnectionStatus.ERROR
    assert host.catalog.surveys(OTHER, "qualtrics").total == len(world.state.surveys)
    assert host.connections.show(OTHER, "qualtrics").problem is None
    _fixed_by_edit(world, host)
    return view.problem
