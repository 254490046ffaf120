"""A call ends at its deadline, however a server spreads its response over time."""

from __future__ import annotations

import itertools
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from smaply_metrics_core.context import Deadline, SystemClock
from smaply_metrics_core.errors import Cancelled, DeadlineExceeded, MetricsError, Unreachable
from smaply_metrics_core.http import build_client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx

    from .conftest import Listener

    Listen = Callable[[Callable[[socket.socket], None]], Listener]

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

pytestmark = pytest.mark.usefixtures("no_proxies")


class BytesClock(SystemClock):
    """A clock that advances by a second with each byte that a server sends."""

    def __init__(self) -> None:
        self.sent = 0

    def monotonic(self) -> float:
        """Return the number of bytes sent."""
        return float(self.sent)


@pytest.fixture
def clock() -> BytesClock:
    """A clock of the server's bytes."""
    return BytesClock()


@pytest.fixture
def slow(listen: Listen, clock: BytesClock) -> Iterator[Callable[..., httpx.Client]]:
    """A factory of clients of a server that sends bytes until the client closes the connection."""
    opened = []

    def client(
        begin: bytes, byte: bytes, *, cancelled: threading.Event | None = None
    ) -> httpx.Client:
        def serve(connection: socket.socket) -> None:
            connection.settimeout(0.005)
            connection.recv(65536)
            connection.sendall(begin)
            for count in itertools.count(1):
                connection.sendall(byte)
                clock.sent = count
                if cancelled is not None and count > 10:
                    cancelled.set()
                try:
                    if not connection.recv(1):
                        return
                except TimeoutError:
                    continue

        seconds = 1e9 if cancelled is not None else 20.0
        deadline = Deadline.after(seconds, clock, cancelled)
        opened.append(build_client([listen(serve).destination], deadline=deadline, clock=clock))
        return opened[-1]

    yield client
    for one in opened:
        one.close()


SLOW = pytest.mark.parametrize(
    ("begin", "byte"),
    [
        pytest.param(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n", id="interim responses"),
        pytest.param(b"HTTP/1.1 200 O", b"K", id="reason phrase"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: ", b"x", id="header"),
        pytest.param(CHUNKED, b"0", id="size of a chunk"),
        pytest.param(CHUNKED + b"1;", b"x", id="chunk extension"),
        pytest.param(CHUNKED + b"0\r\nX: ", b"x", id="trailer"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n", b"x", id="body"),
    ],
)


@SLOW
def test_a_slow_response_ends_at_the_deadline(
    slow: Callable[..., httpx.Client], begin: bytes, byte: bytes
) -> None:
    """No part of a response may take longer than the call, byte by byte."""
    with pytest.raises(MetricsError) as caught:
        slow(begin, byte).get("/")
    assert isinstance(caught.value, Unreachable | DeadlineExceeded)


@SLOW
def test_a_slow_response_ends_on_cancellation(
    slow: Callable[..., httpx.Client], begin: bytes, byte: bytes
) -> None:
    """A cancelled call does not wait for the rest of a response."""
    with pytest.raises(Cancelled):
        slow(begin, byte, cancelled=threading.Event()).get("/")
