"""A process that opened a host may fork: parent and children go on, as with gunicorn's preload."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.host import forked_hosts
from tests.host.child_processes import until
from tests.host.conftest import KEY, postgresql_only
from tests.processes import SECONDS, Children

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


OTHER_STORE = pytest.mark.deep(reason="1 to 3 s: processes that fork, as on the other store")


@pytest.fixture
def told(tmp_path: Path, database: str | None) -> dict[str, Any]:
    """What a process has to know to open a host."""
    return {
        "home": str(tmp_path / "home"),
        "key": KEY,
        "database": database,
        "log": str(tmp_path / "log"),
        "hold": str(tmp_path / "hold"),
        "lease": 4.0,
        "refresher": "threads",
        "forks": 2,
    }


@pytest.mark.parametrize(
    ("database", "scenario"),
    [
        ("sqlite", forked_hosts.preload),
        ("postgresql", forked_hosts.preload),
        ("sqlite", forked_hosts.preload_async),
        pytest.param("postgresql", forked_hosts.preload_async, marks=OTHER_STORE),
        ("sqlite", forked_hosts.fork_from_threads),
        pytest.param("postgresql", forked_hosts.fork_from_threads, marks=OTHER_STORE),
        pytest.param("sqlite", forked_hosts.fork_with_subscriptions, marks=OTHER_STORE),
        ("postgresql", forked_hosts.fork_with_subscriptions),  # Which listens to the server.
        ("sqlite", forked_hosts.fork_during_transactions),
        ("postgresql", forked_hosts.fork_during_transactions),
        ("sqlite", forked_hosts.fork_after_native_threads),
        pytest.param("postgresql", forked_hosts.fork_after_native_threads, marks=OTHER_STORE),
    ],
    ids=lambda one: getattr(one, "__name__", one),
    indirect=["database"],
)
def test_parent_and_children_use_the_host(
    scenario: Callable[..., None], told: dict[str, Any]
) -> None:
    """Every child loads, refreshes, connects and previews, and so does its parent afterwards."""
    with Children() as children:
        assert children.start(scenario, told).wait() == ""


@pytest.mark.postgresql_deep(reason="3 s: an interpreter that forks")
def test_children_that_end_leave_the_parent_alone(told: dict[str, Any]) -> None:
    """Finalizers of a child close no connection and remove no folder of its parent."""
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.host.forked_hosts"],
        input=json.dumps(told) + "\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    assert ended.stderr == ""
    assert (ended.returncode, ended.stdout) == (0, "")


@postgresql_only
def test_the_transaction_of_a_killed_parent_ends(told: dict[str, Any]) -> None:
    """A child holds no copy of a connection, so the server notices the death of its parent."""
    with Children() as children, psycopg.connect(told["database"], autocommit=True) as db:
        parent = children.start(forked_hosts.outlived_by_a_child, told)
        child = parent.receive()
        parent.kill()
        try:

            def ended() -> bool:
                found = db.execute(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                    "AND state = 'idle in transaction'"
                )
                return found.fetchone() == (0,)

            until(ended)
        finally:
            os.kill(child, signal.SIGKILL)
