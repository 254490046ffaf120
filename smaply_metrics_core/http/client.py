"""The HTTP client for sources."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import httpx

from smaply_metrics_core._version import __version__
from smaply_metrics_core.context import Clock, Deadline
from smaply_metrics_core.http.exchange import Exchange
from smaply_metrics_core.http.log_filter import our_request, silence_http_logs
from smaply_metrics_core.http.origin import Origin, Scope
from smaply_metrics_core.http.rate_limit import RateLimiter
from smaply_metrics_core.http.retry import full_jitter
from smaply_metrics_core.http.transport import (
    READ_AT_ONCE,
    TIMEOUTS,
    GuardedTransport,
    TransportConfig,
)
from smaply_metrics_core.models.source import Destination, RequestOperation
from smaply_metrics_core.redaction import Redactor

USER_AGENT: Final = f"smaply-metrics/{__version__}"


class _SourceClient(httpx.Client):
    """An ``httpx.Client`` whose requests httpx and httpcore do not log."""

    def send(
        self,
        request: httpx.Request,
        *,
        stream: bool = False,
        **options: Any,  # noqa: ANN401  # Passed on unchanged.
    ) -> httpx.Response:
        request.extensions[READ_AT_ONCE] = not stream
        with our_request():
            return super().send(request, stream=stream, **options)


def build_client(  # noqa: PLR0913  # Keywords, most with a default.
    destinations: Sequence[Destination],
    *,
    deadline: Deadline,
    clock: Clock,
    limits: RateLimiter | None = None,
    max_bytes: int = 4 * 2**30,
    transport: httpx.BaseTransport | None = None,
    exchange: Callable[[Exchange], None] | None = None,
    jitter: Callable[[float], float] = full_jitter,
    ca_files: Mapping[str, Path] | None = None,
    operation: RequestOperation | None = None,
    redactor: Any = None,  # noqa: ANN401  # A ``Redactor``, which is not public.
) -> httpx.Client:
    """Return the HTTP client for one call of a source; close it when the call ends.

    Requests are only sent to the host ``destinations``: with HTTPS on port 443, or with plain HTTP
    to a loopback address that a setting allows; and to the address ``destinations``, held to their
    path and query. If there is one such destination without a query, it is the base URL. Redirects
    are not followed, and certificates are always verified.

    Reads (GET, HEAD, and requests with ``extensions=SAFE_TO_REPEAT``) are sent up to four times if
    the network fails or the status is 429, 500, 502, 503 or 504. Other requests are retried only on
    429. ``Retry-After`` is applied if it is at most 30 s and ends before the deadline. Responses
    below 500 are returned, except for 429 and redirects.

    A response that is not streamed is limited to 64 MiB, or to more with ``large_response``.
    Timeouts are 10 s to connect and 60 s to read or write, but at most the time until the deadline.

    Args:
        destinations: The destinations of the credentials; those not for HTTP are ignored.
        deadline: The deadline of the call, for all waits and reads.
        clock: The clock for waits and exchanges.
        limits: The source's request limits, shared by all clients of a connection.
        max_bytes: The maximum size of a response, before and after decompression.
        transport: The transport for all requests instead of real connections, for tests.
        exchange: Called for each request after its response was read, for the debug bundle.
        jitter: Returns a random wait from 0 to the given number of seconds.
        ca_files: By ``host`` or ``host:port``, the file with the only certificate authorities that
            are trusted there; those of the machine are trusted elsewhere.
        operation: The source's function that returns the operation of a request.
        redactor: Redacts secrets in logs, errors and exchanges. The secrets of ``header_auth`` are
            added to it when they are sent.

    Raises:
        DestinationRefused: when a destination is neither a public host name, nor a loopback address
            with a setting, nor an address with HTTPS or of a private network.
    """
    scopes = tuple(
        dict.fromkeys(Scope.of_destination(place) for place in destinations if place.over_http)
    )
    certificates = {
        Origin.of_destination(place): place.client_certificate
        for place in destinations
        if place.over_http and place.client_certificate is not None
    }
    rules = TransportConfig(
        deadline=deadline,
        clock=clock,
        rate_limiter=limits,
        max_bytes=max_bytes,
        jitter=jitter,
        exchange=exchange,
        ca_files=ca_files or {},
        redactor=Redactor() if redactor is None else redactor,
        operation=operation,
    )
    silence_http_logs()
    return _SourceClient(
        base_url=scopes[0].base_url if len(scopes) == 1 else "",
        transport=GuardedTransport(scopes, rules, transport, certificates),
        timeout=httpx.Timeout(TIMEOUTS["read"], connect=TIMEOUTS["connect"]),
        headers={"user-agent": USER_AGENT, "accept-encoding": "gzip"},
        follow_redirects=False,
        trust_env=False,
    )
