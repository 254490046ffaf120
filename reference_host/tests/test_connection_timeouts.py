"""Connections of clients that send half a request, trickle, or do not read, on real sockets."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import uvicorn

from smaply_metrics_host.server import listen
from smaply_metrics_host.web.connection_timeouts import (
    HEADER_SECONDS,
    ConnectionTimeouts,
    connection_limit,
)

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send

LONG = 60.0
"""Guards against hangs only."""
SHORT = 0.2
LARGE = 64
"""MiB; more than the buffers of a socket."""
REQUEST = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
HALVES = [b"", b"GET", b"GET / HTTP/1.1\r\n", REQUEST[:-2]]


class Server:
    """A server with a small app: ``/`` answers, ``/events`` goes on, ``/large`` sends much.

    Attributes:
        stop: Ends the event stream.
    """

    def __init__(self, timeouts: ConnectionTimeouts) -> None:
        config = uvicorn.Config(
            self.app,
            interface="asgi3",
            http=timeouts.protocol,  # type: ignore[arg-type]
            ws="none",
            lifespan="off",
            log_config=None,
            timeout_keep_alive=int(LONG),
        )
        self.uvicorn = uvicorn.Server(config)
        self.listening = listen("127.0.0.1", 0)
        self.stop = threading.Event()
        self.open = self.uvicorn.server_state.connections

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        start: Message = {"type": "http.response.start", "status": 200, "headers": []}
        await send(start)
        if scope["path"] == "/events":
            while not self.stop.is_set():
                await send({"type": "http.response.body", "body": b"x", "more_body": True})
                await asyncio.sleep(0.01)
        if scope["path"] == "/large":
            for _ in range(LARGE):
                await send({"type": "http.response.body", "body": bytes(2**20), "more_body": True})
        await send({"type": "http.response.body", "body": b"ok"})

    def connect(self, sent: bytes = b"") -> socket.socket:
        """Return a connection that has sent something."""
        connection = socket.create_connection(self.listening.getsockname(), timeout=LONG)
        connection.sendall(sent)
        return connection

    def answers(self) -> bool:
        """Whether a complete request is answered."""
        with self.connect(REQUEST.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")) as one:
            return b"200 OK" in read_to_end(one)


@contextmanager
def serving(**limits: float) -> Iterator[Server]:
    """Run a server with these limits on a thread."""
    server = Server(ConnectionTimeouts(**limits))  # type: ignore[arg-type]
    ready = threading.Event()

    async def run() -> None:
        serve = asyncio.create_task(server.uvicorn.serve([server.listening]))
        while not server.uvicorn.started:  # noqa: ASYNC110  # It has no event.
            await asyncio.sleep(0.005)
        ready.set()
        await serve

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    assert ready.wait(LONG)
    try:
        yield server
    finally:
        server.stop.set()
        server.uvicorn.should_exit = server.uvicorn.force_exit = True
        thread.join(LONG)
        server.listening.close()
    assert not thread.is_alive()


def read_to_end(connection: socket.socket) -> bytes:
    """Return everything until the server closes the connection."""
    found = b""
    try:
        while block := connection.recv(2**16):
            found += block
    except ConnectionResetError:
        pass
    return found


def test_half_open_connections_end() -> None:
    """A client that never completes its headers is disconnected; others are answered meanwhile."""
    with serving(header_seconds=SHORT) as server, ExitStack() as opened:
        halves = [opened.enter_context(server.connect(HALVES[n % 4])) for n in range(200)]
        assert server.answers()
        assert {read_to_end(one) for one in halves} == {b""}
        assert server.answers()
        wait_until_closed(server)


def wait_until_closed(server: Server) -> None:
    """Wait until the server has no connection."""
    tick = threading.Event()
    for _ in range(int(LONG / 0.01)):
        if not server.open:
            return
        tick.wait(0.01)
    raise AssertionError(f"{len(server.open)} connections are still open")


def trickle(connection: socket.socket, piece: bytes) -> None:
    """Send a piece again and again until the server closes the connection."""
    tick = threading.Event()
    for _ in range(int(LONG / 0.02)):
        try:
            connection.sendall(piece)
        except (BrokenPipeError, ConnectionResetError):
            return
        tick.wait(0.02)
    raise AssertionError("the connection is still open")


def test_headers_that_trickle_are_not_waited_for() -> None:
    """Each byte does not begin the time again, which the whole of the headers has."""
    with serving(header_seconds=SHORT) as server, server.connect(b"GET / HTTP/1.1\r\n") as slow:
        trickle(slow, b"a: b\r\n")


def test_half_a_request_after_a_response_ends() -> None:
    """A connection that was used once has no more time than a new one."""
    with serving(header_seconds=SHORT) as server, server.connect(REQUEST) as one:
        first = one.recv(2**16)
        one.sendall(REQUEST[:-2])
        assert b"200 OK" in first + read_to_end(one)


def test_a_body_that_trickles_after_the_response_ends() -> None:
    """An answer before the end of the body does not leave a connection that only receives."""
    post = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000000\r\n\r\n"
    with serving(header_seconds=SHORT) as server, server.connect(post) as slow:
        trickle(slow, b"x")


def test_a_connection_can_be_used_again() -> None:
    """Requests one after the other, and pipelined ones, are answered on one connection."""
    with serving(header_seconds=LONG) as server, server.connect(REQUEST * 3) as one:
        found = b""
        while found.count(b"200 OK") < 3:
            found += one.recv(2**16)
        for _ in range(3):
            one.sendall(REQUEST)
            found = b""
            while b"ok" not in found:
                found += one.recv(2**16)


def test_a_response_may_last_longer_than_the_headers() -> None:
    """An event stream goes on, while half-open connections end."""
    events = REQUEST.replace(b"GET / ", b"GET /events ")
    with (
        serving(header_seconds=SHORT, write_seconds=LONG) as server,
        server.connect(events) as stream,
    ):
        for _ in range(3):
            with server.connect(b"GET") as half:
                assert read_to_end(half) == b""
        server.stop.set()
        found = b""
        while b"ok" not in found:
            block = stream.recv(2**16)
            assert block
            found = found[-10:] + block


def test_a_client_that_does_not_read_is_disconnected() -> None:
    """A response that cannot be sent does not stay in memory for ever."""
    large = REQUEST.replace(b"GET / ", b"GET /large ")
    with (
        serving(header_seconds=LONG, write_seconds=SHORT) as server,
        server.connect(large) as stuck,
    ):
        wait_until_closed(server)
        assert len(read_to_end(stuck)) < LARGE * 2**20


def test_a_slow_reader_gets_the_whole_response() -> None:
    """Time without a request begins when the last response was read."""
    large = REQUEST.replace(b"GET / ", b"GET /large ")
    with serving(header_seconds=LONG, write_seconds=LONG) as server, server.connect(large) as slow:
        total = 0
        while total < LARGE * 2**20:
            block = slow.recv(2**22)
            assert block
            total += len(block)


def test_the_longest_waiting_connection_makes_room() -> None:
    """Above the maximum number of connections, silent clients do not lock out others."""
    with serving(header_seconds=LONG, most=20) as server, ExitStack() as opened:
        silent = [opened.enter_context(server.connect(b"GET")) for _ in range(60)]
        assert server.answers()
        assert read_to_end(silent[0]) == b""
        assert len(server.open) <= 21
        events = REQUEST.replace(b"GET / ", b"GET /events ")
        streams = [opened.enter_context(server.connect(events)) for _ in range(20)]
        for stream in streams:
            assert stream.recv(10)
        with server.connect(REQUEST) as refused:
            assert read_to_end(refused) == b""
        assert all(stream.recv(10) for stream in streams)


def test_the_defaults_leave_room_for_files() -> None:
    """The process can open files while it has the maximum number of connections."""
    assert 10 <= HEADER_SECONDS <= 60
    assert 100 <= connection_limit() <= 10_000
    assert ConnectionTimeouts().most == connection_limit()
