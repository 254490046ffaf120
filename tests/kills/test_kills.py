"""Processes killed at every step of what they do, and at random moments: nothing is lost."""

from __future__ import annotations

import itertools
import os
import random
import secrets
import shutil
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from smaply_metrics_core.host.store.engine import parse_database_url
from tests.host.host_process import open_host
from tests.host.test_concurrent_starts import create_earlier_queue, migrate_to, queue_version
from tests.kills import stepped
from tests.kills.campaign import HOUR, Campaign, ledger_of, make_told
from tests.kills.invariants import Ledger, check
from tests.kills.work import Report
from tests.processes import Children

if TYPE_CHECKING:
    from tests.postgresql_server import PrivatePostgres

RELEASES = Path(__file__).parents[1] / "host" / "store" / "releases"
KILLED = f"exit code {-signal.SIGKILL}"
STRIDE = int(os.environ.get("KILL_STRIDE", "4"))
"""Of operations, and of migrations on PostgreSQL, every so many steps; `make kills` tries each."""

MIGRATIONS = "two processes for each statement of the migrations"


Reset = Callable[[], dict[str, Any]]
"""Returns what a process has to know, to begin as every other one did."""


def kill_at_each_step(
    children: Children, operation: str, reset: Reset, *, first: int = 1, stride: int = 1
) -> int:
    """Run an operation once for each of its steps, killed there, and then again to its end.

    Args:
        children: Starts the processes.
        operation: A function of ``stepped``.
        reset: Called before each kill.
        first: The first step.
        stride: 1 for each step, more for some of them.

    Returns:
        The number of steps.
    """
    for at in itertools.count(first, stride):
        told = {**reset(), "at": at}
        child = children.start(stepped.at_step, told, operation)
        ended = child.wait()
        if ended != KILLED:
            assert ended == ""
            steps: int = child.receive()
            assert at - stride <= steps < at, "the steps up to the last were tried"
            return steps
        again = children.start(stepped.at_step, {**told, "at": 0}, operation)
        assert again.wait() == "", f"the start after a kill at step {at}"
    raise AssertionError


def metrics_and_values(store: Path) -> list[tuple[Any, ...]]:
    """Return the definitions and values of a SQLite store of any release."""
    with closing(sqlite3.connect(store)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return db.execute(
            "SELECT id, name, definition, result FROM metrics LEFT JOIN metric_values "
            "ON metric_id = id ORDER BY id"
        ).fetchall()


def rows_of_release(folder: Path) -> dict[str, Any]:
    """Return a home with the store that the first release wrote."""
    told = {**make_told(folder, None), "key": None}
    with closing(sqlite3.connect(Path(told["home"]) / "store.db")) as db, db:
        db.executescript((RELEASES / "0001.sql").read_text(encoding="utf-8"))
    return told


@pytest.mark.deep(reason=MIGRATIONS)
def test_kills_inside_the_creation_of_a_sqlite_store(tmp_path: Path) -> None:
    """Whatever statement was the last, the next start continues, and the store works."""
    told = make_told(tmp_path, None)

    def reset() -> dict[str, Any]:
        shutil.rmtree(told["home"])
        return told

    with Children() as children:
        assert kill_at_each_step(children, "open_only", reset) > 20
    check(told, Ledger())


@pytest.mark.deep(reason=MIGRATIONS)
def test_kills_inside_the_upgrade_of_a_sqlite_store(tmp_path: Path) -> None:
    """The upgrade of an earlier release's store loses no row, wherever it was killed."""
    told = rows_of_release(tmp_path)
    store = Path(told["home"]) / "store.db"
    shutil.copy(store, tmp_path / "released.db")
    before = metrics_and_values(store)

    def reset() -> dict[str, Any]:
        if store.stat().st_size:
            assert metrics_and_values(store) == before
        for path in store.parent.glob("store.db*"):
            path.unlink()
        shutil.copy(tmp_path / "released.db", store)
        return told

    with Children() as children:
        assert kill_at_each_step(children, "open_only", reset) > 10
    assert metrics_and_values(store) == before


@pytest.mark.deep(reason=MIGRATIONS)
@pytest.mark.parametrize("before", ["nothing", "0001", "no queue", "03.04.00"])
def test_kills_inside_the_migrations_of_postgresql(
    before: str, postgres: PrivatePostgres, tmp_path: Path
) -> None:
    """The tables of the store and of the queue are created and upgraded after a kill."""
    template = postgres.make_database()
    url = postgres.url(template)
    told = make_told(tmp_path, url)
    if before == "0001":
        migrate_to(parse_database_url(url), before)
    elif before != "nothing":
        open_host({**told, "refresher": "threads"}).close()
    if before.startswith("03"):
        create_earlier_queue(url, before)

    copies = [postgres.make_database(template)]

    def reset() -> dict[str, Any]:
        postgres.drop_database(copies.pop())
        copies.append(postgres.make_database(template))
        told["database"] = postgres.url(copies[-1])
        return told

    first = random.randrange(1, STRIDE + 1)  # noqa: S311  # No secret.
    with Children() as children:
        steps = kill_at_each_step(children, "open_queue", reset, first=first, stride=STRIDE)
    assert steps > 5
    assert queue_version(told["database"])
    check({**told, "refresher": "threads"}, Ledger())


@pytest.mark.deep(reason="one process for each step of the operation")
@pytest.mark.parametrize("operation", stepped.OPERATIONS, ids=lambda each: each.__name__)
def test_kills_at_each_step_of_an_operation(operation: Any, tmp_path: Path) -> None:  # noqa: ANN401
    """After each kill everything that was stored before is there, and the operation works."""
    told = make_told(tmp_path, None)
    with Children() as children:
        assert children.start(stepped.set_up, told).wait() == ""
        ledger = ledger_of(told)
        at, ended = random.randrange(STRIDE), KILLED  # noqa: S311  # No secret.
        while ended == KILLED:
            at += STRIDE
            told["ahead"] += HOUR
            ended = children.start(stepped.at_step, {**told, "at": at}, operation.__name__).wait()
            told["ahead"] += HOUR
            check(told, ledger)
        assert ended == ""


def rows_of_accounts(store: Path) -> dict[str, list[str]]:
    """Return the rows of each account in every table of a SQLite store."""
    found: dict[str, list[str]] = {"acme": [], "globex": []}
    with closing(sqlite3.connect(store)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        for (table,) in db.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table'"
        ).fetchall():
            for row in db.execute(f"SELECT * FROM {table}").fetchall():  # noqa: S608  # Our tables.
                for account, rows in found.items():
                    if account in row:
                        rows.append(f"{table} {row}")
    return found


@pytest.mark.deep(reason="two processes for every eighth step of the deletion")
def test_kills_inside_the_deletion_of_an_account(tmp_path: Path) -> None:
    """Repeated after a kill, it leaves nothing of the account, and others as they were."""
    told = make_told(tmp_path, None)
    home, before = Path(told["home"]), tmp_path / "before"
    with Children() as children:
        assert children.start(stepped.set_up_two_accounts, told).wait() == ""
    rows = rows_of_accounts(home / "store.db")
    assert min(len(found) for found in rows.values()) > 5
    home.rename(before)

    def check_deletion() -> None:
        assert rows_of_accounts(home / "store.db") == {"acme": [], "globex": rows["globex"]}
        files = (path for path in home.rglob("*") if path.is_file())
        assert [path for path in files if b"acme" in path.read_bytes()] == []
        assert not (home / "files" / "acme").exists()
        assert len(list((home / "files" / "globex" / "surveys").iterdir())) == 3

    def reset() -> dict[str, Any]:
        if home.exists():
            check_deletion()
            shutil.rmtree(home)
        shutil.copytree(before, home)
        return told

    first = random.randrange(1, 2 * STRIDE + 1)  # noqa: S311  # No secret.
    with Children() as children:
        operation = "delete_account"
        steps = kill_at_each_step(children, operation, reset, first=first, stride=2 * STRIDE)
    assert steps > 40
    check_deletion()


@pytest.mark.deep(reason="50 kills at random moments, and a check of everything after each")
def test_kills_at_random_moments(tmp_path: Path, postgres: PrivatePostgres) -> None:
    """A sample of the campaign: hosts, workers, commands and the reference host."""
    seed = secrets.randbelow(1_000_000)
    print(f"seed {seed}")  # noqa: T201  # Shown if the test fails.
    campaign = Campaign(tmp_path, seed)
    campaign.run(26, None)
    campaign.run(24, postgres)
    assert sum(campaign.killed.values()) == 50
    assert campaign.reports


def test_the_check_notices_a_loss(tmp_path: Path) -> None:
    """It fails for a metric, a connection or a bundle that was reported and is not there."""
    told = make_told(tmp_path, None)
    with Children() as children:
        assert children.start(stepped.set_up, told).wait() == ""
    told["ahead"] += HOUR
    check(told, Ledger())
    for ledger in (
        Ledger(metrics={("acme", "met_lost")}),
        Ledger(connections={("acme", "con_lost")}),
        Ledger(bundles={"lost.zip"}),
    ):
        with pytest.raises(AssertionError):
            check(told, ledger)
    assert Report("metric", "acme", "met_lost").at is None
