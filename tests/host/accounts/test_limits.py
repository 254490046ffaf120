"""The limits of an account: connections, metrics, exports per hour."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from smaply_metrics_core.errors import LimitReached
from smaply_metrics_core.host import Actor, Freshness, Role
from tests.host.conftest import (
    ADMIN,
    AVERAGE,
    EDITOR,
    OTHER,
    RESPONSES,
    TOKEN,
    VIEWER,
    load,
    postgresql_only,
)

if TYPE_CHECKING:
    from pathlib import Path

    from smaply_metrics_core.host import MetricsHost
    from tests.host.conftest import World

RIVAL = Actor("rival", "rita", Role.ADMIN)


def connect(host: MetricsHost, actor: Actor = ADMIN, name: str = "") -> str:
    """Connect to the shop."""
    return host.connections.connect(actor, "shop", {"api_token": TOKEN}, name=name).id


def test_the_connections_of_an_account_are_limited(world: World) -> None:
    """One more is refused before the survey tool is called; it can replace a deleted one."""
    world.options = {"account_max_connections": 2}
    host = world.open()
    first = connect(host)
    connect(host, name="Second")
    world.shop.asked.clear()
    with pytest.raises(LimitReached, match="at most 2 connections") as refused:
        connect(host, name="Third")
    assert "SMAPLY_METRICS_ACCOUNT_MAX_CONNECTIONS" in refused.value.remedy
    assert world.shop.asked == []
    connect(host, RIVAL)
    host.connections.rename(ADMIN, first, "Renamed")
    host.connections.delete(ADMIN, first)
    connect(host, name="Third")


def test_the_metrics_of_an_account_are_limited(world: World) -> None:
    """One more is refused and not stored; metrics can be edited, and replaced when deleted."""
    world.options = {"account_max_metrics": 1}
    host = world.open()
    connect(host)
    metric = host.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    with pytest.raises(LimitReached, match="at most 1 metric, and has 1"):
        host.metrics.add(EDITOR, "shop", "Visits", RESPONSES)
    host.metrics.edit(EDITOR, metric.id, name="Five stars")
    host.metrics.delete(EDITOR, metric.id)
    host.metrics.add(EDITOR, "shop", "Visits", RESPONSES)
    assert [one.name for one in host.metrics.list(EDITOR)] == ["Visits"]


@postgresql_only
def test_metrics_that_are_added_concurrently_stay_within_the_limit(world: World) -> None:
    """The transactions of an account wait for each other."""
    world.options = {"account_max_metrics": 3}
    host = world.open()
    connect(host)

    def add(number: int) -> bool:
        try:
            host.metrics.add(EDITOR, "shop", f"Stars {number}", AVERAGE)
        except LimitReached:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        added = list(pool.map(add, range(8)))
    assert added.count(True) == len(host.metrics.list(EDITOR)) == 3


def test_the_exports_of_an_account_are_limited(world: World, tmp_path: Path) -> None:
    """Refreshes, previews and debug bundles count; the next hour of the clock starts at zero."""
    world.options = {"account_max_exports_per_hour": 3}
    host = world.open()
    connect(host)
    connect(host, RIVAL)
    host.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    assert [card.freshness for card in load(host)] == [Freshness.FRESH]
    host.metrics.preview(EDITOR, "shop", OTHER)
    host.metrics.preview(EDITOR, "shop", OTHER)  # Cached.
    host.debug_bundles.export(ADMIN, "shop", "S1", tmp_path / "1.zip")
    with pytest.raises(LimitReached, match="its 3 exports of this hour") as refused:
        host.metrics.preview(EDITOR, "shop", OTHER, reload=True)
    assert "after 13:00 UTC" in refused.value.remedy
    with pytest.raises(LimitReached):
        host.debug_bundles.export(ADMIN, "shop", "S1", tmp_path / "2.zip")
    assert not (tmp_path / "2.zip").exists()
    host.metrics.preview(RIVAL, "shop", OTHER)
    world.clock.forward(3600)
    host.metrics.preview(EDITOR, "shop", OTHER, reload=True)


def test_a_refresh_over_the_limit_keeps_the_value_and_explains_itself(world: World) -> None:
    """The survey tool is not called, and the next hour refreshes the card."""
    world.options = {"account_max_exports_per_hour": 1}
    host = world.open()
    connect(host)
    host.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    load(host)
    host.metrics.add(EDITOR, "shop", "Elsewhere", OTHER)
    exports = len(world.shop.fetches)
    cards = {card.name: card for card in load(host)}
    stars, elsewhere = cards["Stars"], cards["Elsewhere"]
    assert len(world.shop.fetches) == exports
    assert (stars.freshness, elsewhere.freshness) == (Freshness.FRESH, Freshness.FAILED)
    assert elsewhere.problem is not None
    assert elsewhere.problem.kind == "limit_reached"
    shown = elsewhere.problem.for_reader(VIEWER.role.audience, source="The Shop")
    assert shown.message.startswith("This account has used its exports of this hour")
    assert "SMAPLY" not in shown.message + shown.remedy
    world.clock.forward(3601)
    host.metrics.delete(EDITOR, stars.metric_id)
    assert [card.freshness for card in load(host)] == [Freshness.FRESH]


def test_a_clock_that_was_set_back_starts_another_hour(world: World) -> None:
    """The exports of an hour that has not begun yet do not count."""
    world.options = {"account_max_exports_per_hour": 1}
    host = world.open()
    connect(host)
    host.metrics.preview(EDITOR, "shop", AVERAGE)
    world.clock.forward(-7200)
    host.metrics.preview(EDITOR, "shop", AVERAGE, reload=True)
