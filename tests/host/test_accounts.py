"""Accounts: their settings, and the list for the operator."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from smaply_metrics_core.host import AccountSettings, Actor, InputError, Role, RoleRequired
from smaply_metrics_core.host.store.accounts import write_account
from tests.host.conftest import ADMIN, AVERAGE, EDITOR, TOKEN, VIEWER

if TYPE_CHECKING:
    from smaply_metrics_core.host import MetricsHost
    from tests.host.conftest import World

RIVAL = Actor("rival", "rita", Role.ADMIN)
VIENNA = AccountSettings("Europe/Vienna", 7)


def test_an_account_has_defaults_until_it_is_edited(host: MetricsHost) -> None:
    """An Admin's settings apply to the whole account and to no other."""
    assert host.accounts.show(VIEWER) == AccountSettings("UTC", 1)
    assert host.accounts.edit(ADMIN, VIENNA) == VIENNA
    assert host.accounts.show(VIEWER) == VIENNA
    assert host.accounts.show(RIVAL) == AccountSettings()


def test_only_an_admin_edits_the_account(host: MetricsHost) -> None:
    """An Editor is refused, and nothing is stored."""
    with pytest.raises(RoleRequired):
        host.accounts.edit(EDITOR, VIENNA)
    assert host.accounts.show(ADMIN) == AccountSettings()
    assert host.accounts.list() == {}


def test_the_operator_sees_every_account_that_stored_anything(host: MetricsHost) -> None:
    """With settings, connections, metrics or audit entries, in the order of their ids."""
    assert host.accounts.list() == {}
    host.connections.connect(RIVAL, "shop", {"api_token": TOKEN})
    host.connections.connect(ADMIN, "shop", {"api_token": TOKEN})
    host.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    host.accounts.edit(Actor("zoo", "zoe", Role.ADMIN), VIENNA)
    expected = {"acme": AccountSettings(), "rival": AccountSettings(), "zoo": VIENNA}
    assert list(host.accounts.list().items()) == list(expected.items())
    host.connections.delete(RIVAL, "shop")
    assert "rival" in host.accounts.list(), "its audit trail is still there"


def test_the_async_calls_are_the_same(world: World) -> None:
    """List, show and edit can be awaited."""

    async def work() -> None:
        async with world.asynchronous() as host:
            assert await host.accounts.edit(ADMIN, VIENNA) == VIENNA
            assert await host.accounts.show(VIEWER) == VIENNA
            assert await host.accounts.list() == {"acme": VIENNA}

    asyncio.run(work())


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "../UTC"])
def test_a_zone_that_does_not_exist_is_refused(host: MetricsHost, zone: str) -> None:
    """It is not stored."""
    with pytest.raises(InputError, match="not a time zone"):
        host.accounts.edit(ADMIN, AccountSettings(zone))
    assert host.accounts.show(ADMIN) == AccountSettings()


@pytest.mark.parametrize("week_start", [0, 8, -1])
def test_a_weekday_that_does_not_exist_is_refused(host: MetricsHost, week_start: int) -> None:
    """A week starts on one of seven days."""
    with pytest.raises(InputError, match="not a day of the week"):
        host.accounts.edit(ADMIN, AccountSettings("UTC", week_start))
    assert host.accounts.show(ADMIN) == AccountSettings()


def test_a_stored_zone_that_is_unknown_here_does_not_end_a_load(
    connected: MetricsHost,
) -> None:
    """When only another machine knows the zone, the cards are still returned."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    runtime = connected._runtime  # noqa: SLF001  # No other way to store such a zone.
    with runtime.store.writing() as db:
        write_account(db, "acme", AccountSettings("Mars/Olympus"))

    assert connected.accounts.show(ADMIN).zone == "Mars/Olympus"
    (card,) = connected.cards.load(VIEWER, refresh=False)
    assert card.name == "Stars"
