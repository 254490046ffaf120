"""A manual clock, clients with a function as the transport, and servers on real sockets."""

from __future__ import annotations

import contextlib
import socket
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from smaply_metrics_core.context import Deadline
from smaply_metrics_core.http import build_client
from smaply_metrics_core.models.source import Destination

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Handler = Callable[[httpx.Request], httpx.Response]

HOST = "fra1.qualtrics.com"


class HandClock:
    """A clock that advances only in ``wait`` and records each wait."""

    def __init__(self) -> None:
        self.waits: list[float] = []
        self._passed = 0.0

    def now(self) -> datetime:
        """Return the start time plus the elapsed time."""
        return datetime(2026, 3, 1, 12, tzinfo=UTC) + timedelta(seconds=self._passed)

    def monotonic(self) -> float:
        """Return the elapsed time in seconds."""
        return self._passed

    def wait(self, seconds: float, stop: threading.Event) -> bool:
        """Advance the clock without waiting."""
        self.waits.append(seconds)
        self._passed += seconds
        return stop.is_set()


class Clients:
    """Creates clients with a function as the transport, a manual clock and one deadline."""

    def __init__(self, clock: HandClock) -> None:
        self.clock = clock
        self.deadline = Deadline.after(600, clock)
        self._made: list[httpx.Client] = []

    def __call__(
        self,
        handler: Handler | httpx.BaseTransport,
        **options: Any,  # noqa: ANN401  # The arguments of build_client.
    ) -> httpx.Client:
        """Return a client for ``HOST`` without jitter; options override the arguments."""
        wire = handler if isinstance(handler, httpx.BaseTransport) else httpx.MockTransport(handler)
        given: dict[str, Any] = {
            "destinations": [Destination(kind="host", host=HOST)],
            "deadline": self.deadline,
            "clock": self.clock,
            "transport": wire,
            "jitter": lambda ceiling: ceiling,
            **options,
        }
        client = build_client(given.pop("destinations"), **given)
        self._made.append(client)
        return client

    def close(self) -> None:
        """Close all clients."""
        for client in self._made:
            client.close()


@pytest.fixture
def clock() -> HandClock:
    """A clock at noon on 1 March 2026."""
    return HandClock()


@pytest.fixture
def clients(clock: HandClock) -> Iterator[Clients]:
    """A factory of clients, which are closed after the test."""
    made = Clients(clock)
    yield made
    made.close()


class Listener:
    """A server on a real loopback socket that handles one connection after the other."""

    def __init__(self, serve: Callable[[socket.socket], None]) -> None:
        self._serve = serve
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """The port of the server."""
        port: int = self._socket.getsockname()[1]
        return port

    @property
    def destination(self) -> Destination:
        """The destination of the server."""
        return Destination(kind="host", host=f"127.0.0.1:{self.port}", setting="SANDBOX")

    def close(self) -> None:
        """Stop listening; an open connection ends when the client closes it."""
        with contextlib.suppress(OSError):  # Wakes the thread, except on some systems.
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(timeout=60)

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                self._serve(connection)


@pytest.fixture
def listen() -> Iterator[Callable[[Callable[[socket.socket], None]], Listener]]:
    """A factory of servers, which are stopped after the test."""
    made: list[Listener] = []

    def make(serve: Callable[[socket.socket], None]) -> Listener:
        made.append(Listener(serve))
        return made[-1]

    yield make
    for listener in made:
        listener.close()


@pytest.fixture
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment without proxies."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def everything_is_local(monkeypatch: pytest.MonkeyPatch, no_proxies: None) -> None:
    """A DNS in which every name is this machine."""
    resolve = socket.getaddrinfo

    def local(_host: str, *args: object, **options: object) -> object:
        return resolve("127.0.0.1", *args, **options)  # type: ignore[arg-type]  # Passed on.

    monkeypatch.setattr(socket, "getaddrinfo", local)
