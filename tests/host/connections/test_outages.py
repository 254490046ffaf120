"""Outages of the database: downloaded results are saved, and the clock continues."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr
from sqlalchemy import event, select
from sqlalchemy.engine import Engine
from sqlalchemy.exc import OperationalError

from smaply_metrics_core import SystemClock
from smaply_metrics_core.errors import InputError, StoreError
from smaply_metrics_core.host import AllowedDestinations, Freshness, MetricsHost, Settings
from smaply_metrics_core.host.store import Store
from smaply_metrics_core.host.store.database_clock import DatabaseClock, SqlInstant
from tests.host.child_processes import until
from tests.host.conftest import (
    ADMIN,
    AVERAGE,
    EDITOR,
    OTHER,
    VIEWER,
    World,
    load,
    postgresql_only,
    values,
)
from tests.host.fake_source import Hold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@contextmanager
def failing(
    beginning: str, times: int, make: Callable[[str], OperationalError] | None = None
) -> Iterator[list[str]]:
    """Make statements that begin with a text fail as in an outage; yield those that failed."""
    failed: list[str] = []

    def fail(_c: Any, _cur: Any, statement: str, *_: Any) -> None:  # noqa: ANN401
        if statement.startswith(beginning) and len(failed) < times:
            failed.append(statement)
            if make is not None:
                raise make(statement)
            raise OperationalError(statement, None, Exception("the server is gone"))

    event.listen(Engine, "before_cursor_execute", fail)
    try:
        yield failed
    finally:
        event.remove(Engine, "before_cursor_execute", fail)


@pytest.mark.parametrize("beginning", ["INSERT INTO metric_values", "UPDATE leases SET owner"])
def test_a_result_is_saved_when_the_database_is_back(
    world: World, connected: MetricsHost, beginning: str
) -> None:
    """A download is not repeated because the database was unavailable when it ended."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    with failing(beginning, times=3) as failed:
        assert values(connected) == [4.0]
    assert len(failed) == 3
    assert len(world.shop.fetches) == 1


def test_a_database_that_stays_away_ends_the_refresh(
    world: World, connected: MetricsHost, caplog: pytest.LogCaptureFixture
) -> None:
    """The log reports it, and the card shows the final state."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    with failing("INSERT INTO metric_values", times=100):
        connected.cards.load(VIEWER)
        until(lambda: "The refresh of survey S1 (account acme, connection con_" in caplog.text)
    world.clock.forward(91)
    (card,) = connected.cards.load(VIEWER)
    assert card.problem is not None
    assert card.problem.kind == "interrupted"
    world.clock.forward(3700)
    assert values(connected) == [4.0]


def test_a_value_is_saved_when_the_health_of_the_connection_is_not(
    world: World, connected: MetricsHost
) -> None:
    """The value matters more than the health of the connection."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    world.shop.tokens = set()
    load(connected)
    world.shop.tokens = {"right-token-0001"}
    world.clock.forward(3601)
    with failing("UPDATE connections SET problem", times=1) as failed:
        (card,) = load(connected)
    assert failed
    assert card.text == "4.0"


def read_only(statement: str) -> OperationalError:
    """Return the error of a store that became read-only."""
    original = sqlite3.OperationalError("attempt to write a readonly database")
    original.sqlite_errorcode = sqlite3.SQLITE_READONLY
    return OperationalError(statement, None, original)


@pytest.mark.parametrize("forced", [False, True])
def test_a_refresh_that_cannot_be_stored_is_not_fresh(
    world: World,
    connected: MetricsHost,
    forced: bool,  # noqa: FBT001  # A parameter of the test.
) -> None:
    """The user who requested it sees the failure, whether they waited or load again later.

    The value stays, and the next refresh that can be stored ends the failure.
    """
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    connected.metrics.add(EDITOR, "shop", "Elsewhere", OTHER)
    one, other = sorted(load(connected), key=lambda card: card.name, reverse=True)
    world.clock.forward(0 if forced else 3601)
    load(connected) if forced else connected.cards.load(VIEWER, [other.metric_id], wait=60)
    with failing("INSERT INTO leases", times=100, make=read_only):
        waited = connected.cards.load(EDITOR, [one.metric_id], wait=60, force=forced)
        later = connected.cards.load(EDITOR, [one.metric_id], refresh=False)
    for (card,) in (waited, later):
        assert (card.text, card.freshness) == ("4.0", Freshness.FAILED)
        assert card.problem is not None
        assert card.problem.kind == "store_error"
        assert "read-only" not in card.problem.message, "an Editor cannot act on it"
    (card,) = connected.cards.load(ADMIN, [one.metric_id], refresh=False)
    assert card.problem is not None
    assert "read-only" in card.problem.message
    (unaffected,) = connected.cards.load(VIEWER, [other.metric_id], refresh=False)
    assert (unaffected.freshness, unaffected.problem) == (Freshness.FRESH, None)
    (card,) = connected.cards.load(EDITOR, [one.metric_id], wait=60, force=True)
    assert (card.freshness, card.problem) == (Freshness.FRESH, None)


def test_a_failure_ends_when_another_process_makes_the_attempt(
    world: World, connected: MetricsHost
) -> None:
    """A process that could not store a refresh shows what another one has stored since."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    with failing("INSERT INTO leases", times=100, make=read_only):
        (card,) = load(connected)
    assert card.freshness is Freshness.FAILED
    assert values(world.open()) == [4.0]
    (card,) = connected.cards.load(VIEWER, refresh=False)
    assert (card.freshness, card.problem) == (Freshness.FRESH, None)


@postgresql_only
def test_a_read_only_server_is_seen_by_who_asked(world: World, connected: MetricsHost) -> None:
    """After a failover to a standby, a forced refresh does not look fresh."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    load(connected)
    read_only_url = f"{world.database}&options=-c%20default_transaction_read_only%3Don"
    standby = World(world.home, world.shop, world.clock, read_only_url).open()
    (card,) = standby.cards.load(ADMIN, wait=60, force=True)
    assert card.freshness is Freshness.FAILED
    assert card.problem is not None
    assert "read-only" in card.problem.message
    standby.close()


@postgresql_only
def test_broken_connections_are_replaced(world: World, connected: MetricsHost) -> None:
    """A restart of the server in the middle of an export has no effect."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    hold = world.shop.on_fetch = Hold()
    connected.cards.load(VIEWER)
    hold.wait_until_started()
    world.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    assert connected.cards.load(VIEWER)[0].freshness is Freshness.REFRESHING
    hold.release()
    assert values(connected) == [4.0]
    assert len(world.shop.fetches) == 1


@postgresql_only
def test_the_database_s_clock_decides(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose own clock is years ahead uses the same time as the others."""
    monkeypatch.setattr(SystemClock, "now", lambda _: datetime(2040, 1, 1, tzinfo=UTC))
    settings = Settings(
        home=world.home,
        allowed=AllowedDestinations(store=world.home / "store.db"),
        database_url=SecretStr(world.database or ""),
    )
    with MetricsHost(settings) as host:
        core = host._runtime  # noqa: SLF001  # There is no public access to the clock.
        with core.store.reading() as db:
            there = db.execute(select(SqlInstant.of(db, None).now())).scalar_one()
        assert abs(core.now() - there) < timedelta(seconds=5)


def test_time_goes_on_while_the_database_is_away(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The database is queried every ten seconds; its last time is advanced in between."""
    passed = 0.0
    monkeypatch.setattr(SystemClock, "monotonic", lambda _: passed)
    store = Store(world.where)
    clock = DatabaseClock(store)
    begun = clock.now()

    def away() -> None:
        raise StoreError("The store is away.", remedy="Wait.")

    with monkeypatch.context() as patched:
        patched.setattr(store, "reading", away)
        passed = 9.0
        assert clock.now() - begun == timedelta(seconds=9)
        assert not caplog.records
        passed = 60.0
        assert clock.now() - begun == timedelta(seconds=60)
        assert "The time of the database could not be read" in caplog.text
    assert clock.now() - begun < timedelta(seconds=30), "asked again, it says that little passed"
    store.close()


def test_one_connection_is_too_few(tmp_path: Path) -> None:
    """A thread that holds a connection may need a second one to read the database's time."""
    with pytest.raises(InputError, match="SMAPLY_METRICS_DATABASE_CONNECTIONS"):
        Settings(home=tmp_path, allowed=AllowedDestinations(), database_connections=1)
