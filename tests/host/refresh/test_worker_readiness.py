"""Workers without keys do not start; others hand back what they cannot refresh."""

from __future__ import annotations

import logging
import signal
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from smaply_metrics_core.errors import (
    EncryptionError,
    EncryptionKeyMissing,
    SourceUnavailable,
    StoreUnavailable,
)
from smaply_metrics_core.host import AllowedDestinations, Freshness, MetricsHost, Settings
from smaply_metrics_core.host.connections.keys import new_key
from smaply_metrics_core.host.refresh import worker as worker_module
from smaply_metrics_core.host.refresh.procrastinate_queue import (
    TASK,
    ProcrastinateExecutor,
)
from smaply_metrics_core.host.refresh.survey_refresh import SurveyRefresh
from smaply_metrics_core.host.store.queued_jobs import QUEUE, SCHEMA
from smaply_metrics_core.observability.correlation import correlated
from smaply_metrics_core.observability.log_output import (
    LogFormat,
    LogLevel,
    logging_to_stderr,
    settings_warnings_to_stderr,
)
from smaply_metrics_core.sources.registry import SourceRegistry
from tests.host.child_processes import connected_host, fleet_in, until
from tests.host.conftest import (
    ADMIN,
    AVERAGE,
    EDITOR,
    KEY,
    TOKEN,
    VIEWER,
    postgresql_only,
)
from tests.host.fake_source import entry_point
from tests.host.host_process import run_command
from tests.postgresql_server import running_postgres
from tests.processes import SECONDS, Children
from tests.required_programs import require_postgres

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.host.conftest import World
    from tests.processes import Child

VARIABLE = "SMAPLY_METRICS_ENCRYPTION_KEYS"


@pytest.fixture
def queue(world: World) -> Iterator[None]:
    """Delete the tables of the queue after the test."""
    yield
    for host in world.opened:
        host.close()
    world.query(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")


def open_queueing(world: World, keys: str = KEY, *, source: bool = True) -> MetricsHost:
    """Open a host in this process that queues its refreshes."""
    points = [entry_point("shop", world.shop)] if source else []
    host = MetricsHost(
        Settings(
            home=world.home,
            allowed=AllowedDestinations(store=world.home / "store.db"),
            database_url=SecretStr(world.database or ""),
            encryption_keys=SecretStr(keys),
            refresh_executor="procrastinate",
        ),
        registry=SourceRegistry(entry_points=lambda: points),
    )
    world.opened.append(host)
    return host


def jobs(world: World) -> int:
    """Return the number of jobs in the queue."""
    ((count,),) = world.query(f"SELECT count(*) FROM {SCHEMA}.procrastinate_jobs")  # noqa: S608
    return int(count)


def start_command(children: Children, world: World, errors: Path, **environment: str) -> Child:
    """Start the command of a worker in a process of its own, with a file as standard error."""
    variables = {
        "SMAPLY_METRICS_HOME": str(world.home),
        "SMAPLY_METRICS_DATABASE_URL": world.database or "",
        "SMAPLY_METRICS_REFRESH_EXECUTOR": "procrastinate",
        **environment,
    }
    return children.start(run_command, ["worker", "run"], variables, str(errors))


@postgresql_only
@pytest.mark.usefixtures("queue")
def test_a_worker_without_keys_takes_no_job(world: World, tmp_path: Path) -> None:
    """It does not start, whether the key is missing or not valid."""
    host = open_queueing(world)
    host.connections.connect(ADMIN, "shop", {"api_token": TOKEN})
    host.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    host.cards.load(VIEWER)
    with pytest.raises(EncryptionKeyMissing):
        open_queueing(world, " ").worker()
    with pytest.raises(EncryptionError, match="not valid"):
        open_queueing(world, "hunter2").worker()
    errors = tmp_path / "errors"
    with Children() as children:
        assert "SystemExit: 1\n" in start_command(children, world, errors).wait()
    assert f"{VARIABLE} is not set" in " ".join(errors.read_text(encoding="utf-8").split())
    assert jobs(world) == 1
    assert world.query("SELECT count(*) FROM attempts") == [(0,)]


@postgresql_only
@pytest.mark.usefixtures("queue")
def test_the_command_logs_its_start_and_end(world: World, tmp_path: Path) -> None:
    """Each line on standard error has a time in UTC and a level."""
    errors = tmp_path / "errors"
    errors.touch()
    with Children() as children:
        command = start_command(children, world, errors, **{VARIABLE: KEY})
        until(lambda: "The worker has started" in errors.read_text(encoding="utf-8"))
        command.process.terminate()
        assert f"SystemExit: {128 + signal.SIGTERM}\n" in command.wait()
    lines = errors.read_text(encoding="utf-8").splitlines()
    logged = [line for line in lines if " INFO " in line]
    assert len(logged) == 2
    assert logged[0][:2] == "20"
    assert logged[0].split(" ")[0].endswith("Z")
    assert "The worker has stopped" in logged[1]


def test_the_log_of_the_command_is_removed_afterwards(capsys: pytest.CaptureFixture[str]) -> None:
    """Records from the level on are written, of libraries only warnings."""
    log = logging.getLogger("smaply_metrics_core")
    before = (list(log.handlers), log.level)
    with (
        settings_warnings_to_stderr("smaply_metrics_core.environment", LogFormat.TEXT),
        logging_to_stderr(LogLevel.INFO),
    ):
        logging.getLogger("smaply_metrics_core.host.refresh").info("shown")
        logging.getLogger("smaply_metrics_core.host.refresh").debug("hidden")
        logging.getLogger("procrastinate.worker").info("hidden")
        logging.getLogger("procrastinate.worker").error("shown too")
    assert (list(log.handlers), log.level) == before
    printed = capsys.readouterr().err
    assert "shown" in printed
    assert "shown too" in printed
    assert "hidden" not in printed


@postgresql_only
@pytest.mark.usefixtures("queue")
def test_failed_jobs_are_logged(
    world: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A known problem on one line, an unexpected exception with its traceback."""
    caplog.set_level(logging.INFO, "smaply_metrics_core")
    host = open_queueing(world)
    host.connections.connect(ADMIN, "shop", {"api_token": TOKEN})
    host.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    world.shop.failure = SourceUnavailable("The shop is closed.")
    with host.worker(1):
        (card,) = host.cards.load(VIEWER, wait=SECONDS)
        assert card.freshness is Freshness.FAILED
        (line,) = [one.getMessage() for one in caplog.records if "failed for 1" in one.getMessage()]
        assert line.startswith("The refresh of survey S1 failed for 1 of 1 metrics: The shop is ")
        assert " account=acme connection=con_" in line

        def fail(*_: object, **__: object) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(SurveyRefresh, "__call__", fail)
        host.cards.load(EDITOR, force=True)
        until(lambda: "ZeroDivisionError" in caplog.text)
        until(lambda: jobs(world) == 0)
    assert "The refresh of survey S1 (account acme, connection con_" in caplog.text
    assert TOKEN not in caplog.text


@postgresql_only
@pytest.mark.usefixtures("queue")
def test_a_job_has_the_correlation_id_of_its_request(
    world: World, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """The load queues it in one process; the worker logs and stores it. It writes a heartbeat."""
    caplog.set_level(logging.INFO, "smaply_metrics_core")
    host = open_queueing(world)
    host.connections.connect(ADMIN, "shop", {"api_token": TOKEN})
    metric = host.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    heartbeat = tmp_path / "heartbeat"
    with correlated("web-1"):
        host.cards.load(VIEWER)
    with host.worker(1, heartbeat_file=heartbeat):
        until(lambda: jobs(world) == 0)
        until(heartbeat.exists)
    lines = [record.getMessage() for record in caplog.records]
    ended = [line for line in lines if line.startswith(("Refreshed survey S1", "The job ended"))]
    assert len(ended) == 2
    assert all(line.endswith(" correlation_id=web-1") for line in ended)
    (attempt,) = host.cards.explain(VIEWER, metric.id).attempts
    assert attempt.correlation_id == "web-1"
    assert heartbeat.read_text(encoding="ascii").startswith("20")
    gone = tmp_path / "gone" / "heartbeat"
    with host.worker(1, heartbeat_file=gone):
        until(lambda: "The heartbeat could not be written" in caplog.text)


@postgresql_only
@pytest.mark.usefixtures("queue")
@pytest.mark.parametrize("lacking", ["key", "source"])
def test_a_job_is_handed_back_a_few_times(
    world: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, lacking: str
) -> None:
    """While no worker can refresh it, the job ends after some attempts, and the card says why.

    The next load queues the survey again.
    """
    monkeypatch.setattr(worker_module, "LEFT_SECONDS", 0.01)
    monkeypatch.setattr(worker_module, "MOST_LEFT", 2)
    monkeypatch.setattr(worker_module, "RETRY_SECONDS", 0.05)
    host = open_queueing(world)
    host.connections.connect(ADMIN, "shop", {"api_token": TOKEN})
    host.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    host.cards.load(VIEWER)
    other = open_queueing(world, new_key() if lacking == "key" else KEY, source=lacking == "key")
    with other.worker(1):
        until(lambda: jobs(world) == 0)
        (card,) = host.cards.load(VIEWER, refresh=False)
        assert card.problem is not None
        assert card.freshness is Freshness.NEVER
        assert world.query("SELECT count(*) FROM attempts") == [(0,)]
        assert world.query("SELECT count(*) FROM leases WHERE owner IS NOT NULL") == [(0,)]
        host.cards.load(VIEWER)
        until(lambda: jobs(world) == 0)
    assert caplog.text.count("leaves it to other processes: ") == 1
    assert world.shop.fetches == []
    with host.worker(1):
        (card,) = host.cards.load(VIEWER, wait=SECONDS)
    assert (card.text, card.problem) == ("4.0", None)


@postgresql_only
@pytest.mark.usefixtures("queue")
def test_a_left_job_is_offered_to_other_workers_first(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that lacks the key does not compete for it with one that has the key.

    Both look for jobs all the time, and the job ends when it is left a second time.
    """
    monkeypatch.setattr(worker_module, "MOST_LEFT", 1)
    monkeypatch.setattr(worker_module, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(worker_module, "LEFT_SECONDS", float(SECONDS))
    host = open_queueing(world)
    host.connections.connect(ADMIN, "shop", {"api_token": TOKEN})
    host.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    host.cards.load(VIEWER)
    with open_queueing(world, new_key()).worker(1):
        until(lambda: world.query("SELECT count(left_at) FROM connections") == [(1,)])
        with host.worker(1):
            until(lambda: jobs(world) == 0)
    (card,) = host.cards.load(VIEWER, refresh=False)
    assert (card.text, card.problem) == ("4.0", None)


@pytest.mark.deep(reason="two workers in processes of their own")
@postgresql_only
def test_a_worker_with_the_key_takes_over(world: World, tmp_path: Path) -> None:
    """In a fleet of which one worker lacks the key, every survey is refreshed once."""
    with (
        fleet_in(tmp_path, world.database, "procrastinate") as fleet,
        connected_host(fleet) as host,
    ):
        fleet.start_worker(new_key())
        host.cards.load(VIEWER)
        until(lambda: world.query("SELECT count(left_at) FROM connections") == [(1,)])
        fleet.start_worker()
        cards = host.cards.load(VIEWER, wait=SECONDS)
        assert {(card.freshness, card.problem) for card in cards} == {(Freshness.FRESH, None)}
        assert sorted(fleet.exports) == ["S1", "S2"]
    world.query(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")


@pytest.mark.deep(reason="half a minute until the pool gives up")
def test_a_stopped_database_ends_the_worker_with_its_error(tmp_path: Path) -> None:
    """The same error as elsewhere: it can be retried, and names no server."""
    with running_postgres(require_postgres()) as server:
        host = MetricsHost(
            Settings(
                home=tmp_path,
                allowed=AllowedDestinations(),
                database_url=SecretStr(server.url(server.make_database())),
                encryption_keys=SecretStr(KEY),
            ),
            registry=SourceRegistry(entry_points=list),
        )
        worker = host.worker(1)
    with pytest.raises(StoreUnavailable) as refused, worker:
        worker.wait()
    assert refused.value.retryable
    assert str(server.folder) not in refused.value.message + refused.value.remedy
    host.close()


@postgresql_only
@pytest.mark.usefixtures("queue")
def test_jobs_of_earlier_releases_name_the_source(world: World) -> None:
    """A worker refreshes the only connection to it; with several, the next load queues a job."""
    host = open_queueing(world)
    host.connections.connect(ADMIN, "shop", {"api_token": TOKEN})
    host.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    job: dict[str, str | bool] = {
        "account": "acme",
        "source": "shop",
        "survey_id": "S1",
        "forced": True,
    }
    executor = ProcrastinateExecutor(host._store)  # noqa: SLF001
    queue = executor._open().configure_task(TASK, queue=QUEUE)  # noqa: SLF001
    with host.worker(1):
        queue.defer(**job, resumed=False)
        until(lambda: jobs(world) == 0)
        assert [len(queries) for _, queries in world.shop.fetches] == [1]
        host.connections.connect(ADMIN, "shop", {"api_token": TOKEN}, name="EU")
        queue.defer(**job, resumed=True)
        until(lambda: jobs(world) == 0)
    executor.close()
    assert len(world.shop.fetches) == 1
