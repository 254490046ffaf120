"""Leases and clocks: a dead process is replaced, even when clocks are wrong."""

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
    """A host whose refresh hangs for the whole test, like that of a dead process."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    hold = world.shop.on_fetch = Hold()
    connected.cards.load(VIEWER)
    hold.wait_until_started()
    world.shop.on_fetch = None
    yield connected
    hold.release()


def test_a_dead_process_blocks_its_survey_until_its_lease_expires(
    world: World, crashed: MetricsHost
) -> None:
    """Then the card shows the interruption, and an Editor can refresh it."""
    other = world.open()
    (card,) = other.cards.load(VIEWER)
    assert card.freshness is Freshness.REFRESHING
    world.clock.forward(91)
    (card,) = other.cards.load(VIEWER, wait=60)
    assert card.freshness is Freshness.FAILED
    assert card.problem is not None
    assert card.problem.kind == "interrupted"
    assert card.problem.remedy
    (card,) = other.cards.load(EDITOR, wait=60, force=True)
    assert card.freshness is Freshness.FRESH


def test_a_lease_dated_ahead_is_ignored(world: World, crashed: MetricsHost) -> None:
    """After a clock was set back, the lease of a dead process does not block for longer."""
    world.clock.forward(-24 * 3600)
    other = world.open()
    assert values(other) == [4.0]


def test_a_live_process_renews_its_lease(world: World, connected: MetricsHost) -> None:
    """During a long export, no other process repeats it."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    world.lease = 0.15
    holder = world.open()
    hold = world.shop.on_fetch = Hold()
    holder.cards.load(VIEWER)
    hold.wait_until_started()
    world.clock.forward(0.1)
    renewed = world.clock.now().timestamp() + 0.14
    until = time.monotonic() + 10
    while _lease_end(world) < renewed:
        assert time.monotonic() < until, "the lease was never renewed"
    world.clock.forward(0.1)
    assert holder.cards.load(VIEWER)[0].freshness is Freshness.REFRESHING
    hold.release()
    assert values(holder) == [4.0]
    assert len(world.shop.fetches) == 1


def _lease_end(world: World) -> float:
    store = Store(world.where)
    with store.reading() as db:
        end = db.execute(select(leases.c.expires_at).where(leases.c.account == "acme")).scalar_one()
    store.close()
    return end.timestamp() if end else 0.0


def test_new_credentials_end_a_rejection_dated_ahead(world: World, connected: MetricsHost) -> None:
    """A rejection with a later time than the change that fixes it no longer counts."""
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


def test_a_damaged_value_does_not_affect_other_cards(world: World, connected: MetricsHost) -> None:
    """A value that cannot be read is treated as missing; its siblings are shown."""
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


def test_a_damaged_definition_is_reported(world: World, connected: MetricsHost) -> None:
    """The error names the metric and the remedy."""
    metric = connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    world.query("UPDATE metrics SET definition = '[]'")
    with pytest.raises(StoreError, match=metric.id):
        connected.cards.load(VIEWER)


@sqlite_only
def test_a_damaged_store_is_reported(world: World, connected: MetricsHost) -> None:
    """A damaged database file is a `StoreError`, not a bug."""
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
    """The path of the home may contain any character."""
    world.home = world.home.parent / name
    host = world.open()
    host.close()
    assert {path.name for path in world.home.parent.iterdir()} >= {name}
    assert (world.home / "store.db").stat().st_size > 0
    assert (world.home / "store.db").stat().st_mode & 0o077 == 0


def test_a_forced_refresh_reads_new_answers(world: World, connected: MetricsHost) -> None:
    """A forced refresh shows answers given since the last one."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    load(connected)
    world.shop.answers["S1"] = stars("2")
    (card,) = connected.cards.load(EDITOR, wait=60, force=True)
    assert value_of(card) == 2.0
