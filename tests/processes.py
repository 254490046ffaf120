"""Processes that start in milliseconds, because the modules they need are imported once.

A server process imports the modules and forks for each start; it has no threads and no
connections, so that its children are like processes that were started by a shell.
"""

from __future__ import annotations

import importlib
import multiprocessing
import traceback
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkServerProcess

SECONDS: Final = 180
"""How long a test waits for other processes, only to end if one of them hangs."""

_PRELOADED: Final = [
    "alembic.command",
    "alembic.config",
    "alembic.ddl.postgresql",
    "alembic.ddl.sqlite",
    "cryptography.hazmat.primitives.ciphers.aead",
    "httpcore",
    "packaging.requirements",
    "procrastinate.schema",
    "procrastinate.worker",
    "psycopg_pool",
    "sqlalchemy.dialects.postgresql.psycopg",
    "smaply_metrics_core.cli.app",
    "smaply_metrics_core.cli.commands.db",
    "smaply_metrics_core.host.refresh.worker",
    "smaply_metrics_core.host.services",
    "smaply_metrics_core.http.client",
    "smaply_metrics_core.http.login_sessions",
    "smaply_metrics_core.http.transport",
    "tests.host.concurrent_starts",
    "tests.host.events.consuming_processes",
    "tests.host.forked_hosts",
    "tests.host.host_process",
    "tests.kills.stepped",
]
"""Modules that the server imports; a function may import others in its own process."""

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(_PRELOADED)


@dataclass
class Child:
    """A process that runs one function.

    Attributes:
        process: The process.
        pipe: What the function got as its first argument, from the other side.
    """

    process: ForkServerProcess
    pipe: Connection
    _failure: Connection = field(repr=False)

    def receive(self) -> Any:  # noqa: ANN401  # Whatever the function sent.
        """Return what the function sent next."""
        assert self.pipe.poll(SECONDS), "the process did not answer"
        return self.pipe.recv()

    def kill(self) -> None:
        """Send SIGKILL and wait for the end."""
        self.process.kill()
        self.process.join(SECONDS)

    def wait(self) -> str:
        """Wait for the end, and return the traceback of the function: empty if it succeeded."""
        self.process.join(SECONDS)
        assert self.process.exitcode is not None, "the process did not end"
        try:
            return str(self._failure.recv())
        except EOFError:
            return f"exit code {self.process.exitcode}"


class Children:
    """Starts processes, and kills those that are left when its block ends."""

    def __init__(self) -> None:
        self._started: list[Child] = []

    def start(self, function: Callable[..., object], *args: object) -> Child:
        """Start a process that calls a function of a module with a pipe and these arguments."""
        ours, theirs = _context.Pipe()
        failure, end = _context.Pipe(duplex=False)
        name = (function.__module__, function.__qualname__)
        process = _context.Process(target=_run, args=(name, theirs, end, args), daemon=True)
        process.start()
        theirs.close()
        end.close()
        child = Child(process, ours, failure)
        self._started.append(child)
        return child

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Kill what still runs."""
        for child in self._started:
            child.kill()
            child.pipe.close()


def _run(
    name: tuple[str, str], pipe: Connection, failure: Connection, args: tuple[object, ...]
) -> None:
    function = getattr(importlib.import_module(name[0]), name[1])
    try:
        function(pipe, *args)
    except BaseException:  # noqa: BLE001  # Reported to the test.
        failure.send(traceback.format_exc())
    else:
        failure.send("")
