"""Hosts with an in-memory source, and a clock that tests set."""

from __future__ import annotations

import base64
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr
from sqlalchemy import text

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
from smaply_metrics_core.host.store import Store
from smaply_metrics_core.host.store.engine import parse_database_url
from smaply_metrics_core.sources.registry import SourceRegistry
from tests.host.fake_source import Shop, entry_point, stars
from tests.host.spare_databases import SpareDatabases
from tests.postgresql_server import PrivatePostgres, running_postgres
from tests.required_programs import require_postgres

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import URL

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
    return host.cards.load(VIEWER, wait=180)


def value_of(card: Card) -> float | None:
    """Return the value that a card shows."""
    return card.result.current.value if card.result else None


def values(host: MetricsHost) -> list[float | None]:
    """Load every card and return their values."""
    return [value_of(card) for card in load(host)]


@dataclass
class SetClock:
    """A wall clock that stands still until a test moves it; deadlines run in real time."""

    at: datetime = field(default_factory=lambda: datetime(2026, 4, 1, 12, tzinfo=UTC))

    def now(self) -> datetime:
        """Return the time that was set."""
        return self.at

    def monotonic(self) -> float:
        """Return real seconds."""
        return time.monotonic()

    def wait(self, seconds: float, stop: threading.Event) -> bool:
        """Wait for a moment only."""
        return stop.wait(min(seconds, 0.01))

    def forward(self, seconds: float) -> None:
        """Move the clock forward."""
        self.at += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> SetClock:
    """A clock at noon on 1 April 2026."""
    return SetClock()


@pytest.fixture
def shop() -> Shop:
    """A shop with two surveys."""
    return Shop(answers={"S1": stars("5", "4", "3", None), "S2": stars("1", "2")})


@dataclass
class World:
    """A home folder and the hosts that were opened on it."""

    home: Path
    shop: Shop
    clock: SetClock
    database: str | None = None
    environment: dict[str, str] = field(
        default_factory=lambda: {"SMAPLY_METRICS_ENCRYPTION_KEYS": KEY}
    )
    opened: list[MetricsHost] = field(default_factory=list)
    distribution: str = "the-shop"
    lease: float = 90.0
    history: timedelta = timedelta(days=400)
    workers: int = 4
    options: dict[str, Any] = field(default_factory=dict)
    _store: Store | None = None

    def open(self) -> MetricsHost:
        """Open one more host on the home."""
        host = MetricsHost(
            self._settings(),
            clock=self.clock,
            registry=self._registry(),
        )
        self.opened.append(host)
        return host

    def asynchronous(self, threads: int = 16) -> AsyncMetricsHost:
        """Return one more host, to be opened on an event loop."""
        return AsyncMetricsHost(
            self._settings(),
            clock=self.clock,
            registry=self._registry(),
            threads=threads,
        )

    def _settings(self) -> Settings:
        keys = self.environment.get("SMAPLY_METRICS_ENCRYPTION_KEYS")
        return Settings(
            home=self.home,
            allowed=AllowedDestinations(store=self.home / "store.db"),
            deadlines=Deadlines(lease=self.lease),
            history_retention_days=self.history.days,
            database_url=None if self.database is None else SecretStr(self.database),
            database_connections=4,
            refresh_threads=self.workers,
            encryption_keys=None if keys is None else SecretStr(keys),
            **self.options,
        )

    @property
    def where(self) -> Path | URL:
        """The location of the store."""
        return parse_database_url(self.database) if self.database else self.home / "store.db"

    def query(self, statement: str, **parameters: object) -> list[tuple[Any, ...]]:
        """Run SQL without the host, and return the rows if there are any."""
        if self._store is None:
            self._store = Store(self.where)
        with self._store.writing() as db:
            found = db.execute(text(statement), parameters)
            return [tuple(row) for row in found] if found.returns_rows else []

    def close(self) -> None:
        """Close the hosts and the connection of `query`."""
        for host in self.opened:
            host.close()
        if self._store is not None:
            self._store.close()

    def _registry(self) -> SourceRegistry:
        return SourceRegistry(
            clock=self.clock,
            entry_points=lambda: [entry_point("shop", self.shop, self.distribution)],
        )


@pytest.fixture(scope="session")
def postgres() -> Iterator[PrivatePostgres]:
    """A private PostgreSQL server."""
    with running_postgres(require_postgres()) as server:
        yield server


@pytest.fixture(scope="session")
def spare_databases(postgres: PrivatePostgres) -> Iterator[SpareDatabases]:
    """The databases of tests on PostgreSQL."""
    spare = SpareDatabases(postgres)
    yield spare
    spare.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """The URL of a private PostgreSQL database for this test; `None` for SQLite."""
    if request.param == "sqlite":
        yield None
        return
    spare: SpareDatabases = request.getfixturevalue("spare_databases")
    url = spare.take()
    yield url
    spare.put_back(url)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests of both stores as deep on PostgreSQL where every change needs only SQLite."""
    for item in items:
        mark = item.get_closest_marker("postgresql_deep")
        if mark is None or not isinstance(item, pytest.Function):
            continue
        chosen = any("database" in one.args[0] for one in item.iter_markers("parametrize"))
        callspec = getattr(item, "callspec", None)  # Tests without parameters have none.
        if not chosen and callspec and callspec.params.get("database") == "postgresql":
            item.add_marker(pytest.mark.deep(**mark.kwargs))


sqlite_only = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
postgresql_only = pytest.mark.parametrize("database", ["postgresql"], indirect=True)
on_both_stores = pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)
"""For typical tests of a module that is ``postgresql_deep``."""


@pytest.fixture
def world(tmp_path: Path, shop: Shop, clock: SetClock, database: str | None) -> Iterator[World]:
    """A new home and a new store."""
    world = World(tmp_path / "home", shop, clock, database)
    yield world
    world.close()


@pytest.fixture
def host(world: World) -> MetricsHost:
    """A host on a new home."""
    return world.open()


@pytest.fixture
def connected(host: MetricsHost) -> MetricsHost:
    """A host that is connected to the shop."""
    host.connections.connect(ADMIN, "shop", {"api_token": TOKEN})
    return host
