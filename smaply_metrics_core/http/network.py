"""Network connections that end at the deadline of their call.

The timeouts of httpx apply to each read. A server that sends a byte of a header now and then, or
one interim response after the other, would keep the thread of a call for ever.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from typing import Any, Final

import httpcore
import httpx

from smaply_metrics_core.context import Deadline

_PIECE: Final = 1 << 16
"""How many bytes are written between two checks of the deadline."""


class DeadlineBackend(httpcore.NetworkBackend):
    """Opens connections whose reads and writes time out at the deadline, or on cancellation."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Return a new connection."""
        stream = self._inner.connect_tcp(host, port, timeout, local_address, socket_options)
        return _DeadlineStream(stream, self._deadline)


class _DeadlineStream(httpcore.NetworkStream):
    """A connection that times out at the deadline, however often the other side sends a byte."""

    def __init__(self, inner: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._inner = inner
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), _PIECE):
            left = self._left(timeout, httpcore.WriteTimeout)
            self._inner.write(buffer[start : start + _PIECE], left)

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        left = self._left(timeout, httpcore.ConnectTimeout)
        stream = self._inner.start_tls(ssl_context, server_hostname, left)
        return _DeadlineStream(stream, self._deadline)

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401  # Whatever the library returns.
        return self._inner.get_extra_info(info)

    def _left(self, timeout: float | None, error: type[httpcore.TimeoutException]) -> float:
        """Return the timeout of the next operation; raise if the call is over."""
        left = self._deadline.remaining()
        if left <= 0 or self._deadline.cancelled.is_set():
            raise error
        return left if timeout is None else min(timeout, left)


def end_at_deadline(transport: httpx.HTTPTransport, deadline: Deadline) -> httpx.HTTPTransport:
    """Return a transport that has not been used yet, with connections that end at the deadline."""
    # httpcore documents this argument of its pools, which httpx does not pass on.
    transport._pool._network_backend = DeadlineBackend(deadline)  # noqa: SLF001
    return transport
