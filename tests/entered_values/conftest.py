"""A host with an empty account, and the people of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from smaply_metrics_core.host import (
    Actor,
    Definition,
    EnteredTable,
    Metric,
    MetricsHost,
    Role,
    SavedTable,
    Settings,
)
from smaply_metrics_core.testing import AllowedDestinations

ANA, BEN = (Actor("acme", name, Role.EDITOR) for name in ("Ana Silva", "Ben Ode"))
ADA, VERA = Actor("acme", "Ada", Role.ADMIN), Actor("acme", "Vera", Role.VIEWER)
NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


@dataclass
class SetClock:
    """A clock that tests set."""

    at: datetime = NOON

    def now(self) -> datetime:
        """Return the set instant."""
        return self.at

    def monotonic(self) -> float:
        """Return seconds."""
        return self.at.timestamp()

    def wait(self, _seconds: float, stop: threading.Event) -> bool:
        """Return at once whether to stop."""
        return stop.is_set()

    def forward(self, by: timedelta) -> None:
        """Advance the clock."""
        self.at += by


@dataclass
class World:
    """A home, its hosts, and a clock."""

    home: Path
    clock: SetClock = field(default_factory=SetClock)
    opened: list[MetricsHost] = field(default_factory=list)

    def open(self) -> MetricsHost:
        """Open one more host."""
        settings = Settings(home=self.home, allowed=AllowedDestinations())
        host = MetricsHost(settings, clock=self.clock)
        self.opened.append(host)
        return host

    def add_metric(self, host: MetricsHost, saved: SavedTable) -> Metric:
        """Add a Number of a table."""
        definition = Definition(
            survey_id=saved.table.id,
            question_id="value",
            calculation=saved.table.unit.calculation,
        )
        return host.metrics.add(ANA, saved.connection_id, "Calls", definition, workspace="w")

    def tables(self) -> tuple[EnteredTable, ...]:
        """Return the stored tables."""
        return self.opened[0].entered_values.list(ANA)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A home without tables."""
    world = World(tmp_path)
    yield world
    for host in world.opened:
        host.close()
