"""Polling a page: queued refreshes are shown as refreshing, ended ones are not."""

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
    """A host that refreshes one survey at a time, with a metric on each of two surveys."""
    world.workers = 1
    host = world.open()
    host.connections.connect(ADMIN, "shop", {"api_token": TOKEN})
    host.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    host.metrics.add(EDITOR, "shop", "Elsewhere", OTHER)
    return host


def seen(host: MetricsHost) -> list[Freshness]:
    """Return the freshness of each card, as a polling page shows it."""
    return [card.freshness for card in host.cards.load(VIEWER, refresh=False)]


def test_a_queued_refresh_is_shown_as_refreshing(world: World, busy: MetricsHost) -> None:
    """The survey that waits for the other one is shown as refreshing until it is done."""
    assert seen(busy) == [Freshness.NEVER, Freshness.NEVER]
    hold = world.shop.on_fetch = Hold()
    busy.cards.load(VIEWER)
    hold.wait_until_started()
    assert len(world.shop.fetches) == 1
    assert seen(busy) == ON_ITS_WAY
    assert [card.freshness for card in busy.cards.load(VIEWER, wait=0.01)] == ON_ITS_WAY
    hold.release()
    load(busy)
    assert seen(busy) == [Freshness.FRESH, Freshness.FRESH]


def test_a_forced_refresh_is_shown_as_refreshing(world: World, busy: MetricsHost) -> None:
    """A fresh card whose refresh was forced is refreshing, also while it is queued."""
    load(busy)
    hold = world.shop.on_fetch = Hold()
    busy.cards.load(EDITOR, force=True)
    hold.wait_until_started()
    assert seen(busy) == ON_ITS_WAY
    hold.release()
    load(busy)
    assert [card.freshness for card in load(busy)] == [Freshness.FRESH, Freshness.FRESH]


def test_a_paused_connection_is_not_shown_as_refreshing(world: World, busy: MetricsHost) -> None:
    """After a rejection, queued refreshes do not run, and the cards show the problem."""

    def refuse(_: object) -> None:
        hold(None)  # type: ignore[arg-type]  # The argument is not used.
        raise CredentialRefused("The shop does not accept this token.")

    hold = Hold()
    world.shop.on_fetch = refuse
    busy.cards.load(VIEWER)
    hold.wait_until_started()
    other = world.open()
    assert seen(busy) == ON_ITS_WAY
    hold.release()
    for card in load(busy):
        assert card.problem is not None
        assert card.problem.kind == CredentialRefused.kind
    assert Freshness.REFRESHING not in seen(other)


def test_nothing_is_refreshing_in_a_closed_host(world: World, busy: MetricsHost) -> None:
    """A closed host drops its queued refreshes."""
    export = world.shop.on_fetch = Stoppable()
    busy.cards.load(VIEWER)
    assert export.begun.wait(60)
    busy.cards.close()
    assert seen(busy) == [Freshness.NEVER, Freshness.NEVER]
    assert [card.freshness for card in busy.cards.load(VIEWER)] == [Freshness.NEVER] * 2
