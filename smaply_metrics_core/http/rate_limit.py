"""Keeps a source's request limits, before the survey tool has to."""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Sequence
from typing import Final

from smaply_metrics_core.context import Clock, Deadline
from smaply_metrics_core.errors import RateLimited
from smaply_metrics_core.models.source import RequestLimit

WINDOW: Final = 60.0
"""Seconds in which a limit's ``per_minute`` requests may be sent."""


class _RateWindow:
    """When the latest requests under one limit were sent, or are going to be."""

    def __init__(self, limit: RequestLimit) -> None:
        self.limit = limit
        self._path = re.compile(limit.path)
        self._slots: deque[float] = deque(maxlen=limit.per_minute)

    def covers(self, method: str, path: str) -> bool:
        return self.limit.method.upper() == method.upper() and bool(self._path.fullmatch(path))

    def next_slot(self, now: float) -> float:
        if len(self._slots) < self.limit.per_minute:
            return now
        return max(now, self._slots[0] + WINDOW)

    def take(self, slot: float) -> None:
        self._slots.append(slot)


class RateLimiter:
    """A sliding window of one minute for each limit, shared by all that use one connection.

    Requests take their turn in the order in which they ask. Safe to use from many threads.
    """

    def __init__(self, limits: Sequence[RequestLimit], clock: Clock) -> None:
        self._windows = tuple(_RateWindow(limit) for limit in limits)
        self._clock = clock
        self._lock = threading.Lock()

    def acquire(self, method: str, path: str, deadline: Deadline) -> None:
        """Wait for this request's turn; a request that no limit covers need not wait.

        Raises:
            RateLimited: at once, when the turn would come after the deadline.
            Cancelled: when the caller asked to stop.
        """
        window = next((w for w in self._windows if w.covers(method, path)), None)
        if window is None:
            return
        with self._lock:
            now = self._clock.monotonic()
            slot = window.next_slot(now)
            if slot > now and slot - now >= deadline.remaining():
                raise RateLimited(
                    f"The {window.limit.per_minute} requests a minute that the survey tool "
                    "allows are used up, and the time allowed for this ends before the next one.",
                    remedy="Wait a minute and try again, or allow more time.",
                )
            window.take(slot)
        if slot > now:
            deadline.pause(slot - now)
