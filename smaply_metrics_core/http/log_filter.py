"""A log filter that drops the records of httpx and httpcore about our requests.

httpx logs URLs with query strings, and httpcore logs response headers. Records about requests of
other clients in the process are not affected.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

# A filter on a parent logger does not apply to records of its children, so each logger is listed.
LOGGERS: Final = (
    "httpx",
    "httpcore.connection",
    "httpcore.http11",
    "httpcore.http2",
    "httpcore.proxy",
    "httpcore.socks",
)

_ours: ContextVar[bool] = ContextVar("smaply_metrics_core.http.ours", default=False)


class _DropOurs(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:  # noqa: ARG002  # The base's signature.
        return not _ours.get()


_FILTER: Final = _DropOurs()


def silence_http_logs() -> None:
    """Install the filter; repeated calls have no effect."""
    for name in LOGGERS:
        logging.getLogger(name).addFilter(_FILTER)


@contextmanager
def our_request() -> Iterator[None]:
    """Mark log records in this context as records of our client."""
    token = _ours.set(True)
    try:
        yield
    finally:
        _ours.reset(token)
