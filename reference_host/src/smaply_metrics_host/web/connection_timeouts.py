"""HTTP connections that end when a client is silent: before a request, and while it reads.

uvicorn limits only how long a connection is idle between requests. Without a limit for the headers,
a few hundred clients that send half a request keep every file descriptor of the process.
"""

from __future__ import annotations

import resource
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import asyncio

    from uvicorn.protocols.http.h11_impl import RequestResponseCycle

HEADER_SECONDS: Final = 20.0
"""How long the headers of a request may take, from the connection or the last response."""
WRITE_SECONDS: Final = 60.0
"""How long a client may read nothing of a response that waits to be sent."""
MOST_CONNECTIONS: Final = 10_000


def connection_limit() -> int:
    """Return how many connections this process can have, and still open files for its work."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    available = MOST_CONNECTIONS if files == resource.RLIM_INFINITY else files * 3 // 4
    return min(MOST_CONNECTIONS, available)


@dataclass
class ConnectionTimeouts:
    """The limits of the connections of a server, and those that wait for a request.

    Attributes:
        header_seconds: The time for the headers of a request.
        write_seconds: The time without progress in sending a response.
        most: The maximum number of connections. The one that has waited longest for its request is
            closed for a new one.
        waiting: The connections without a request, in the order in which their wait began.
    """

    header_seconds: float = HEADER_SECONDS
    write_seconds: float = WRITE_SECONDS
    most: int = field(default_factory=connection_limit)
    waiting: dict[TimedConnection, None] = field(default_factory=dict)

    def protocol(self, **options: Any) -> TimedConnection:  # noqa: ANN401  # As uvicorn passes them.
        """Return the protocol of a new connection; for ``http`` of ``uvicorn.Config``."""
        return TimedConnection(self, **options)


class TimedConnection(H11Protocol):
    """A connection that is closed when its client is silent for too long.

    A request that is being answered is not limited here, however long its response lasts.
    """

    def __init__(self, timeouts: ConnectionTimeouts, **options: Any) -> None:  # noqa: ANN401  # As above.
        super().__init__(**options)
        self._timeouts = timeouts
        self._request_timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None
        self._unsent = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._await_request()
        if len(self.connections) > self._timeouts.most:
            next(iter(self._timeouts.waiting)).abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timers."""
        self._request_began()
        self.resume_writing()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        """Stop waiting when the headers of a request are complete."""
        super().handle_events()
        if self._answering:
            self._request_began()

    def on_response_complete(self) -> None:
        """Wait for the next request, unless the client has already sent it."""
        super().on_response_complete()
        if not self._answering:
            self._await_request()

    def pause_writing(self) -> None:
        """Limit the time until the client reads again."""
        super().pause_writing()
        self._write_timer = self.loop.call_later(self._timeouts.write_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Lift the limit of ``pause_writing``."""
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None
        super().resume_writing()

    def abort(self) -> None:
        """Close the connection; what was not sent is lost."""
        self._request_began()
        self.transport.abort()

    @property
    def _answering(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle  # None before the first request.
        return cycle is not None and not cycle.response_complete

    def _await_request(self) -> None:
        self._request_began()
        self._unsent = self.transport.get_write_buffer_size()
        self._timeouts.waiting[self] = None
        self._request_timer = self.loop.call_later(self._timeouts.header_seconds, self._silent)

    def _request_began(self) -> None:
        self._timeouts.waiting.pop(self, None)
        if self._request_timer is not None:
            self._request_timer.cancel()
            self._request_timer = None

    def _silent(self) -> None:
        """Close the connection, unless the client is still reading the last response."""
        if self.transport.get_write_buffer_size() < self._unsent:
            self._await_request()
        else:
            self.abort()
