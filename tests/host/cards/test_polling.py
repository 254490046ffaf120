"""A page that polls: what waits for its turn is on its way, and what has ended is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from smaply_metrics_core import CredentialRefused
from smaply_metrics_core.host import Freshness
from tests.host.conftest import ADMIN, AVERAGE, EDITOR, OTHER, TOKEN, VIEWER, load
from tests.host.fake_source import Hold, Stoppable

if TYPE_CHECKING:
    from smaply_metrics_core.host import MetricsHost
    from tests.host.conftest import World

ON_ITS_WAY = [Freshness.REFRESHING, Freshness.REFRESHING]


@pytest.fixture
def busy(world: World) -> MetricsHost:
    """A host that refreshes one survey at a time, with a metric on each of two."""
    world.workers = 1
    host = world.open()
    host.connections.connect(ADMIN, "shop", {"api_token": TOKEN})
    host.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    host.metrics.add(EDITOR, "shop", "Elsewhere", OTHER)
    return host


def seen(host: MetricsHost) -> list[Freshness]:
    """Say how fresh each card is, as a page that polls sees it."""
    return [card.freshness for card in host.cards.load(VIEWER, refresh=False)]


def test_a_queued_refresh_is_on_its_way(world: World, busy: MetricsHost) -> None:
    """The survey that waits for the other one reads as refreshing until it is done."""
    assert seen(busy) == [Freshness.NEVER, Freshness.NEVER]
    hold = world.shop.on_fetch = Hold()
    busy.cards.load(VIEWER)
    hold.wait_until_begun()
    assert len(world.shop.fetches) == 1
    assert seen(busy) == ON_ITS_WAY
    assert [card.freshness for card in busy.cards.load(VIEWER, wait=0.01)] == ON_ITS_WAY
    hold.let_go()
    load(busy)
    assert seen(busy) == [Freshness.FRESH, Freshness.FRESH]


def test_a_refresh_that_was_asked_for_is_on_its_way(world: World, busy: MetricsHost) -> None:
    """A fresh card that is refreshed all the same says so, also while it waits."""
    load(busy)
    hold = world.shop.on_fetch = Hold()
    busy.cards.load(EDITOR, force=True)
    hold.wait_until_begun()
    assert seen(busy) == ON_ITS_WAY
    hold.let_go()
    load(busy)
    assert [card.freshness for card in load(busy)] == [Freshness.FRESH, Freshness.FRESH]


def test_a_connection_that_rests_is_not_on_its_way(world: World, busy: MetricsHost) -> None:
    """Once its credentials are refused, what waits will not be made: the card says why."""

    def refuse(_: object) -> None:
        hold(None)  # type: ignore[arg-type]  # It looks at nothing.
        raise CredentialRefused("The shop does not accept this token.")

    hold = Hold()
    world.shop.on_fetch = refuse
    busy.cards.load(VIEWER)
    hold.wait_until_begun()
    other = world.open()
    assert seen(busy) == ON_ITS_WAY
    hold.let_go()
    for card in load(busy):
        assert card.problem is not None
        assert card.problem.kind == CredentialRefused.kind
    assert Freshness.REFRESHING not in seen(other)


def test_nothing_is_on_its_way_in_a_host_that_is_closed(world: World, busy: MetricsHost) -> None:
    """What a closed host was about to do is not done."""
    export = world.shop.on_fetch = Stoppable()
    busy.cards.load(VIEWER)
    assert export.begun.wait(10)
    busy.cards.close()
    assert seen(busy) == [Freshness.NEVER, Freshness.NEVER]
    assert [card.freshness for card in busy.cards.load(VIEWER)] == [Freshness.NEVER] * 2
