"""Notices what a source changes of its process, which others share, and what it hands to others."""

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

_STARTS: Final = {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn"}

_READ_BY_ALL: Final = (
    "TZ", "LANG", "LC_ALL", "HOME", "PATH", "TMPDIR", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
)  # fmt: skip
"""Variables that everybody in the process reads; libraries set others when they are imported."""


@contextmanager
def detect_process_changes(changed: list[str]) -> Iterator[None]:
    """Note what is otherwise when the block ends, and mend what can be mended."""
    before = _state()
    try:
        yield
    finally:
        after = _state()
        changed += [name for name, value in before.items() if after[name] != value]
        os.chdir(before["the working directory"])
        socket.setdefaulttimeout(before["the timeout of all sockets"])
        locale.setlocale(locale.LC_ALL, before["the locale"])
        root = logging.getLogger()
        root.setLevel(before["the level of all logs"])
        root.handlers[:] = before["who handles all logs"]
        logging.disable(before["which logs are disabled"])
        sys.path[:] = before["where modules are found"]


def _state() -> Mapping[str, Any]:
    root = logging.getLogger()
    return {
        "the working directory": Path.cwd(),
        "the environment": {name: os.environ.get(name) for name in _READ_BY_ALL},
        "the timeout of all sockets": socket.getdefaulttimeout(),
        "the locale": locale.setlocale(locale.LC_ALL),
        "the level of all logs": root.level,
        "who handles all logs": list(root.handlers),
        "which logs are disabled": root.manager.disable,
        "where modules are found": list(sys.path),
    }


@contextmanager
def detect_subprocesses(told: Callable[[str, str], object]) -> Iterator[None]:
    """Tell of each process that is started, with what it is handed."""

    def hear(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _STARTS:
            told("what it hands to a process", repr(arguments))

    with audit_events(hear):
        yield


Told = Callable[[str, tuple[Any, ...]], object]

_listening: list[Told] = []
"""Who listens now: an audit hook is there for as long as its process."""


@contextmanager
def audit_events(told: Told) -> Iterator[None]:
    """Tell of each audit event, by its name and with its arguments, until the block ends."""
    _listen()
    _listening.append(told)
    try:
        yield
    finally:
        _listening[:] = [other for other in _listening if other is not told]


@cache
def _listen() -> None:
    sys.addaudithook(_hear)


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    for told in tuple(_listening):
        told(event, arguments)


MOST_BYTES: Final = 32 * 1024 * 1024
"""Read of a file that was written; a secret does not hide behind more."""


@contextmanager
def detect_file_writes(written: list[tuple[str, bytes]]) -> Iterator[None]:
    """Note each file that was opened to be written and is there when the block ends."""
    opened: list[str] = []

    def hear(event: str, arguments: tuple[Any, ...]) -> None:
        path = _written(event, arguments)
        if isinstance(path, str | bytes | os.PathLike):
            opened.append(os.fsdecode(path))

    try:
        with audit_events(hear):
            yield
    finally:
        for name in dict.fromkeys(opened):
            path = Path(name)
            # Whoever else uses the file may delete it now: then it was not left behind.
            with suppress(FileNotFoundError):
                if path.is_file():
                    with path.open("rb") as file:
                        written.append((name, file.read(MOST_BYTES)))


def _written(event: str, arguments: tuple[Any, ...]) -> object:
    """Give what the event writes; the names of the events are in Python's table of them."""
    match event, arguments:
        case "open", (path, _, int(flags)) if flags & (os.O_WRONLY | os.O_RDWR):
            return path
        case "os.rename", (_, path, *_):  # Whoever writes with care renames what is complete.
            return path
        case "sqlite3.connect", (path,):  # Its files are opened below Python, and heard by nobody.
            return path
    return None


@contextmanager
def detect_sleeps(slept: list[str]) -> Iterator[None]:
    """Let ``time.sleep`` on a source's thread pass at once, and note that it was called."""
    really = time.sleep

    def sleep(seconds: float | SupportsIndex) -> None:
        name = threading.current_thread().name
        if name.startswith("smaply-source"):
            slept.append(f"time.sleep({float(seconds):g}) in {name.rpartition(' ')[2]}")
        else:
            really(seconds)

    time.sleep = sleep
    try:
        yield
    finally:
        time.sleep = really
