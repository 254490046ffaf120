"""Token buckets: a burst of requests for each key, and then a steady rate."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reference_host.tests.app_fixture import MovableClock
from smaply_metrics_host.web import token_buckets
from smaply_metrics_host.web.token_buckets import TokenBuckets, TooManyRequests


class FixedClock(MovableClock):
    """A clock that only tests advance."""

    def monotonic(self) -> float:
        """Return the seconds that it was advanced by."""
        return self._ahead.total_seconds()


def allowed(buckets: TokenBuckets, key: str) -> int:
    """Return how many requests of a key are allowed now."""
    for number in range(100):
        try:
            buckets.take(key)
        except TooManyRequests:
            return number
    raise AssertionError


def test_a_burst_is_followed_by_a_steady_rate() -> None:
    """Refused requests take no token; a pause allows no more than another burst."""
    clock = FixedClock()
    buckets = TokenBuckets(clock, 5, 0.5)
    assert allowed(buckets, "a") == 5
    with pytest.raises(TooManyRequests) as refused:
        buckets.take("a")
    assert refused.value.retry_seconds == 2
    clock.forward(timedelta(seconds=1))
    assert allowed(buckets, "a") == 0
    clock.forward(timedelta(seconds=1))
    assert allowed(buckets, "a") == 1
    clock.forward(timedelta(hours=1))
    assert allowed(buckets, "a") == 5


def test_keys_are_independent_and_limited_in_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that was forgotten begins anew."""
    monkeypatch.setattr(token_buckets, "MOST_KEYS", 2)
    buckets = TokenBuckets(FixedClock(), 3, 1)
    assert [allowed(buckets, key) for key in ("a", "b", "a", "c", "b")] == [3, 3, 0, 3, 3]
