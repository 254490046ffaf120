"""The context that a job carries across processes: the correlation ID and the trace of its load.

Both are part of the lock of the job. Jobs with the same lock do not run concurrently; these locks
are unique, so they delay nothing. An argument of the job would be unknown to workers of earlier
releases, whose jobs would fail.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from smaply_metrics_core.observability import telemetry
from smaply_metrics_core.observability.correlation import correlated, correlation_id

_CARRIER: Final = "correlation:"
_ID: Final = ":"
_TRACE: Final = "."
"""Neither a random text nor a ``traceparent`` contains a colon or a dot."""


class JobContext(NamedTuple):
    """What a job carries.

    Attributes:
        correlation_id: The correlation ID of the load that queued it; ``None`` without one.
        traceparent: The span that queued it; empty without telemetry.
    """

    correlation_id: str | None = None
    traceparent: str = ""


def carrying_lock() -> str:
    """Return a unique lock that carries the current context.

    The trace comes after the correlation ID, where earlier releases expect a random text.
    """
    traceparent = telemetry.traceparent()
    trace = f"{traceparent}{_TRACE}" if traceparent else ""
    return f"{_CARRIER}{correlation_id()}{_ID}{trace}{secrets.token_hex(8)}"


def context_of(lock: str | None) -> JobContext:
    """Return the context that the lock of a job carries."""
    if lock is None or not lock.startswith(_CARRIER):
        return JobContext()
    known, _, rest = lock.removeprefix(_CARRIER).rpartition(_ID)
    return JobContext(known or None, rest.rpartition(_TRACE)[0])


@contextmanager
def job_context(lock: str | None) -> Iterator[None]:
    """Restore the context that the lock of a job carries, while the block runs."""
    carried = context_of(lock)
    with correlated(carried.correlation_id), telemetry.traced(carried.traceparent):
        yield
