"""The refresh policy across restarts: earlier attempts count in a new process."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from smaply_metrics_core import RateLimited, SourceUnavailable
from smaply_metrics_core.errors import NotFound
from smaply_metrics_core.host import Freshness, RefreshDecisionKind
from tests.host.conftest import ADMIN, AVERAGE, EDITOR, OTHER, VIEWER, load, values
from tests.host.fake_source import Hold

if TYPE_CHECKING:
    from smaply_metrics_core.host import MetricsHost
    from tests.host.conftest import World


def test_one_forced_refresh_a_minute_holds_after_a_restart(
    world: World, connected: MetricsHost
) -> None:
    """Neither another process nor a restarted one may force sooner."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    connected.cards.load(EDITOR, wait=60, force=True)
    connected.close()
    again = world.open()
    again.cards.load(EDITOR, wait=60, force=True)
    assert len(world.shop.fetches) == 1
    world.clock.forward(60)
    again.cards.load(EDITOR, wait=60, force=True)
    assert len(world.shop.fetches) == 2


def test_failures_and_pauses_hold_after_a_restart(world: World, connected: MetricsHost) -> None:
    """Failed attempts, a Retry-After and rejected credentials still count."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    connected.metrics.add(EDITOR, "shop", "Elsewhere", OTHER)
    one, two = (metric.id for metric in connected.metrics.list(VIEWER))
    world.shop.failure = SourceUnavailable("Closed.")
    connected.cards.load(VIEWER, [one], wait=60)
    host = world.open()
    assert host.cards.load(VIEWER, [one], wait=60)[0].freshness is Freshness.FAILED
    assert len(world.shop.fetches) == 1
    until = world.clock.now() + timedelta(hours=3)
    world.shop.failure = RateLimited("Too many requests.", retry_at=until)
    host.cards.load(VIEWER, [two], wait=60)
    world.shop.failure = None
    world.clock.forward(2 * 3600)
    load(world.open())
    assert len(world.shop.fetches) == 2
    world.clock.forward(3600)
    world.shop.tokens = set()
    host = world.open()
    host.cards.load(VIEWER, [one], wait=60)
    assert len(world.shop.fetches) == 3
    world.clock.forward(3600)
    load(world.open())
    assert len(world.shop.fetches) == 3, "a rejection pauses both surveys"


HEALTH = "smaply_metrics_core.host.connections.health"


def health_log(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """Return what was logged about the health of connections."""
    return [record for record in caplog.records if record.name == HEALTH]


def test_down_is_logged_once_and_up_once(
    world: World, connected: MetricsHost, caplog: pytest.LogCaptureFixture
) -> None:
    """Whichever processes notice the outage, and however often."""
    caplog.set_level(logging.INFO, HEALTH)
    metric = connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    connected.metrics.add(EDITOR, "shop", "Elsewhere", OTHER)
    world.shop.failure = SourceUnavailable("The shop is closed.")
    load(connected)
    world.clock.forward(3601)
    load(world.open())
    connection = f"The connection {metric.connection_id} of account acme to shop"
    assert [record.getMessage() for record in health_log(caplog)] == [
        f"{connection} is down: The shop is closed."
    ]
    world.shop.failure = None
    caplog.clear()
    for _ in range(2):
        world.clock.forward(3601)
        load(world.open())
    (logged,) = [record.getMessage() for record in health_log(caplog)]
    assert "is up again; it was down since 2026-04-01 12:00:00" in logged


def test_a_check_that_passes_ends_an_outage(
    world: World, connected: MetricsHost, caplog: pytest.LogCaptureFixture
) -> None:
    """An Admin's check has the same effect as a refresh."""
    caplog.set_level(logging.INFO, HEALTH)
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    world.shop.failure = SourceUnavailable("Closed.")
    load(connected)
    world.shop.failure = None
    for _ in range(2):
        connected.connections.check(ADMIN, "shop")
    assert [record.levelname for record in health_log(caplog)] == ["WARNING", "INFO"]


def test_an_explanation_says_why_and_when(world: World, connected: MetricsHost) -> None:
    """It holds the reason for the decision, and when the metric is refreshed next."""
    metric = connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    due = connected.cards.explain(VIEWER, metric.id)
    assert due.sentence == "The metric has never been refreshed. The next load refreshes it."
    assert (due.kind, due.next_at) == (RefreshDecisionKind.DUE, world.clock.now())
    hold = world.shop.on_fetch = Hold()
    connected.cards.load(VIEWER)
    hold.wait_until_started()
    running = connected.cards.explain(VIEWER, metric.id)
    assert running.kind is RefreshDecisionKind.IN_FLIGHT
    assert "It started at 12:00:00 UTC. If it hangs, it is retried after" in running.sentence
    hold.release()
    assert values(connected) == [4.0]
    assert connected.cards.explain(VIEWER, metric.id).sentence.endswith(
        "The first load after 2026-04-01 13:00:00 UTC refreshes it."
    )
    connected.connections.delete(ADMIN, "shop")
    gone = connected.cards.explain(VIEWER, metric.id)
    assert gone.kind is None
    assert "not connected to its source" in gone.sentence
    with pytest.raises(NotFound):
        connected.cards.explain(VIEWER, "met_nobody")
