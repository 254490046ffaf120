"""Makes the client that a source is handed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import httpx

from smaply_metrics_core._version import __version__
from smaply_metrics_core.context import Clock, Deadline
from smaply_metrics_core.http.exchange import Exchange
from smaply_metrics_core.http.log_filter import our_request, silence_http_logs
from smaply_metrics_core.http.origin import Origin
from smaply_metrics_core.http.rate_limit import RateLimiter
from smaply_metrics_core.http.retry import full_jitter
from smaply_metrics_core.http.transport import (
    READ_AT_ONCE,
    TIMEOUTS,
    GuardedTransport,
    TransportConfig,
)
from smaply_metrics_core.models.source import Destination

USER_AGENT: Final = f"smaply-metrics/{__version__}"


class _SourceClient(httpx.Client):
    """An ``httpx.Client`` whose requests the libraries below do not log."""

    def send(
        self,
        request: httpx.Request,
        *,
        stream: bool = False,
        **options: Any,  # noqa: ANN401  # Passed on as they are.
    ) -> httpx.Response:
        request.extensions[READ_AT_ONCE] = not stream
        with our_request():
            return super().send(request, stream=stream, **options)


def build_client(  # noqa: PLR0913  # All by name, and most have a default.
    destinations: Sequence[Destination],
    *,
    deadline: Deadline,
    clock: Clock,
    limits: RateLimiter | None = None,
    max_bytes: int = 4 * 2**30,
    transport: httpx.BaseTransport | None = None,
    exchange: Callable[[Exchange], None] | None = None,
    jitter: Callable[[float], float] = full_jitter,
) -> httpx.Client:
    """Make the client for one call of a source; close it when the call ends.

    Every request goes to one of the host ``destinations`` or is refused: HTTPS on port 443, or
    plain HTTP to a loopback address that an operator's setting names. With one such destination,
    paths may be given without a host. Reads (GET, HEAD) are tried up to four times when the
    network fails or the answer is 429, 500, 502, 503 or 504; everything else only on 429, which
    says that it was not taken. A ``Retry-After`` is waited for when it fits 30 s and the deadline.
    Redirects are not followed, certificates always checked. Answers below 500 other than 429 and
    redirects come back as they are.

    An answer that is not streamed may have 64 MiB. Timeouts are 10 s to connect and 60 s of
    silence, never more than the deadline left when the request was sent.

    Args:
        destinations: Where these credentials lead; folders are no matter here.
        deadline: When the call must have returned; every wait and read keeps to it.
        clock: Time.
        limits: The source's request limits, shared by all that use one connection.
        max_bytes: Most bytes of one answer, before and after decompression.
        transport: In place of real connections, for tests; it then gets every request.
        exchange: Told of each request when its answer has been read, for the debug bundle.
        jitter: Picks a wait between 0 and the seconds it is given.

    Raises:
        DestinationRefused: when a destination is no public host name, nor a loopback address with
            a setting.
    """
    origins = frozenset(
        Origin.of_destination(place) for place in destinations if place.kind == "host"
    )
    rules = TransportConfig(
        deadline=deadline,
        clock=clock,
        rate_limiter=limits,
        max_bytes=max_bytes,
        jitter=jitter,
        exchange=exchange,
    )
    silence_http_logs()
    return _SourceClient(
        base_url=next(iter(origins)).url if len(origins) == 1 else "",
        transport=GuardedTransport(origins, rules, transport),
        timeout=httpx.Timeout(TIMEOUTS["read"], connect=TIMEOUTS["connect"]),
        headers={"user-agent": USER_AGENT, "accept-encoding": "gzip"},
        follow_redirects=False,
        trust_env=False,
    )
