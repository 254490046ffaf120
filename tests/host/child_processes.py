"""Child processes that share only a store with a test."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tests.host.conftest import ADMIN, AVERAGE, EDITOR, KEY, OTHER, TOKEN
from tests.host.host_process import READY, load_cards, open_host, run_worker
from tests.processes import SECONDS, Children

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection
    from pathlib import Path

    from smaply_metrics_core.host import MetricsHost
    from tests.host.host_process import Told
    from tests.processes import Child


SHORT_LEASE: Final = 4.0
"""Seconds, for tests in which a lease expires. On a busy machine a process that stands still for a
third of it is taken for dead, so other tests use the default."""


def until(holds: Callable[[], bool]) -> None:
    """Wait until a condition holds that other processes fulfil."""
    end, pause = time.monotonic() + SECONDS, 0.01
    while not holds():
        assert time.monotonic() < end, "the condition did not hold in time"
        time.sleep(pause)
        pause = min(pause * 1.5, 0.2)


@dataclass
class Fleet:
    """Processes on one store, and the log of the exports that they started."""

    instructions: dict[str, Any]
    folder: Path
    children: Children

    @property
    def exports(self) -> list[str]:
        """The surveys whose export was started, in order."""
        log = self.folder / "log"
        return log.read_text().split() if log.exists() else []

    def shorten_leases(self) -> None:
        """Let the leases of processes that start from now on expire soon."""
        self.instructions["lease"] = SHORT_LEASE

    def hold(self) -> None:
        """Block exports from now on."""
        (self.folder / "hold").touch()

    def release(self) -> None:
        """Let exports continue."""
        (self.folder / "hold").unlink(missing_ok=True)

    def start(self, *, threads: int = 1, wait: float = SECONDS) -> Child:
        """Start a host, which loads every card when ``load`` lets it."""
        return self.children.start(
            load_cards, {**self.instructions, "threads": threads, "wait": wait}
        )

    def load(self, *hosts: Child) -> None:
        """Let hosts load, once all are ready."""
        for host in hosts:
            assert host.receive() == READY
        for host in hosts:
            host.pipe.send("go")

    def start_worker(
        self, key: str = KEY, run: Callable[[Connection, Told], None] = run_worker
    ) -> Child:
        """Start a worker with this encryption key, and return it once it accepts jobs."""
        worker = self.children.start(run, {**self.instructions, "key": key})
        assert worker.receive() == READY
        return worker


@contextmanager
def fleet_in(folder: Path, database: str | None, refresh_executor: str) -> Iterator[Fleet]:
    """Yield a fleet on a store that no process has opened; it ends with the block."""
    instructions = {
        "home": str(folder / "home"),
        "key": KEY,
        "database": database,
        "log": str(folder / "log"),
        "hold": str(folder / "hold"),
        "lease": 90.0,
        "refresher": refresh_executor,
    }
    with Children() as children:
        fleet = Fleet(instructions, folder, children)
        try:
            yield fleet
        finally:
            fleet.release()


@contextmanager
def connected_host(fleet: Fleet) -> Iterator[MetricsHost]:
    """Open a connected host in this process, with a metric on each of two surveys."""
    with open_host(fleet.instructions) as host:
        host.connections.connect(ADMIN, "shop", {"api_token": TOKEN})
        host.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
        host.metrics.add(EDITOR, "shop", "Elsewhere", OTHER)
        yield host
