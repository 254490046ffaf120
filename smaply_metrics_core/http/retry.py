"""How long to wait before a request is tried again."""

from __future__ import annotations

import random
import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final, NamedTuple

MAX_TRIES: Final = 4
LONGEST_WAIT: Final = 30.0
"""Seconds: a ``Retry-After`` beyond this is not waited for but reported."""
LONGEST_REST: Final = timedelta(hours=24)
"""A ``Retry-After`` beyond this is taken for this."""

_FIRST_BACK_OFF: Final = 1.0
_SECONDS: Final = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_chance: Final = random.SystemRandom()


def full_jitter(ceiling: float) -> float:
    """Pick a wait between nothing and ``ceiling`` seconds, so that clients do not come in step."""
    return _chance.uniform(0.0, ceiling)


def back_off_ceiling(tries: int) -> float:
    """Return the longest wait, in seconds, after so many tries: it doubles with each."""
    return _FIRST_BACK_OFF * 2.0 ** (tries - 1)


class RetryAfter(NamedTuple):
    """How long the survey tool wants to be left alone.

    ``too_long`` says that it is more than 30 seconds, or than the deadline leaves.
    """

    seconds: float
    until: datetime
    too_long: bool


def read_retry_after(value: str | None, now: datetime, remaining: float) -> RetryAfter | None:
    """Read a ``Retry-After`` header: seconds, or an HTTP date taken as distance from ``now``.

    Gives a pause of 0 seconds to 24 hours, and ``None`` for what is neither.
    """
    if value is None:
        return None
    text = value.strip()
    if _SECONDS.fullmatch(text):
        seconds = float(text)
    else:
        try:
            date = parsedate_to_datetime(text)
            # "-0000" means UTC without saying so.
            date = date if date.tzinfo else date.replace(tzinfo=UTC)
            seconds = (date - now).total_seconds()
        except (ValueError, TypeError, OverflowError):
            return None
    seconds = min(max(seconds, 0.0), LONGEST_REST.total_seconds())
    too_long = seconds > LONGEST_WAIT or seconds >= remaining
    return RetryAfter(seconds, now + timedelta(seconds=seconds), too_long)
