"""What goes over the wire in a contract test: seen, kept in memory, and played again with a fault.

A scenario's exchanges are kept when it runs. They can then be played as often as wanted, with one
answer or all from some request on put in another's place: no recording has to hold an outage.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote

import httpx

from smaply_metrics_core.http.origin import Origin, open_route

MOST_ASKED: Final = 60
"""Requests beyond those of the undisturbed run after which a source is taken to ask for ever."""

_NOT_KEPT: Final = {"content-encoding", "content-length", "transfer-encoding"}
"""Headers of an answer that no longer fit once its content has been read."""

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class RecordedRequest:
    """One request as it left the client, with its secret headers."""

    method: str
    where: str
    body: bytes = field(repr=False)  # It may hold a secret, and so may headers.
    headers: Headers = field(repr=False)

    @property
    def key(self) -> tuple[str, str, bytes]:
        """What an answer is found by."""
        return self.method, self.where, self.body

    def names(self, text: str) -> bool:
        """Whether it is about something: in its address or its body."""
        return text in unquote(self.where) or text.encode() in self.body

    def holds(self, text: str) -> bool:
        """Whether a text stands anywhere in it."""
        everything = (self.where, *(value for _, value in self.headers))
        return any(text in part for part in everything) or text.encode() in self.body


@dataclass(frozen=True)
class RecordedResponse:
    """One answer, read to its end."""

    status: int
    headers: Headers
    content: bytes

    def response(self) -> httpx.Response:
        """Make the answer that goes up the wire."""
        return httpx.Response(
            self.status, headers=list(self.headers), stream=httpx.ByteStream(self.content)
        )


Exchanges = list[tuple[RecordedRequest, RecordedResponse]]


class RecordingTransport(httpx.BaseTransport):
    """Passes requests on, and keeps each with its answer.

    Args:
        inner: What answers; without it, real connections do.
        exchanges: Where they are kept.
    """

    def __init__(self, inner: httpx.BaseTransport | None, exchanges: Exchanges) -> None:
        self._inner = inner
        self._exchanges = exchanges
        self._opened: list[httpx.BaseTransport] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Have a request answered."""
        asked = _asked(request)
        response = self._route(request).handle_request(request)
        response.read()
        headers = tuple(
            pair for pair in response.headers.multi_items() if pair[0].lower() not in _NOT_KEPT
        )
        answered = RecordedResponse(response.status_code, headers, response.content)
        response.close()
        self._exchanges.append((asked, answered))
        return answered.response()

    def close(self) -> None:
        """Close what was opened."""
        for route in (*self._opened, *([self._inner] if self._inner else [])):
            route.close()

    def _route(self, request: httpx.Request) -> httpx.BaseTransport:
        if self._inner is not None:
            return self._inner
        if not self._opened:
            self._opened.append(open_route(Origin.of_url(request.url)))
        return self._opened[0]


Answer = Callable[[], RecordedResponse]
"""Gives the answer of the undisturbed run."""

Disturbance = Callable[[int, Answer], httpx.Response]
"""Answers in place of what was kept: the number of the request since the fault began, from 0."""


@dataclass
class Replay:
    """A scenario's exchanges, played again from memory.

    Attributes:
        exchanges: Those of the undisturbed run.
        fault: Answers from request ``at`` on; nothing is disturbed without it.
        at: The number of the first request with the fault, from 1.
        asked: What was asked so far.
        flooded: Whether more was asked than any ending run would.
    """

    exchanges: Sequence[tuple[RecordedRequest, RecordedResponse]] = field(repr=False)
    fault: Disturbance | None = None
    at: int = 1
    asked: list[RecordedRequest] = field(default_factory=list, repr=False)
    flooded: bool = False
    _played: set[int] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def transport(self) -> httpx.BaseTransport:
        """Make the transport that plays them."""
        return httpx.MockTransport(self._answer)

    def after(self) -> tuple[RecordedRequest, ...]:
        """Give what was asked from the fault on."""
        return tuple(self.asked[self.at - 1 :])

    def _answer(self, request: httpx.Request) -> httpx.Response:
        asked = _asked(request)
        with self._lock:
            self.asked.append(asked)
            number = len(self.asked)
        if number > len(self.exchanges) + MOST_ASKED:
            self.flooded = True
            raise httpx.ConnectError("the test ends a run that would never end")
        if self.fault is not None and number >= self.at:
            return self.fault(number - self.at, lambda: self._kept(asked))
        return self._kept(asked).response()

    def _kept(self, asked: RecordedRequest) -> RecordedResponse:
        with self._lock:
            fitting = [
                number for number, (kept, _) in enumerate(self.exchanges) if kept.key == asked.key
            ]
            if not fitting:
                return RecordedResponse(404, (("content-type", "application/json"),), b"{}")
            number = next((one for one in fitting if one not in self._played), fitting[-1])
            self._played.add(number)
        return self.exchanges[number][1]


def _asked(request: httpx.Request) -> RecordedRequest:
    return RecordedRequest(
        request.method,
        request.url.raw_path.decode("ascii"),
        request.read(),
        tuple(request.headers.multi_items()),
    )
