"""Keeps the HTTP library's own logs from printing what our requests carry.

httpx logs each URL with its query string, and httpcore the headers of each answer. Records of
requests made through our client are dropped; those of the host's own clients are not touched.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

# A filter on a parent does not see the records of its children, so each logger is named.
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
    def filter(self, record: logging.LogRecord) -> bool:  # noqa: ARG002  # The caller's signature.
        return not _ours.get()


_FILTER: Final = _DropOurs()


def silence_http_logs() -> None:
    """Put the filter in place; doing it again changes nothing."""
    for name in LOGGERS:
        logging.getLogger(name).addFilter(_FILTER)


@contextmanager
def our_request() -> Iterator[None]:
    """Mark everything logged on this thread meanwhile as belonging to our client."""
    token = _ours.set(True)
    try:
        yield
    finally:
        _ours.reset(token)
