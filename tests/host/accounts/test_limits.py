"""The limits of an account: connections, metrics, exports per hour."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from smaply_metrics_core.errors import InputError, LimitReached
from smaply_metrics_core.host import AccountLimits, Actor, Freshness, LimitUse, Role
from tests.host.conftest import (
    ADMIN,
    AVERAGE,
    EDITOR,
    OTHER,
    RESPONSES,
    TOKEN,
    VIEWER,
    load,
    on_both_stores,
    postgresql_only,
)

if TYPE_CHECKING:
    from pathlib import Path

    from smaply_metrics_core.host import MetricsHost
    from tests.host.conftest import World

pytestmark = pytest.mark.postgresql_deep(reason="the same limits on either store")

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


@on_both_stores
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


@on_both_stores
def test_an_account_has_limits_of_its_own(world: World) -> None:
    """They are higher or lower than the settings, apply at once, and do not affect others."""
    world.options = {
        "account_max_connections": 1,
        "account_max_metrics": 1,
        "account_max_exports_per_hour": 1,
    }
    host, other_process = world.open(), world.open()
    host.accounts.set_limits("acme", AccountLimits(connections=2, metrics=0, exports_per_hour=3))
    connect(other_process)
    connect(other_process, name="Second")
    for name in ("Stars", "More stars"):
        other_process.metrics.add(EDITOR, "The Shop", name, AVERAGE)
    with pytest.raises(LimitReached, match="at most 2 connections") as refused:
        connect(other_process, name="Third")
    assert "`account set-limits`" in refused.value.remedy
    for _ in range(3):
        other_process.metrics.preview(EDITOR, "The Shop", OTHER, reload=True)
    with pytest.raises(LimitReached, match="its 3 exports"):
        other_process.metrics.preview(EDITOR, "The Shop", OTHER, reload=True)
    connect(other_process, RIVAL)
    with pytest.raises(LimitReached, match="at most 1 connection"):
        connect(other_process, RIVAL, "Second")

    assert host.accounts.limits("acme") == {
        "connections": LimitUse(allowed=2, used=2, own=2),
        "metrics": LimitUse(allowed=None, used=2, own=0),
        "exports_per_hour": LimitUse(allowed=3, used=3, own=3),
    }
    assert host.accounts.limits("rival")["connections"] == LimitUse(allowed=1, used=1, own=None)

    uses = host.accounts.set_limits("acme", AccountLimits(metrics=1))
    assert uses["connections"] == LimitUse(allowed=1, used=2, own=None)
    assert len(host.metrics.list(EDITOR)) == 2
    with pytest.raises(LimitReached, match="at most 1 metric, and has 2"):
        host.metrics.add(EDITOR, "The Shop", "Third", AVERAGE)
    host.accounts.set_limits("acme", AccountLimits())
    assert {use.own for use in host.accounts.limits("acme").values()} == {None}


def test_limits_without_settings(world: World) -> None:
    """An account is limited and listed before it stores anything, and deleted with its limits."""
    host = world.open()
    host.accounts.set_limits("acme", AccountLimits(connections=1))
    assert host.accounts.limits("acme") == {
        "connections": LimitUse(allowed=1, used=0, own=1),
        "metrics": LimitUse(allowed=None, used=0, own=None),
        "exports_per_hour": LimitUse(allowed=None, used=None, own=None),
    }
    assert list(host.accounts.list()) == ["acme"]
    assert host.accounts.delete(ADMIN).rows == {"accounts": 1, "account_limits": 1}
    assert host.accounts.limits("acme")["connections"].own is None


@pytest.mark.parametrize(
    ("account", "limits"),
    [
        ("acme", AccountLimits(metrics=-1)),
        ("acme", AccountLimits(exports_per_hour=3_000_000_000)),
        (" ", AccountLimits(metrics=1)),
    ],
)
def test_invalid_limits_are_refused(world: World, account: str, limits: AccountLimits) -> None:
    """Nothing is stored."""
    host = world.open()
    with pytest.raises(InputError, match=r"not a valid limit|ID of an account"):
        host.accounts.set_limits(account, limits)
    assert not host.accounts.list()
