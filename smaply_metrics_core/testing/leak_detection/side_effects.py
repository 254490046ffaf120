"""Detects side effects of a source.

These are changes of process state, started processes, written files and calls of ``time.sleep``. A
Python audit hook detects processes and files.
"""

from __future__ import annotations

import locale
import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, Final, SupportsIndex

AuditListener = Callable[[str, tuple[Any, ...]], object]
"""Called with the name and the arguments of each audit event."""

MAX_FILE_BYTES: Final = 32 * 1024 * 1024
"""Maximum number of bytes of a written file that are searched for secrets."""

_PROCESS_EVENTS: Final = {
    "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn",
}  # fmt: skip

_SHARED_VARIABLES: Final = (
    "TZ", "LANG", "LC_ALL", "HOME", "PATH", "TMPDIR", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
)  # fmt: skip
"""Variables that all code in the process reads; others may be set by libraries on import."""

_listeners: Final[list[AuditListener]] = []
"""The current listeners of the audit hook, which cannot be removed from its process."""


@contextmanager
def detect_process_changes(changes: list[str]) -> Iterator[None]:
    """Add the names of process state that the block changes, and restore it if possible."""
    before = _process_state()
    try:
        yield
    finally:
        after = _process_state()
        changes += [name for name, value in before.items() if after[name] != value]
        os.chdir(before["the working directory"])
        socket.setdefaulttimeout(before["the default socket timeout"])
        locale.setlocale(locale.LC_ALL, before["the locale"])
        root = logging.getLogger()
        root.setLevel(before["the root log level"])
        root.handlers[:] = before["the root log handlers"]
        logging.disable(before["the disabled log level"])
        sys.path[:] = before["the module search path"]


def _process_state() -> Mapping[str, Any]:
    root = logging.getLogger()
    return {
        "the working directory": Path.cwd(),
        "the environment": {name: os.environ.get(name) for name in _SHARED_VARIABLES},
        "the default socket timeout": socket.getdefaulttimeout(),
        "the locale": locale.setlocale(locale.LC_ALL),
        "the root log level": root.level,
        "the root log handlers": list(root.handlers),
        "the disabled log level": root.manager.disable,
        "the module search path": list(sys.path),
    }


@contextmanager
def detect_sleeps(sleeps: list[str]) -> Iterator[None]:
    """Add each call of ``time.sleep`` on a thread of a source, and return from it at once."""
    original = time.sleep

    def sleep(seconds: float | SupportsIndex) -> None:
        name = threading.current_thread().name
        if name.startswith("smaply-source"):
            sleeps.append(f"time.sleep({float(seconds):g}) in {name.rpartition(' ')[2]}")
        else:
            original(seconds)

    time.sleep = sleep
    try:
        yield
    finally:
        time.sleep = original


@contextmanager
def detect_subprocesses(report: Callable[[str, str], object]) -> Iterator[None]:
    """Report each started process with its arguments."""

    def listen(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _PROCESS_EVENTS:
            report("the arguments of a process", repr(arguments))

    with audit_events(listen):
        yield


@contextmanager
def detect_file_writes(written: list[tuple[str, bytes]]) -> Iterator[None]:
    """Add the name and content of each file that was opened for writing and still exists."""
    opened: list[str] = []

    def listen(event: str, arguments: tuple[Any, ...]) -> None:
        path = _written_path(event, arguments)
        if isinstance(path, str | bytes | os.PathLike):
            opened.append(os.fsdecode(path))

    try:
        with audit_events(listen):
            yield
    finally:
        for name in dict.fromkeys(opened):
            path = Path(name)
            # Another process may delete the file at any time.
            with suppress(FileNotFoundError):
                if path.is_file():
                    with path.open("rb") as file:
                        written.append((name, file.read(MAX_FILE_BYTES)))


def _written_path(event: str, arguments: tuple[Any, ...]) -> object:
    """Return the path that an audit event writes to, if any; see Python's audit events table."""
    match event, arguments:
        case "open", (path, _, int(flags)) if flags & (os.O_WRONLY | os.O_RDWR):
            return path
        case "os.rename", (_, path, *_):  # Atomic writes rename the complete file.
            return path
        case "sqlite3.connect", (path,):  # SQLite opens its files without an audit event.
            return path
    return None


@contextmanager
def audit_events(listener: AuditListener) -> Iterator[None]:
    """Call a listener with each audit event until the block ends."""
    _install_hook()
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners[:] = [other for other in _listeners if other is not listener]


@cache
def _install_hook() -> None:
    sys.addaudithook(_dispatch)


def _dispatch(event: str, arguments: tuple[Any, ...]) -> None:
    for listener in tuple(_listeners):
        listener(event, arguments)
