"""A server that rejects the installation pauses every connection to it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from smaply_metrics_core import Destination, RateLimited
from smaply_metrics_core.host import Actor, Role
from smaply_metrics_core.host.connections.servers import server_key
from tests.host.conftest import (
    ADMIN,
    AVERAGE,
    EDITOR,
    TOKEN,
    load,
    on_both_stores,
    sqlite_only,
    value_of,
)

if TYPE_CHECKING:
    from smaply_metrics_core.host import MetricsHost
    from tests.host.conftest import World

pytestmark = pytest.mark.postgresql_deep(reason="the same pauses on either store")

ENDLESS = datetime.max.replace(tzinfo=UTC)
OTHER_ADMIN = Actor(account="other", user="ada", role=Role.ADMIN)


def connect_other(host: MetricsHost, base_url: str) -> None:
    """Connect another account, with a metric that has been loaded once."""
    host.connections.connect(OTHER_ADMIN, "shop", {"api_token": TOKEN, "base_url": base_url})
    host.metrics.add(OTHER_ADMIN, "shop", "Stars", AVERAGE)
    host.cards.load(OTHER_ADMIN, wait=60)


@pytest.mark.parametrize(
    ("base_url", "whole_server", "rests"),
    [
        ("shop.example.com", True, True),
        ("shop.example.com", False, False),
        ("elsewhere.example.com", True, False),
    ],
)
def test_the_siblings_on_the_server_rest(
    world: World, connected: MetricsHost, base_url: str, *, whole_server: bool, rests: bool
) -> None:
    """Until the lock ends, other accounts do not sign in at this server; others are not paused."""
    connect_other(connected, base_url)
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    world.clock.forward(3601)
    until = world.clock.now() + timedelta(hours=3)
    world.shop.failure = RateLimited("Locked.", retry_at=until, whole_server=whole_server)
    load(connected)
    world.shop.failure = None
    before = len(world.shop.fetches)

    (card,) = connected.cards.load(OTHER_ADMIN, wait=60)

    assert value_of(card) == 4.0
    assert len(world.shop.fetches) - before == (0 if rests else 1)
    if rests:
        assert card.next_at == until
        world.clock.forward(3 * 3600)
        connected.cards.load(OTHER_ADMIN, wait=60)
        assert len(world.shop.fetches) - before == 1


@on_both_stores
def test_a_longer_pause_is_not_shortened(world: World, connected: MetricsHost) -> None:
    """A sibling that has to wait until later waits until then."""
    connect_other(connected, "shop.example.com")
    world.clock.forward(3601)
    later = world.clock.now() + timedelta(hours=5)
    world.shop.failure = RateLimited("Too many requests.", retry_at=later)
    connected.cards.load(OTHER_ADMIN, wait=60)
    sooner = world.clock.now() + timedelta(hours=1)
    world.shop.failure = RateLimited("Locked.", retry_at=sooner, whole_server=True)
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    load(connected)

    assert connected.cards.load(OTHER_ADMIN, wait=60)[0].next_at == later


@sqlite_only
def test_an_endless_pause_does_not_hide_a_later_one(world: World, connected: MetricsHost) -> None:
    """A pause ends after a day, whatever the survey tool requests; then others apply again."""
    connect_other(connected, "shop.example.com")
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    world.clock.forward(3601)
    world.shop.failure = RateLimited("Locked.", retry_at=ENDLESS, whole_server=True)
    load(connected)
    day = connected.cards.load(OTHER_ADMIN)[0].next_at
    assert day == world.clock.now() + timedelta(days=1)

    world.clock.forward(24 * 3600)
    until = world.clock.now() + timedelta(hours=2)
    world.shop.failure = RateLimited("Locked.", retry_at=until, whole_server=True)
    load(connected)
    assert connected.cards.load(OTHER_ADMIN)[0].next_at == until


@sqlite_only
def test_an_error_from_before_an_edit_pauses_no_server(
    world: World, connected: MetricsHost
) -> None:
    """The error is of the former server; connections to the new one are not paused."""
    row = connected.connections._runtime.find_connection("acme", "shop")  # noqa: SLF001
    connect_other(connected, "elsewhere.example.com")
    connected.connections.edit(
        ADMIN, "shop", {"base_url": "elsewhere.example.com", "api_token": TOKEN}
    )
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    load(connected)  # Stores the new server.

    health = connected.connections._health  # noqa: SLF001
    health.remember_server(row, "server of the old credentials")
    late = RateLimited("Locked.", retry_at=ENDLESS, whole_server=True)
    health.record_failure(row, late)

    world.clock.forward(3601)
    before = len(world.shop.fetches)
    connected.cards.load(OTHER_ADMIN, wait=60)
    assert len(world.shop.fetches) == before + 1
    (server,) = {one for (one,) in world.query("SELECT server FROM connections")}
    assert server != "server of the old credentials"


@on_both_stores
def test_an_edit_leads_to_another_server(world: World, connected: MetricsHost) -> None:
    """After its address was changed, a connection does not rest with its former server."""
    connect_other(connected, "shop.example.com")
    connected.connections.edit(
        OTHER_ADMIN, "shop", {"base_url": "elsewhere.example.com", "api_token": TOKEN}
    )
    world.clock.forward(3601)
    until = world.clock.now() + timedelta(hours=3)
    world.shop.failure = RateLimited("Locked.", retry_at=until, whole_server=True)
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    load(connected)
    world.shop.failure = None
    before = len(world.shop.fetches)

    connected.cards.load(OTHER_ADMIN, wait=60)
    assert len(world.shop.fetches) == before + 1


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (
            {"kind": "host", "host": "A.example.com"},
            {"kind": "host", "host": "a.example.com"},
            True,
        ),
        (
            {"kind": "host", "host": "a.example.com"},
            {"kind": "address", "address": "https://a.example.com/survey?r=rpc"},
            True,
        ),
        (
            {"kind": "address", "address": "https://a.example.com:8443/"},
            {"kind": "address", "address": "https://a.example.com/"},
            False,
        ),
    ],
)
def test_host_and_port_identify_a_server(
    one: dict[str, str], other: dict[str, str], *, same: bool
) -> None:
    """A path does not: the server knows an installation by its network address."""
    keys = [server_key([Destination.model_validate(each)]) for each in (one, other)]
    assert (keys[0] == keys[1]) is same


def test_a_folder_is_no_server(tmp_path: Path) -> None:
    """Connections to folders never rest together."""
    assert server_key([Destination(kind="folder", folder=tmp_path)]) == ""
