"""Leases and clocks: a process that dies is replaced, whatever the clocks do."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from smaply_metrics_core import Issue
from smaply_metrics_core.errors import StoreError
from smaply_metrics_core.host import Freshness, MetricsHost
from smaply_metrics_core.host.store import Store
from smaply_metrics_core.host.store.tables import leases
from tests.host.conftest import (
    ADMIN,
    AVERAGE,
    EDITOR,
    RESPONSES,
    VIEWER,
    load,
    sqlite_only,
    value_of,
    values,
)
from tests.host.fake_source import Hold, stars

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.host.conftest import World


@pytest.fixture
def crashed(world: World, connected: MetricsHost) -> Iterator[MetricsHost]:
    """A host whose refresh hangs for as long as the test runs, as good as dead."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    hold = world.shop.on_fetch = Hold()
    connected.cards.load(VIEWER)
    hold.wait_until_begun()
    world.shop.on_fetch = None
    yield connected
    hold.let_go()


def test_a_dead_process_blocks_its_survey_for_a_lease_only(
    world: World, crashed: MetricsHost
) -> None:
    """When the lease has run out the card says what happened, and an Editor need not wait."""
    other = world.open()
    (card,) = other.cards.load(VIEWER)
    assert card.freshness is Freshness.REFRESHING
    world.clock.forward(91)
    (card,) = other.cards.load(VIEWER, wait=10)
    assert card.freshness is Freshness.FAILED
    assert card.problem is not None
    assert card.problem.kind == "interrupted"
    assert card.problem.remedy
    (card,) = other.cards.load(EDITOR, wait=10, force=True)
    assert card.freshness is Freshness.FRESH


def test_a_lease_dated_ahead_counts_as_none(world: World, crashed: MetricsHost) -> None:
    """After a clock has stepped back, the lease of a dead process does not block for as long."""
    world.clock.forward(-24 * 3600)
    other = world.open()
    assert values(other) == [4.0]


def test_a_living_process_holds_on_to_its_lease(world: World, connected: MetricsHost) -> None:
    """A long export renews its lease, so that no other process makes it a second time."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    world.lease = 0.15
    holder = world.open()
    hold = world.shop.on_fetch = Hold()
    holder.cards.load(VIEWER)
    hold.wait_until_begun()
    world.clock.forward(0.1)
    renewed = world.clock.now().timestamp() + 0.14
    until = time.monotonic() + 10
    while _lease_end(world) < renewed:
        assert time.monotonic() < until, "the lease was never renewed"
    world.clock.forward(0.1)
    assert holder.cards.load(VIEWER)[0].freshness is Freshness.REFRESHING
    hold.let_go()
    assert values(holder) == [4.0]
    assert len(world.shop.fetches) == 1


def _lease_end(world: World) -> float:
    store = Store(world.where)
    with store.reading() as db:
        end = db.execute(select(leases.c.expires_at).where(leases.c.account == "acme")).scalar_one()
    store.close()
    return end.timestamp() if end else 0.0


def test_new_credentials_wake_what_a_clock_ahead_put_to_rest(
    world: World, connected: MetricsHost
) -> None:
    """A refusal dated ahead of the change that mends it is over all the same."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    world.shop.tokens = set()
    world.clock.forward(600)
    (card,) = load(connected)
    assert card.problem is not None
    assert card.problem.issue is Issue.TOKEN_REVOKED
    world.shop.tokens = {"right-token-0002"}
    world.clock.forward(-600)
    connected.connections.edit(ADMIN, "shop", {"api_token": "right-token-0002"})
    world.clock.forward(660)
    assert values(connected) == [4.0]


def test_one_damaged_value_leaves_the_other_cards(world: World, connected: MetricsHost) -> None:
    """A stored value that cannot be read is no value; its siblings are shown."""
    ill = connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    well = connected.metrics.add(EDITOR, "shop", "Responses", RESPONSES)
    load(connected)
    for damage in ("{}",) if world.database else ("{bad", "{}"):
        world.query(
            "UPDATE metric_values SET result = :damage WHERE metric_id = :ill",
            damage=damage,
            ill=ill.id,
        )
        cards = connected.cards.load(VIEWER, [ill.id, well.id])
        assert [value_of(card) for card in cards] == [None, 4.0]


def test_a_damaged_definition_is_said_in_words(world: World, connected: MetricsHost) -> None:
    """A metric that cannot be read is named, with what to do."""
    metric = connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    world.query("UPDATE metrics SET definition = '[]'")
    with pytest.raises(StoreError, match=metric.id):
        connected.cards.load(VIEWER)


@sqlite_only
def test_a_damaged_store_is_said_in_words(world: World, connected: MetricsHost) -> None:
    """Pages that are no database any more are no bug of ours."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    connected.close()
    path = world.home / "store.db"
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(StoreError, match="cannot be used"):
        load(world.open())


@sqlite_only
@pytest.mark.parametrize("name", ["a?b=c", "a%41b", "with space", "#hash"])
def test_a_home_may_have_any_name(world: World, name: str) -> None:
    """The store lies in the home, whatever characters its path has."""
    world.home = world.home.parent / name
    host = world.open()
    host.close()
    assert {path.name for path in world.home.parent.iterdir()} >= {name}
    assert (world.home / "store.db").stat().st_size > 0
    assert (world.home / "store.db").stat().st_mode & 0o077 == 0


def test_an_answer_that_changes_is_read_again(world: World, connected: MetricsHost) -> None:
    """A forced refresh shows what was answered meanwhile."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    load(connected)
    world.shop.answers["S1"] = stars("2")
    (card,) = connected.cards.load(EDITOR, wait=10, force=True)
    assert value_of(card) == 2.0
