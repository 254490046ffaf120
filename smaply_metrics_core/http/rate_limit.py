"""A rate limiter that applies a source's request limits."""

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
"""The length of the sliding window in seconds."""


class _RateWindow:
    """The times of the latest requests under a limit, sent or scheduled."""

    def __init__(self, limit: RequestLimit) -> None:
        self.limit = limit
        self._path = re.compile(limit.path)
        self._operation = re.compile(limit.operation or ".*", re.DOTALL)
        self._slots: deque[float] = deque(maxlen=limit.per_minute)

    def covers(self, method: str, path: str, operation: str) -> bool:
        return (
            self.limit.method.upper() == method.upper()
            and self._path.fullmatch(path) is not None
            and self._operation.fullmatch(operation) is not None
        )

    def next_slot(self, now: float) -> float:
        if len(self._slots) < self.limit.per_minute:
            return now
        return max(now, self._slots[0] + WINDOW)

    def take(self, slot: float) -> None:
        self._slots.append(slot)


class RateLimiter:
    """A sliding window of one minute for each limit, shared by all users of a connection.

    Requests are sent in the order of their calls of ``acquire``. Thread-safe.
    """

    def __init__(self, limits: Sequence[RequestLimit], clock: Clock) -> None:
        self._windows = tuple(_RateWindow(limit) for limit in limits)
        self._clock = clock
        self._lock = threading.Lock()

    def acquire(self, method: str, path: str, deadline: Deadline, *, operation: str = "") -> float:
        """Wait until the request may be sent; return immediately if no limit matches.

        Args:
            method: The HTTP method.
            path: The path of the URL.
            deadline: The deadline of the call.
            operation: The operation of the request, for limits of operations.

        Returns:
            How long it waited, in seconds.

        Raises:
            RateLimited: immediately, when the wait would end after the deadline.
            Cancelled: when the caller cancelled the call.
        """
        window = next((w for w in self._windows if w.covers(method, path, operation)), None)
        if window is None:
            return 0.0
        with self._lock:
            now = self._clock.monotonic()
            slot = window.next_slot(now)
            if slot > now and slot - now >= deadline.remaining():
                raise RateLimited(
                    "The survey tool's limit of "
                    f"{window.limit.per_minute:,} request{'s' * (window.limit.per_minute != 1)} "
                    "per minute is reached, and the call would time out before the next request.",
                    remedy="Wait a minute and try again.",
                )
            window.take(slot)
        wait = slot - now
        if wait > 0:
            deadline.pause(wait)
        return wait
