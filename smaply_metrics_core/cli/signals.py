"""Graceful shutdown on SIGTERM, with which service managers and containers stop a process."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final, NoReturn

TERMINATED: Final = 128 + signal.SIGTERM


@contextmanager
def terminated_gracefully() -> Iterator[None]:
    """Raise ``SystemExit(143)`` in the block on SIGTERM.

    As on Ctrl-C, the host is closed, no attempt is counted, and temporary files and child processes
    are removed. A second signal is ignored, so that it cannot interrupt the shutdown.
    """

    def terminate(_signal: int, _frame: FrameType | None) -> NoReturn:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise SystemExit(TERMINATED)

    if threading.current_thread() is not threading.main_thread():
        yield  # Only the main thread can handle signals.
        return
    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
