"""The correlation ID, which connects a request, the job that it queued, and what both log."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

_VALID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")

_current: Final[ContextVar[str]] = ContextVar("smaply_metrics_core.correlation_id", default="")


def correlation_id() -> str:
    """Return the correlation ID of the running call; empty outside of one."""
    return _current.get()


@contextmanager
def correlated(given: str | None = None) -> Iterator[str]:
    """Give everything that the block does, logs and queues the same correlation ID.

    Args:
        given: The ID, such as that of the request that the app handles: up to 64 letters, digits,
            dots, underscores and hyphens. Without one, and if it is not valid, the block has the ID
            of its caller, or a new one.

    Yields:
        The ID.
    """
    valid = given if given is not None and _VALID.fullmatch(given) else None
    token = _current.set(valid or _current.get() or secrets.token_hex(8))
    try:
        yield _current.get()
    finally:
        _current.reset(token)
