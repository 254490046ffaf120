"""A clock for tests: it is set, and nobody ever waits."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta


class ManualClock:
    """Time that passes only when somebody waits, and then at once.

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
        """Give the instant at which it started and all that was waited since."""
        return self._start + timedelta(seconds=self._passed)

    def monotonic(self) -> float:
        """Give the seconds waited."""
        return self._passed

    def wait(self, seconds: float, stop: threading.Event) -> bool:
        """Let time pass at once; True when ``stop`` is set."""
        self.forward(seconds)
        return stop.is_set()

    def forward(self, seconds: float) -> None:
        """Let time pass without anybody waiting for it."""
        with self._lock:
            self._passed += seconds
