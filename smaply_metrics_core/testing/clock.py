"""A clock for tests, which a test sets and which never waits."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta


class ManualClock:
    """A clock whose time passes only in ``wait`` and ``forward``, which return at once.

    Args:
        now: The start time (aware).
    """

    def __init__(self, now: datetime) -> None:
        if now.tzinfo is None:
            raise ValueError("the clock requires an aware datetime")
        self._start = now
        self._passed = 0.0
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """Return the current time."""
        return self._start + timedelta(seconds=self._passed)

    def monotonic(self) -> float:
        """Return the seconds that have passed since the start."""
        return self._passed

    def wait(self, seconds: float, stop: threading.Event) -> bool:
        """Advance the time and return whether ``stop`` is set."""
        self.forward(seconds)
        return stop.is_set()

    def forward(self, seconds: float) -> None:
        """Advance the time."""
        with self._lock:
            self._passed += seconds
