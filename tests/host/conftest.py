"""Hosts over a source in memory, with a clock that tests set."""

from __future__ import annotations

import base64
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from smaply_metrics_core import Calculation, Definition
from smaply_metrics_core.host import (
    Actor,
    AllowedDestinations,
    AsyncMetricsHost,
    Deadlines,
    MetricsHost,
    Role,
    Settings,
)
from smaply_metrics_core.sources import SourceRegistry
from tests.host.fake_source import Shop, entry_point, stars

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from smaply_metrics_core.host import Card

KEY = base64.urlsafe_b64encode(bytes(range(32))).decode()
TOKEN = "right-token-0001"

ADMIN = Actor("acme", "ada", Role.ADMIN)
EDITOR = Actor("acme", "ed", Role.EDITOR)
VIEWER = Actor("acme", "vera", Role.VIEWER)

AVERAGE = Definition(survey_id="S1", question_id="stars", calculation=Calculation.AVERAGE)
RESPONSES = Definition(survey_id="S1", calculation=Calculation.RESPONSES)
OTHER = Definition(survey_id="S2", question_id="stars", calculation=Calculation.AVERAGE)


def load(host: MetricsHost) -> tuple[Card, ...]:
    """Load every card, waiting for fresh ones."""
    return host.cards.load(VIEWER, wait=10)


def value_of(card: Card) -> float | None:
    """Give what a card shows."""
    return card.result.current.value if card.result else None


def values(host: MetricsHost) -> list[float | None]:
    """Load every card and give what they show."""
    return [value_of(card) for card in load(host)]


@dataclass
class SetClock:
    """A wall clock that stands still until a test moves it; deadlines run in real time."""

    at: datetime = field(default_factory=lambda: datetime(2026, 4, 1, 12, tzinfo=UTC))

    def now(self) -> datetime:
        """Give the time that was set."""
        return self.at

    def monotonic(self) -> float:
        """Give real seconds."""
        return time.monotonic()

    def wait(self, seconds: float, stop: threading.Event) -> bool:
        """Wait a moment only."""
        return stop.wait(min(seconds, 0.01))

    def forward(self, seconds: float) -> None:
        """Let time pass."""
        self.at += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> SetClock:
    """A clock at noon of 1 April 2026."""
    return SetClock()


@pytest.fixture
def shop() -> Shop:
    """A shop with two surveys."""
    return Shop(answers={"S1": stars("5", "4", "3", None), "S2": stars("1", "2")})


@dataclass
class World:
    """A home folder and the hosts opened on it."""

    home: Path
    shop: Shop
    clock: SetClock
    environment: dict[str, str] = field(default_factory=lambda: {"SMAPLY_METRICS_KEYS": KEY})
    opened: list[MetricsHost] = field(default_factory=list)
    distribution: str = "the-shop"
    lease: float = 90.0
    workers: int = 4

    def open(self) -> MetricsHost:
        """Open the home, as one more process would."""
        host = MetricsHost(
            self._settings(),
            environment=self.environment,
            clock=self.clock,
            registry=self._registry(),
        )
        self.opened.append(host)
        return host

    def asynchronous(self, threads: int = 16) -> AsyncMetricsHost:
        """Make the host of one more process, to be opened on an event loop."""
        return AsyncMetricsHost(
            self._settings(),
            environment=self.environment,
            clock=self.clock,
            registry=self._registry(),
            threads=threads,
        )

    def _settings(self) -> Settings:
        return Settings(
            home=self.home,
            allowed=AllowedDestinations(store=self.home / "store.db"),
            deadlines=Deadlines(lease=self.lease),
            workers=self.workers,
        )

    def _registry(self) -> SourceRegistry:
        return SourceRegistry(
            clock=self.clock,
            entry_points=lambda: [entry_point("shop", self.shop, self.distribution)],
        )


@pytest.fixture
def world(tmp_path: Path, shop: Shop, clock: SetClock) -> Iterator[World]:
    """A new home."""
    world = World(tmp_path / "home", shop, clock)
    yield world
    for host in world.opened:
        host.close()


@pytest.fixture
def host(world: World) -> MetricsHost:
    """A host on a new home."""
    return world.open()


@pytest.fixture
def connected(host: MetricsHost) -> MetricsHost:
    """A host that is connected to the shop."""
    host.connections.connect(ADMIN, "shop", {"api_token": TOKEN})
    return host
