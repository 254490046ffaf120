"""A clock for tests, which is set by the test and never waits."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta


class ManualClock:
    """A clock whose time passes only in ``wait`` and ``forward``, and then at once.

    Args:
        now: The instant at which it starts (aware).
    """

    def __init__(self, now: datetime) -> None:
        if now.tzinfo is None:
            raise ValueError("the clock needs an instant with a time zone")
        self._start = now
        self._passed = 0.0
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """Return the current instant."""
        return self._start + timedelta(seconds=self._passed)

    def monotonic(self) -> float:
        """Return the seconds that have passed since the start."""
        return self._passed

    def wait(self, seconds: float, stop: threading.Event) -> bool:
        """Let time pass at once, and return whether ``stop`` is set."""
        self.forward(seconds)
        return stop.is_set()

    def forward(self, seconds: float) -> None:
        """Let time pass."""
        with self._lock:
            self._passed += seconds
