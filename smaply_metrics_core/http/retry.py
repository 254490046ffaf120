"""Which requests may be repeated, back-off, and ``Retry-After``."""

from __future__ import annotations

import random
import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final, NamedTuple

import httpx

from smaply_metrics_core.models.base import FrozenDict

SAFE_TO_REPEAT: Final = FrozenDict[str, Any]({"smaply_metrics.safe_to_repeat": True})
"""The request extension that declares a request safe to repeat, which is then retried like a GET.

For reads by POST: JSON-RPC, GraphQL, or the start of an export that leaves nothing behind:
``client.post("/rpc", json=call, extensions=SAFE_TO_REPEAT)``.
"""

_READS: Final = frozenset({"GET", "HEAD"})

MAX_TRIES: Final = 4
LONGEST_WAIT: Final = 30.0
"""In seconds; a longer ``Retry-After`` raises ``RateLimited``."""
LONGEST_REST: Final = timedelta(hours=24)
"""The maximum to which a ``Retry-After`` is reduced."""

_FIRST_BACK_OFF: Final = 1.0
_SECONDS: Final = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_chance: Final = random.SystemRandom()


def is_safe_to_repeat(request: httpx.Request) -> bool:
    """Whether the request is a read by its method, or is declared with ``SAFE_TO_REPEAT``."""
    return request.method in _READS or SAFE_TO_REPEAT.items() <= request.extensions.items()


def full_jitter(ceiling: float) -> float:
    """Return a random wait from 0 to ``ceiling`` seconds, so that clients do not synchronise."""
    return _chance.uniform(0.0, ceiling)


def back_off_ceiling(tries: int) -> float:
    """Return the maximum wait in seconds after a number of attempts; it doubles with each."""
    return _FIRST_BACK_OFF * 2.0 ** (tries - 1)


class RetryAfter(NamedTuple):
    """A pause that the survey tool requests.

    ``too_long`` means that it exceeds 30 seconds or the time until the deadline.
    """

    seconds: float
    until: datetime
    too_long: bool


def read_retry_after(value: str | None, now: datetime, remaining: float) -> RetryAfter | None:
    """Parse a ``Retry-After`` header: a number of seconds, or an HTTP date relative to ``now``.

    Returns:
        A pause of 0 seconds to 24 hours; ``None`` if the header is missing or not valid.
    """
    if value is None:
        return None
    text = value.strip()
    if _SECONDS.fullmatch(text):
        seconds = float(text)
    else:
        try:
            date = parsedate_to_datetime(text)
            # The offset "-0000" results in a naive datetime in UTC.
            date = date if date.tzinfo else date.replace(tzinfo=UTC)
            seconds = (date - now).total_seconds()
        except (ValueError, TypeError, OverflowError):
            return None
    seconds = min(max(seconds, 0.0), LONGEST_REST.total_seconds())
    too_long = seconds > LONGEST_WAIT or seconds >= remaining
    return RetryAfter(seconds, now + timedelta(seconds=seconds), too_long)
