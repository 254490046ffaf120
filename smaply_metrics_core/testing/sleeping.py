"""Notices a source that waits by itself: nobody could stop it, and no deadline would end it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import SupportsIndex


@contextmanager
def noticing_sleep(slept: list[str]) -> Iterator[None]:
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
