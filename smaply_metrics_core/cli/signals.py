"""SIGTERM, which service managers and containers stop a process with, ends a command cleanly."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NoReturn

if TYPE_CHECKING:
    from types import FrameType

TERMINATED: Final = 128 + signal.SIGTERM


@contextmanager
def terminated_gracefully() -> Iterator[None]:
    """Let a SIGTERM end the block by an exception, as Ctrl-C does, and the process with 143.

    So the host is closed, no attempt is counted, and neither temporary files nor a child process
    stay. A second one changes nothing: it would only cut off the shutdown that the first began.
    """

    def leave(_signal: int, _frame: FrameType | None) -> NoReturn:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise SystemExit(TERMINATED)

    if threading.current_thread() is not threading.main_thread():
        yield  # Python lets only the main thread handle signals.
        return
    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
