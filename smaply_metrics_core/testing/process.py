"""Notices what a source changes of its process, which others share, and what it hands to others."""

from __future__ import annotations

import locale
import logging
import os
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from smaply_metrics_core.testing.auditing import hearing_events

_STARTS: Final = {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn"}

_READ_BY_ALL: Final = (
    "TZ", "LANG", "LC_ALL", "HOME", "PATH", "TMPDIR", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
)  # fmt: skip
"""Variables that everybody in the process reads; libraries set others when they are imported."""


@contextmanager
def noticing_changes(changed: list[str]) -> Iterator[None]:
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
def noticing_starts(told: Callable[[str, str], object]) -> Iterator[None]:
    """Tell of each process that is started, with what it is handed."""

    def hear(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _STARTS:
            told("what it hands to a process", repr(arguments))

    with hearing_events(hear):
        yield
