"""Readiness and the checks of the doctor: each failure, its message and its fix."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from smaply_metrics_core.host import (
    AllowedDestinations,
    HealthReport,
    HealthStatus,
    Settings,
    diagnose,
)
from smaply_metrics_core.host.refresh.procrastinate_queue import prepare_queue
from smaply_metrics_core.host.refresh.queue_state import read_queue
from smaply_metrics_core.host.store import Store
from smaply_metrics_core.host.store.queued_jobs import SCHEMA
from smaply_metrics_core.sources.settings import SourceSettings
from tests.host.conftest import (
    ADMIN,
    KEY,
    TOKEN,
    postgresql_only,
    sqlite_only,
)
from tests.required_programs import require_postgres

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from smaply_metrics_core.host import MetricsHost
    from tests.host.conftest import World

VERSION = "SELECT version_num FROM alembic_version"
OTHER_KEY = base64.urlsafe_b64encode(hashlib.sha256(b"another key").digest()).decode()


def settings_of(world: World, **more: object) -> Settings:
    """Return the settings of an operator, with two sources."""
    given = {
        "home": world.home,
        "allowed": AllowedDestinations(store=world.home / "store.db"),
        "database_url": None if world.database is None else SecretStr(world.database),
        "database_connections": 2,
        "encryption_keys": SecretStr(KEY),
        "sources": SourceSettings(allowed=frozenset({"csv_example"})),
        **more,
    }
    return Settings.model_validate(given)


def write(world: World, statement: str, read_before: str = "") -> list[str]:
    """Run SQL in a store without migrating it, and return the texts that were read before."""
    store = Store(world.where, migrates=False)
    with store.writing() as db:
        if store.is_shared:
            db.execute(text(f"SET LOCAL search_path = public, {SCHEMA}"))
        found = [str(row[0]) for row in db.execute(text(read_before))] if read_before else []
        db.execute(text(statement))
    store.close()
    return found


def statuses(report: HealthReport) -> dict[str, str]:
    """Return the status of each check by its name."""
    return {check.name: check.status.value for check in report.checks}


def failure(report: HealthReport, name: str) -> str:
    """Return the message and the remedy of a check that is not ok."""
    (found,) = [one for one in report.checks if one.name == name]
    assert found.status is not HealthStatus.OK
    assert found.remedy
    return f"{found.message} {found.remedy}"


def test_a_process_that_can_work_is_ready(world: World, connected: MetricsHost) -> None:
    """All checks pass, on an event loop too."""
    report = connected.health.readiness()
    assert statuses(report) == {"database": "ok", "migrations": "ok", "keys": "ok"}
    assert report.ready
    assert report.healthy

    async def look() -> HealthReport:
        async with world.asynchronous() as host:
            return await host.health.readiness()

    assert statuses(asyncio.run(look())) == statuses(report)


def test_tables_of_another_release_are_not_ready(world: World, connected: MetricsHost) -> None:
    """A newer release upgraded them while this process was running."""
    (known,) = write(world, "UPDATE alembic_version SET version_num = '9999'", VERSION)
    report = connected.health.readiness()
    assert not report.ready
    assert "Install that release here too" in failure(report, "migrations")
    write(world, "UPDATE alembic_version SET version_num = '0001'")
    assert "smaply-metrics db upgrade" in failure(diagnose(settings_of(world)), "migrations")
    # The doctor has not upgraded them.
    restore = f"UPDATE alembic_version SET version_num = '{known}'"  # noqa: S608  # Our own.
    (found,) = write(world, restore, VERSION)
    assert found == "0001"


@sqlite_only
def test_a_database_that_cannot_be_read_ends_the_examination(
    world: World, connected: MetricsHost
) -> None:
    """Nothing else can be known then."""
    connected.close()
    (world.home / "store.db").write_bytes(b"not a database" * 1_000)
    for log in world.home.glob("store.db-*"):
        log.unlink()
    report = connected.health.readiness()
    assert statuses(report) == {"database": "failed"}
    assert failure(report, "database")
    assert not diagnose(settings_of(world)).ready


@sqlite_only
def test_the_doctor_creates_nothing(world: World) -> None:
    """Neither a home, nor a store, nor a key."""
    report = diagnose(settings_of(world, encryption_keys=None))
    assert statuses(report) == {"home": "ok", "sources": "ok", "database": "warning"}
    assert not world.home.exists()
    assert report.healthy


@sqlite_only
def test_a_missing_key_is_explained(world: World, connected: MetricsHost) -> None:
    """The doctor names the key that credentials depend on; without any key, nothing works."""
    connected.close()
    assert statuses(diagnose(settings_of(world)))["keys"] == "ok"
    other = diagnose(settings_of(world, encryption_keys=SecretStr(OTHER_KEY)))
    assert "(connections: 1)" in failure(other, "keys")
    assert other.ready
    assert not other.healthy
    none = diagnose(settings_of(world, encryption_keys=None))
    assert not none.ready
    assert KEY not in str(none)
    broken = diagnose(settings_of(world, encryption_keys=SecretStr("short")))
    assert "short" not in failure(broken, "keys")


@sqlite_only
def test_damaged_credentials_are_a_warning(world: World, connected: MetricsHost) -> None:
    """They concern only their connection."""
    world.query("UPDATE connections SET sealed = 'damaged'")
    connected.close()
    assert "damaged" in failure(diagnose(settings_of(world)), "keys")


@sqlite_only
def test_sources_that_cannot_be_used_are_named(world: World, tmp_path: Path) -> None:
    """A process still works with the others."""
    none = diagnose(settings_of(world, sources=SourceSettings(allowed=frozenset({"gone"}))))
    assert "No source can be used." in failure(none, "sources")
    assert none.ready


@sqlite_only
def test_a_queue_without_postgresql_is_a_failure(world: World) -> None:
    """The settings contradict each other."""
    world.open().close()
    report = diagnose(settings_of(world, refresh_executor="procrastinate"))
    assert "SMAPLY_METRICS_DATABASE_URL" in failure(report, "queue")


@pytest.fixture
def queue(world: World) -> Iterator[Store]:
    """A store with an empty queue, which is dropped after the test."""
    require_postgres()
    store = Store(world.where)
    prepare_queue(store)
    yield store
    world.query(f"DROP SCHEMA {SCHEMA} CASCADE")
    store.close()


@postgresql_only
def test_the_doctor_sees_workers_by_their_heartbeat(world: World, queue: Store) -> None:
    """No worker, a silent one, one that is alive; and refreshes that wait for long."""
    settings = settings_of(world, refresh_executor="procrastinate")
    never = diagnose(settings)
    assert "no worker has ever started" in failure(never, "workers")
    assert never.ready
    silent = "now() - interval '40 seconds'"
    write(world, f"INSERT INTO procrastinate_workers (last_heartbeat) VALUES ({silent})")  # noqa: S608  # A constant.
    assert "No worker is alive: the last heartbeat was 4" in failure(diagnose(settings), "workers")
    write(world, "UPDATE procrastinate_workers SET last_heartbeat = now()")
    write(
        world,
        "INSERT INTO procrastinate_jobs (queue_name, task_name) "
        "VALUES ('smaply-metrics', 'smaply_metrics.refresh')",
    )
    assert statuses(diagnose(settings))["workers"] == "ok"
    state = read_queue(queue)
    assert (state.waiting, state.running, state.workers) == (1, 0, 1)
    write(world, "UPDATE procrastinate_events SET at = now() - interval '10 minutes'")
    assert "waited for 10 minutes" in failure(diagnose(settings), "queue")


@postgresql_only
def test_a_queue_without_tables_is_a_failure(world: World) -> None:
    """They are created by the first process that queues or runs refreshes."""
    Store(world.where).close()
    report = diagnose(settings_of(world, refresh_executor="procrastinate"))
    assert failure(report, "queue")
    assert not report.ready


def test_the_credentials_are_in_no_report(world: World, connected: MetricsHost) -> None:
    """Neither the token nor the key nor the URL of the database."""
    assert connected.connections.list(ADMIN)
    texts = f"{connected.health.readiness()!r} {diagnose(settings_of(world))!r}"
    assert TOKEN not in texts
    assert KEY not in texts
    assert world.database is None or world.database not in texts
