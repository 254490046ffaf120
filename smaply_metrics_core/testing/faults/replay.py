"""Records the exchanges of a scenario in memory and replays them with a fault.

Exchanges can be replayed any number of times with responses replaced from some request on, so that
no cassette has to contain an outage.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote

import httpx

from smaply_metrics_core.http.origin import Origin, open_route
from smaply_metrics_core.http.retry import is_safe_to_repeat

MAX_EXTRA_REQUESTS: Final = 60
"""Maximum number of requests beyond those of the undisturbed run; more are an endless loop."""

_FRAMING_HEADERS: Final = {"content-encoding", "content-length", "transfer-encoding"}
"""Headers that are no longer correct after the body has been read."""

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class RecordedRequest:
    """One request as sent, including secret headers.

    Attributes:
        target: Path and query.
        may_repeat: Whether it is a read by its method, or is declared with ``SAFE_TO_REPEAT``.
    """

    method: str
    target: str
    body: bytes = field(repr=False)  # Body and headers may contain a secret.
    headers: Headers = field(repr=False)
    may_repeat: bool = field(default=False, compare=False)

    @property
    def key(self) -> tuple[str, str, bytes]:
        """The parts of a replayed request that must equal the recorded ones."""
        return self.method, self.target, self.body

    @property
    def path(self) -> str:
        """The path without the query, percent-encoded."""
        return self.target.partition("?")[0]

    @property
    def operation(self) -> tuple[str, str, str]:
        """The method, the path and, in the bodies of JSON-RPC and GraphQL, the name of the call."""
        return self.method, self.path, _called(self.body)

    def names(self, text: str) -> bool:
        """Whether a text occurs in the URL or the body."""
        return text in unquote(self.target) or text.encode() in self.body

    def as_httpx(self) -> httpx.Request:
        """Return the request as a function of the source gets it; the host is not recorded."""
        return httpx.Request(
            self.method,
            httpx.URL("https://recorded.invalid", raw_path=self.target.encode("ascii")),
            headers=list(self.headers),
            content=self.body,
        )

    def contains(self, text: str) -> bool:
        """Whether a text occurs anywhere in the request."""
        everything = (self.target, *(value for _, value in self.headers))
        return any(text in part for part in everything) or text.encode() in self.body


@dataclass(frozen=True)
class RecordedResponse:
    """One complete response."""

    status: int
    headers: Headers
    content: bytes

    def response(self) -> httpx.Response:
        """Return a new response with the same content."""
        return httpx.Response(
            self.status, headers=list(self.headers), stream=httpx.ByteStream(self.content)
        )


Exchanges = list[tuple[RecordedRequest, RecordedResponse]]


class RecordingTransport(httpx.BaseTransport):
    """Forwards requests and records each with its response.

    Args:
        inner: The transport that responds; ``None`` for real connections.
        exchanges: The list to which the exchanges are added.
    """

    def __init__(self, inner: httpx.BaseTransport | None, exchanges: Exchanges) -> None:
        self._inner = inner
        self._exchanges = exchanges
        self._opened: list[httpx.BaseTransport] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Return the response to a request."""
        recorded_request = _recorded_request(request)
        response = self._route(request).handle_request(request)
        response.read()
        headers = tuple(
            pair
            for pair in response.headers.multi_items()
            if pair[0].lower() not in _FRAMING_HEADERS
        )
        recorded = RecordedResponse(response.status_code, headers, response.content)
        response.close()
        self._exchanges.append((recorded_request, recorded))
        return recorded.response()

    def close(self) -> None:
        """Close the connections."""
        for route in (*self._opened, *([self._inner] if self._inner else [])):
            route.close()

    def _route(self, request: httpx.Request) -> httpx.BaseTransport:
        if self._inner is not None:
            return self._inner
        if not self._opened:
            self._opened.append(open_route(Origin.of_url(request.url)))
        return self._opened[0]


RecordedAnswer = Callable[[], RecordedResponse]
"""Returns the recorded response to the current request."""

Disturbance = Callable[[int, RecordedAnswer], httpx.Response]
"""Returns the response with the fault; the number counts requests since the fault, from 0."""


@dataclass
class Replay:
    """The exchanges of a scenario, replayed from memory.

    Attributes:
        exchanges: The exchanges of the undisturbed run.
        fault: Responds from request ``at`` on; ``None`` for recorded responses only.
        at: The number of the first request with the fault, from 1.
        only: Whether a request gets the fault; by default every one does.
        requests: The requests so far.
        disturbed: The numbers of the requests that got the fault.
        is_endless: Whether an endless loop was stopped.
        has_unknown: Whether a request was not recorded, so that the response to it is a 404.
    """

    exchanges: Sequence[tuple[RecordedRequest, RecordedResponse]] = field(repr=False)
    fault: Disturbance | None = None
    at: int = 1
    only: Callable[[RecordedRequest], bool] = field(default=lambda _: True)
    requests: list[RecordedRequest] = field(default_factory=list, repr=False)
    disturbed: set[int] = field(default_factory=set)
    is_endless: bool = False
    has_unknown: bool = False
    _played: set[int] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def transport(self) -> httpx.BaseTransport:
        """Return a transport that replays the exchanges."""
        return httpx.MockTransport(self._answer)

    def requests_since_fault(self) -> tuple[RecordedRequest, ...]:
        """Return the requests from the fault on."""
        return tuple(self.requests[self.at - 1 :])

    def _answer(self, request: httpx.Request) -> httpx.Response:
        current = _recorded_request(request)
        with self._lock:
            self.requests.append(current)
            number = len(self.requests)
        if number > len(self.exchanges) + MAX_EXTRA_REQUESTS:
            self.is_endless = True
            raise httpx.ConnectError("stopped by the test: endless loop")
        if self.fault is not None and number >= self.at and self.only(current):
            self.disturbed.add(number)
            return self.fault(number - self.at, lambda: self._recorded(current))
        return self._recorded(current).response()

    def _recorded(self, request: RecordedRequest) -> RecordedResponse:
        with self._lock:
            matching = [
                number
                for number, (recorded, _) in enumerate(self.exchanges)
                if recorded.key == request.key
            ]
            if not matching:
                self.has_unknown = True
                return RecordedResponse(404, (("content-type", "application/json"),), b"{}")
            # A retry without the secret must not get the response to the request with it.
            same = [n for n in matching if self.exchanges[n][0].headers == request.headers]
            matching = same or matching
            number = next((one for one in matching if one not in self._played), matching[-1])
            self._played.add(number)
        return self.exchanges[number][1]


def _recorded_request(request: httpx.Request) -> RecordedRequest:
    return RecordedRequest(
        request.method,
        request.url.raw_path.decode("ascii"),
        request.read(),
        tuple(request.headers.multi_items()),
        is_safe_to_repeat(request),
    )


def _called(body: bytes) -> str:
    """Return the name of the function or operation that a JSON body calls; empty for others."""
    try:
        call = json.loads(body)
    except ValueError:
        return ""
    names = (call.get("method"), call.get("operationName")) if isinstance(call, dict) else ()
    return next((name for name in names if isinstance(name, str)), "")
