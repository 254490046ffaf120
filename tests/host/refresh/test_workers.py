"""Workers: refreshes queued by one process, run by another, and retried when a worker dies."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest
from procrastinate.schema import SchemaManager

from smaply_metrics_core.errors import InputError
from smaply_metrics_core.host import Freshness, MetricsHost, Settings
from smaply_metrics_core.host.refresh.executors import SurveyKey
from smaply_metrics_core.host.refresh.procrastinate_queue import (
    ProcrastinateExecutor,
    prepare_queue,
)
from smaply_metrics_core.host.store import Store
from smaply_metrics_core.host.store.queued_jobs import SCHEMA
from tests.host.child_processes import Fleet, connected_host, fleet_in, until
from tests.host.conftest import (
    EDITOR,
    KEY,
    RESPONSES,
    VIEWER,
    postgresql_only,
    sqlite_only,
)
from tests.host.host_process import run_worker_without_interrupts
from tests.processes import SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.host.conftest import World
    from tests.processes import Child


@pytest.fixture
def fleet(tmp_path: Path, world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fleet]:
    """A store whose refreshes are queued, without a worker."""
    monkeypatch.setenv("SMAPLY_METRICS_ENCRYPTION_KEYS", KEY)
    with fleet_in(tmp_path, world.database, "procrastinate") as fleet:
        yield fleet
    world.query(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")


@pytest.fixture
def host(fleet: Fleet) -> Iterator[MetricsHost]:
    """A connected host in this process, with a metric on each of two surveys."""
    with connected_host(fleet) as host:
        yield host


def queued(world: World, status: str = "todo") -> int:
    """Return the number of jobs with a status."""
    ((count,),) = world.query(
        f"SELECT count(*) FROM {SCHEMA}.procrastinate_jobs WHERE status = '{status}'"  # noqa: S608
    )
    return int(count)


def bury_workers(world: World) -> None:
    """Age the leases and heartbeats of killed workers by an hour: processes share no clock."""
    world.query("UPDATE leases SET expires_at = started_at")
    world.query(
        f"UPDATE {SCHEMA}.procrastinate_workers "  # noqa: S608
        "SET last_heartbeat = last_heartbeat - interval '1 hour'"
    )


def exporting_worker(fleet: Fleet, host: MetricsHost) -> Child:
    """Start a worker, and return it when its exports of a first load have begun; they are held."""
    fleet.hold()
    worker = fleet.start_worker()
    host.cards.load(VIEWER)
    until(lambda: sorted(fleet.exports) == ["S1", "S2"])
    return worker


@postgresql_only
def test_what_is_due_waits_for_a_worker(world: World, fleet: Fleet, host: MetricsHost) -> None:
    """Loads queue each survey once and return at once; a worker that starts later runs the jobs."""
    for _ in range(3):
        cards = host.cards.load(VIEWER)
        assert {card.freshness for card in cards} == {Freshness.REFRESHING}
    assert queued(world) == 2
    assert fleet.exports == []
    fleet.start_worker()
    cards = host.cards.load(VIEWER, wait=SECONDS)
    assert [(card.text, card.freshness) for card in cards] == [
        ("4.0", Freshness.FRESH),
        ("1.5", Freshness.FRESH),
    ]
    assert sorted(fleet.exports) == ["S1", "S2"]


@postgresql_only
def test_an_editor_waits_for_the_forced_refresh(fleet: Fleet, host: MetricsHost) -> None:
    """A forced load returns when the worker has refreshed the card, although it was fresh."""
    fleet.start_worker()
    first = host.cards.load(VIEWER, wait=SECONDS)
    second = host.cards.load(EDITOR, wait=SECONDS, force=True)
    assert {card.freshness for card in second} == {Freshness.FRESH}
    assert all(
        new.as_of and old.as_of and new.as_of > old.as_of
        for old, new in zip(first, second, strict=True)
    )
    assert sorted(fleet.exports) == ["S1", "S1", "S2", "S2"]


@postgresql_only
def test_a_job_outlives_its_worker(world: World, fleet: Fleet, host: MetricsHost) -> None:
    """When a worker is killed during its exports, the next worker repeats them.

    Takes 5 s, since the processes share no clock: a lease of 4 s has to expire.
    """
    fleet.shorten_leases()
    doomed = exporting_worker(fleet, host)
    doomed.kill()
    assert queued(world, "doing") == 2
    fleet.release()
    fleet.start_worker()
    until(lambda: [card.text for card in host.cards.load(VIEWER, refresh=False)] == ["4.0", "1.5"])
    assert sorted(fleet.exports) == ["S1", "S1", "S2", "S2"]
    until(lambda: queued(world) + queued(world, "doing") == 0)


@postgresql_only
def test_the_request_of_an_editor_outlives_its_worker(
    world: World, fleet: Fleet, host: MetricsHost
) -> None:
    """The retry is due although it comes within a minute of the request, as with a short lease."""
    doomed = fleet.start_worker()
    host.cards.load(VIEWER, wait=SECONDS)
    fleet.hold()
    host.cards.load(EDITOR, force=True)
    until(lambda: sorted(fleet.exports) == ["S1", "S1", "S2", "S2"])
    doomed.kill()
    bury_workers(world)
    fleet.release()
    fleet.start_worker()
    until(lambda: sorted(fleet.exports) == ["S1", "S1", "S1", "S2", "S2", "S2"])
    cards = host.cards.load(VIEWER, wait=SECONDS)
    assert {card.freshness for card in cards} == {Freshness.FRESH}


@postgresql_only
def test_a_job_that_waits_does_not_hide_the_retry(
    world: World, fleet: Fleet, host: MetricsHost
) -> None:
    """A host may queue a survey again just before its refresh is recorded, and its worker dies."""
    doomed = exporting_worker(fleet, host)
    doomed.kill()
    bury_workers(world)
    executor = ProcrastinateExecutor(host._store)  # noqa: SLF001
    for (args,) in world.query(f"SELECT args FROM {SCHEMA}.procrastinate_jobs"):  # noqa: S608
        executor.submit(SurveyKey(*(args[name] for name in SurveyKey._fields)), forced=False)
    executor.close()
    assert (queued(world), queued(world, "doing")) == (2, 2)
    fleet.release()
    fleet.start_worker()
    until(lambda: [card.text for card in host.cards.load(VIEWER, refresh=False)] == ["4.0", "1.5"])
    until(lambda: queued(world) + queued(world, "doing") == 0)
    assert sorted(fleet.exports) == ["S1", "S1", "S2", "S2"]


@postgresql_only
def test_a_job_that_waits_takes_over_the_request_of_an_editor(
    world: World, fleet: Fleet, host: MetricsHost
) -> None:
    """It may not be due when it starts, and would then do nothing."""
    assert fleet.exports == []
    executor = ProcrastinateExecutor(host._store)  # noqa: SLF001
    key = SurveyKey("acme", "con_1", "S1")
    for forced in (False, False, True, False):
        executor.submit(key, forced=forced)
    waiting = world.query(f"SELECT args FROM {SCHEMA}.procrastinate_jobs")  # noqa: S608
    assert waiting == [({**key._asdict(), "forced": True, "resumed": False},)]
    executor.close()


@postgresql_only
def test_a_job_of_another_release_is_dropped(world: World, fleet: Fleet, host: MetricsHost) -> None:
    """Queued or left by a dead worker, a job that cannot be read is only logged."""
    for status in ("todo", "doing"):
        for task in ("smaply_metrics.refresh", "smaply_metrics.unheard_of"):
            world.query(
                f"SET LOCAL search_path = {SCHEMA};"  # noqa: S608
                " INSERT INTO procrastinate_jobs (queue_name, task_name, status)"
                f" VALUES ('smaply-metrics', '{task}', '{status}')"
            )
    worker = fleet.start_worker()
    cards = host.cards.load(VIEWER, wait=SECONDS)
    assert {card.freshness for card in cards} == {Freshness.FRESH}
    until(lambda: queued(world) + queued(world, "doing") + queued(world, "failed") == 0)
    assert worker.process.is_alive()


@postgresql_only
def test_a_worker_survives_a_restart_of_the_server(
    world: World, fleet: Fleet, host: MetricsHost
) -> None:
    """It reconnects, and the running refresh is saved."""
    worker = exporting_worker(fleet, host)
    world.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    fleet.release()
    cards = host.cards.load(VIEWER, wait=SECONDS)
    assert [card.text for card in cards] == ["4.0", "1.5"]
    host.cards.load(EDITOR, wait=SECONDS, force=True)
    assert sorted(fleet.exports) == ["S1", "S1", "S2", "S2"]
    assert worker.process.is_alive()


@postgresql_only
def test_a_stopped_worker_leaves_no_attempt(world: World, fleet: Fleet, host: MetricsHost) -> None:
    """Its refresh is not an attempt, holds no lease, and is queued for the next worker."""
    stopped = exporting_worker(fleet, host)
    stopped.process.terminate()
    assert f"SystemExit: {128 + signal.SIGTERM}" in stopped.wait()
    assert world.query("SELECT count(*) FROM leases WHERE owner IS NOT NULL") == [(0,)]
    assert world.query("SELECT count(*) FROM attempts") == [(0,)]
    assert (queued(world), queued(world, "doing")) == (2, 0)


@postgresql_only
def test_a_signal_that_interrupts_no_wait_stops_the_worker(
    fleet: Fleet,
) -> None:
    """As one that comes between the last look at signals and the wait, which would be lost."""
    stopped = fleet.start_worker(run=run_worker_without_interrupts)
    stopped.process.terminate()
    assert f"SystemExit: {128 + signal.SIGTERM}" in stopped.wait()


@postgresql_only
def test_a_metric_made_during_an_export_gets_a_second_one(fleet: Fleet, host: MetricsHost) -> None:
    """A worker whose survey is being refreshed waits and runs the job afterwards."""
    exporting_worker(fleet, host)
    new = host.metrics.add(EDITOR, "shop", "Responses", RESPONSES)
    fleet.release()
    (card,) = host.cards.load(VIEWER, [new.id], wait=SECONDS)
    assert (card.text, card.freshness) == ("4", Freshness.FRESH)
    assert sorted(fleet.exports) == ["S1", "S1", "S2"]


@postgresql_only
def test_the_tables_of_the_queue_are_created_once_and_migrated(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tables of an earlier Procrastinate get each later migration once."""
    store = Store(world.where)
    prepare_queue(store)
    prepare_queue(store)
    script = "CREATE TABLE added (percent text DEFAULT '100 %:x'); COMMENT ON TABLE added IS '';"
    (tmp_path / "99.00.00_01_pre_later.sql").write_text(script)
    monkeypatch.setattr(SchemaManager, "get_migrations_path", lambda: str(tmp_path))
    prepare_queue(store)
    prepare_queue(store)
    assert world.query(f"SELECT count(*) FROM {SCHEMA}.added") == [(0,)]  # noqa: S608
    monkeypatch.undo()
    for _ in range(2):
        prepare_queue(store)  # The earlier release again, as during the upgrade of a fleet.
    ((made,),) = world.query(f"SELECT obj_description('{SCHEMA}'::regnamespace, 'pg_namespace')")
    assert made == "99.00.00_01_pre_later.sql"
    world.query(f"DROP SCHEMA {SCHEMA} CASCADE")
    store.close()


@sqlite_only
def test_sqlite_has_no_workers(world: World, tmp_path: Path) -> None:
    """A worker on SQLite raises an error that says what is missing."""
    with pytest.raises(InputError, match="PostgreSQL"):
        world.open().worker()
    environment = {"SMAPLY_METRICS_REFRESH_EXECUTOR": "procrastinate"}
    settings = Settings.from_environment(tmp_path, environment, account="acme")
    with pytest.raises(InputError, match="PostgreSQL") as refused:
        MetricsHost(settings)
    assert "SMAPLY_METRICS_DATABASE_URL" in refused.value.remedy


def test_an_unknown_executor_is_refused(tmp_path: Path) -> None:
    """The message lists the valid ones."""
    environment = {"SMAPLY_METRICS_REFRESH_EXECUTOR": "celery"}
    with pytest.raises(InputError, match="celery") as refused:
        Settings.from_environment(tmp_path, environment, account="acme")
    assert json.dumps("threads or procrastinate")[1:-1] in refused.value.remedy
