"""Child processes that share only a store with a test."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.host.conftest import ADMIN, AVERAGE, EDITOR, KEY, OTHER, TOKEN
from tests.host.host_process import open_host

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from smaply_metrics_core.host import MetricsHost

SECONDS = 180


def until(holds: Callable[[], bool]) -> None:
    """Wait until a condition holds that other processes fulfil."""
    end = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < end, "the condition did not hold in time"
        time.sleep(0.01)


@dataclass
class Fleet:
    """Processes on one store, and the log of the exports that they started."""

    instructions: dict[str, Any]
    folder: Path
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def exports(self) -> list[str]:
        """The surveys whose export was started, in order."""
        log = self.folder / "log"
        return log.read_text().split() if log.exists() else []

    def hold(self) -> None:
        """Block exports from now on."""
        (self.folder / "hold").touch()

    def release(self) -> None:
        """Let exports continue."""
        (self.folder / "hold").unlink(missing_ok=True)

    def start(
        self,
        module: str = "tests.host.host_process",
        *,
        threads: int = 1,
        wait: float = SECONDS,
        key: str = "",
    ) -> subprocess.Popen[str]:
        """Start a process, with another encryption key if one is given."""
        process = subprocess.Popen(
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.processes.append(process)
        instructions = {**self.instructions, "threads": threads, "wait": wait}
        if key:
            instructions["key"] = key
        self.send(process, json.dumps(instructions))
        return process

    def send(self, process: subprocess.Popen[str], line: str) -> None:
        """Send a line to a process."""
        assert process.stdin is not None
        process.stdin.write(f"{line}\n")
        process.stdin.flush()

    def receive(self, process: subprocess.Popen[str]) -> str:
        """Read a line of a process's output."""
        assert process.stdout is not None
        return process.stdout.readline().strip()

    def load(self, process: subprocess.Popen[str]) -> None:
        """Let a process load, once it is ready."""
        assert self.receive(process) == "ready"
        self.send(process, "go")

    def close(self) -> None:
        """Terminate the processes that still run."""
        self.release()
        for process in self.processes:
            process.kill()
            process.communicate()


@contextmanager
def fleet_in(folder: Path, database: str | None, refresh_executor: str) -> Iterator[Fleet]:
    """Yield a fleet on a store that no process has opened; it ends with the block."""
    instructions = {
        "home": str(folder / "home"),
        "key": KEY,
        "database": database,
        "log": str(folder / "log"),
        "hold": str(folder / "hold"),
        "lease": 4.0,
        "refresher": refresh_executor,
    }
    fleet = Fleet(instructions, folder)
    try:
        yield fleet
    finally:
        fleet.close()


@contextmanager
def connected_host(fleet: Fleet) -> Iterator[MetricsHost]:
    """Open a connected host in this process, with a metric on each of two surveys."""
    with open_host(fleet.instructions) as host:
        host.connections.connect(ADMIN, "shop", {"api_token": TOKEN})
        host.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
        host.metrics.add(EDITOR, "shop", "Elsewhere", OTHER)
        yield host
