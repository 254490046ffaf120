"""Limits the rate of requests in this process."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

from cachetools import LRUCache

from smaply_metrics_core.host import Audience, InputError

if TYPE_CHECKING:
    from smaply_metrics_core.host import Clock

MOST_KEYS: Final = 10_000
"""The least recently used ones are forgotten, about 1 MB in all."""


class TooManyRequests(InputError):
    """A share link was requested too often.

    Attributes:
        retry_seconds: After how many seconds a request is allowed again.
    """

    kind = "too_many_requests"
    audience = Audience.VIEWER
    retry_seconds = 1


class _Bucket(NamedTuple):
    tokens: float
    at: float


class TokenBuckets:
    """A token bucket for each key: a burst of requests, and then a steady rate.

    It is used on the event loop only.

    Args:
        clock: The clock by which tokens are added.
        burst: The number of requests that are allowed at once.
        per_second: The number of requests that are allowed in each second after that.
    """

    def __init__(self, clock: Clock, burst: int, per_second: float) -> None:
        self._clock = clock
        self._burst = burst
        self._per_second = per_second
        self._buckets = LRUCache[str, _Bucket](MOST_KEYS)

    def take(self, key: str) -> None:
        """Take a token of a key.

        Raises:
            TooManyRequests: if it has none.
        """
        now = self._clock.monotonic()
        before = self._buckets.get(key) or _Bucket(self._burst, now)
        tokens = min(self._burst, before.tokens + (now - before.at) * self._per_second)
        if tokens >= 1:
            self._buckets[key] = _Bucket(tokens - 1, now)
            return
        self._buckets[key] = _Bucket(tokens, now)
        refused = TooManyRequests(
            "This page was requested too often.", remedy="Wait a moment, then reload it."
        )
        refused.retry_seconds = math.ceil((1 - tokens) / self._per_second)
        raise refused
