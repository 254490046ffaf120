"""Processes that share a store with a test, and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.host.conftest import ADMIN, AVERAGE, EDITOR, OTHER, TOKEN
from tests.host.host_process import open_host

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from smaply_metrics_core.host import MetricsHost

SECONDS = 60


def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds, which other processes bring about."""
    end = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.01)


@dataclass
class Fleet:
    """Processes on one store, and the log of exports that any of them began."""

    told: dict[str, Any]
    folder: Path
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def exports(self) -> list[str]:
        """The surveys of which exports began, in order."""
        log = self.folder / "log"
        return log.read_text().split() if log.exists() else []

    def hold(self) -> None:
        """Let exports hang from now on."""
        (self.folder / "hold").touch()

    def let_go(self) -> None:
        """Let exports go on."""
        (self.folder / "hold").unlink(missing_ok=True)

    def start(
        self, module: str = "tests.host.host_process", *, threads: int = 1, wait: float = SECONDS
    ) -> subprocess.Popen[str]:
        """Start a process."""
        process = subprocess.Popen(
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.processes.append(process)
        told = {**self.told, "threads": threads, "wait": wait}
        self.say(process, json.dumps(told))
        return process

    def say(self, process: subprocess.Popen[str], line: str) -> None:
        """Give a process a line."""
        assert process.stdin is not None
        process.stdin.write(f"{line}\n")
        process.stdin.flush()

    def hear(self, process: subprocess.Popen[str]) -> str:
        """Read a line of what a process says."""
        assert process.stdout is not None
        return process.stdout.readline().strip()

    def go(self, process: subprocess.Popen[str]) -> None:
        """Let a process load, once it is ready."""
        assert self.hear(process) == "ready"
        self.say(process, "go")

    def close(self) -> None:
        """End what still runs."""
        self.let_go()
        for process in self.processes:
            process.kill()
            process.communicate()


@contextmanager
def fleet_in(folder: Path, database: str | None, refresh_executor: str) -> Iterator[Fleet]:
    """Give a fleet on a store that nobody has opened yet; it ends with the block."""
    told = {
        "home": str(folder / "home"),
        "database": database,
        "log": str(folder / "log"),
        "hold": str(folder / "hold"),
        "lease": 4.0,
        "refresher": refresh_executor,
    }
    fleet = Fleet(told, folder)
    try:
        yield fleet
    finally:
        fleet.close()


@contextmanager
def connected_host(fleet: Fleet) -> Iterator[MetricsHost]:
    """Open a host in this process, connected, with a metric on each of two surveys."""
    with open_host(fleet.told) as host:
        host.connections.connect(ADMIN, "shop", {"api_token": TOKEN})
        host.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
        host.metrics.add(EDITOR, "shop", "Elsewhere", OTHER)
        yield host
