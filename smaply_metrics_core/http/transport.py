"""The transport of a source's client: allow-list, retries, rate limits, timeouts, size limits."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

import httpx

from smaply_metrics_core.context import Clock, Deadline
from smaply_metrics_core.errors import (
    DestinationRefused,
    ExportFailed,
    MetricsError,
    RateLimited,
    Unreachable,
)
from smaply_metrics_core.http import error_mapping, retry
from smaply_metrics_core.http.auth import SECRET_HEADERS, hide_echoed_secrets
from smaply_metrics_core.http.exchange import Exchange
from smaply_metrics_core.http.log_filter import our_request
from smaply_metrics_core.http.network import end_at_deadline
from smaply_metrics_core.http.origin import Origin, Scope, open_route, proxy_for
from smaply_metrics_core.http.rate_limit import RateLimiter
from smaply_metrics_core.http.request_spans import describe_outcome, describe_request, measure_wait
from smaply_metrics_core.http.response_body import GuardedBody
from smaply_metrics_core.http.response_limit import response_limit
from smaply_metrics_core.http.responses import (
    LONGEST_ENVELOPE,
    find_request_id,
    is_text_encoding,
    remote_details,
)
from smaply_metrics_core.models.problem import Audience
from smaply_metrics_core.models.source import ClientCertificate, RequestOperation
from smaply_metrics_core.observability import telemetry
from smaply_metrics_core.redaction import Redactor

READ_AT_ONCE: Final = "smaply_metrics.read_at_once"
TIMEOUTS: Final = {"connect": 10.0, "read": 60.0, "write": 60.0, "pool": 10.0}
"""In seconds, each limited to the time until the deadline."""

_log: Final = logging.getLogger("smaply_metrics_core.http")


@dataclass(frozen=True)
class TransportConfig:
    """The configuration for all requests of a client."""

    deadline: Deadline
    clock: Clock
    rate_limiter: RateLimiter | None
    max_bytes: int
    jitter: Callable[[float], float]
    exchange: Callable[[Exchange], None] | None
    ca_files: Mapping[str, Path]
    redactor: Redactor
    operation: RequestOperation | None


@dataclass
class _Sent:
    """One attempt to send a request."""

    request: httpx.Request
    origin: Origin
    operation: str
    at: datetime
    started: float
    proxied: bool
    at_once: bool
    status: int | None = field(default=None)
    request_id: str | None = field(default=None)

    @property
    def path(self) -> str:
        """The path without the query, percent-encoded, so that logs have no control characters."""
        return self.request.url.raw_path.partition(b"?")[0].decode("ascii")


class GuardedTransport(httpx.BaseTransport):
    """Sends requests only to allowed origins, and raises failures as ``MetricsError``.

    Args:
        scopes: The allowed origins, and their paths.
        inner: The transport to use instead of real connections.
        certificates: The client certificates.
    """

    def __init__(
        self,
        scopes: Sequence[Scope],
        rules: TransportConfig,
        inner: httpx.BaseTransport | None,
        certificates: Mapping[Origin, ClientCertificate],
    ) -> None:
        self._certificates = certificates
        self._scopes = scopes
        self._rules = rules
        self._inner = inner
        self._routes: dict[Origin, httpx.BaseTransport] = {}
        self._lock = threading.Lock()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request, with retries, and return a successful response.

        Raises:
            DestinationRefused: when the origin is not allowed; nothing is sent.
            RemoteError: when there is no usable response; 4xx other than 429 are returned.
            DeadlineExceeded: when the deadline has passed.
            Cancelled: when the caller cancelled the call.
        """
        origin = self._check_destination(request)
        rules = self._rules
        operation = rules.operation(request) if rules.operation is not None else ""
        tries = 0
        while True:
            rules.deadline.check()
            if rules.rate_limiter is not None:
                waited = rules.rate_limiter.acquire(
                    request.method, request.url.path, rules.deadline, operation=operation
                )
                if waited:
                    measure_wait(origin, waited, "limit", rules.redactor)
            tries += 1
            outcome = self._traced(request, origin, operation, tries)
            if isinstance(outcome, httpx.Response):
                return outcome
            wait = self._wait_before_retry(request, outcome, tries)
            if wait is None:
                rules.redactor.redact_error(outcome.error)
                raise outcome.error
            host = rules.redactor.redact(origin.label)
            _log.info("%s from %s, retry in %.1f s", outcome.error.kind, host, wait)
            if isinstance(outcome.error, RateLimited):
                measure_wait(origin, wait, "retry_after", rules.redactor)
            rules.deadline.pause(wait)

    def close(self) -> None:
        """Close every connection."""
        with self._lock, our_request():
            for route in self._routes.values():
                route.close()

    def _check_destination(self, request: httpx.Request) -> Origin:
        url = request.url
        origin = Origin.of_url(url)
        host_header = request.headers.get("host", "").lower()
        expected = {origin.label, f"{origin.label}:{origin.port}"}
        if host_header in expected and any(scope.allows(url) for scope in self._scopes):
            return origin
        target = self._rules.redactor.redact(origin.url) if origin.host else "a URL without a host"
        if any(scope.origin == origin for scope in self._scopes):
            target = f"another path of {target}"
        allowed = " and ".join(sorted(scope.url for scope in self._scopes)) or "no host"
        allowed = self._rules.redactor.redact(allowed)
        _log.info("rejected %s to %s, which is not on the allow-list", request.method, target)
        raise DestinationRefused(
            f"A request to {target} was rejected, since the credentials allow only {allowed}.",
            remedy="Report this to the author of the source: requests must use HTTPS, a host or an "
            "address from the hook `destinations`, and no credentials in the URL.",
            audience=Audience.OPERATOR,
        )

    def _route(self, origin: Origin) -> httpx.BaseTransport:
        with self._lock:
            if origin not in self._routes:
                certificate = self._certificates.get(origin)
                self._routes[origin] = self._inner or end_at_deadline(
                    open_route(origin, self._rules.ca_files.get(origin.label), certificate),
                    self._rules.deadline,
                )
            return self._routes[origin]

    def _traced(
        self, request: httpx.Request, origin: Origin, operation: str, tries: int
    ) -> httpx.Response | error_mapping.MappedError:
        """Send a request once, in a span that ends with the headers of a streamed response."""
        with telemetry.span(request.method, client=True) as span:
            if span.recording:
                describe_request(span, request, origin, tries, self._rules.redactor)
            outcome = self._send_once(request, origin, operation, span)
            if span.recording:
                describe_outcome(span, outcome)
        return outcome

    def _send_once(
        self, request: httpx.Request, origin: Origin, operation: str, span: telemetry.Span
    ) -> httpx.Response | error_mapping.MappedError:
        rules = self._rules
        sent = _Sent(
            request=request,
            origin=origin,
            operation=operation,
            at=rules.clock.now(),
            started=rules.clock.monotonic(),
            proxied=self._inner is None and proxy_for(origin) is not None,
            at_once=request.extensions.get(READ_AT_ONCE, False),
        )
        route = self._route(origin)
        try:
            with our_request():
                answer = route.handle_request(self._outgoing(request))
        except httpx.TransportError as error:
            failure = error_mapping.network_failure(error, origin.label, proxied=sent.proxied)
            self._record(sent, 0, failure.error.kind)
            return failure
        sent.status = answer.status_code
        span.set({"http.response.status_code": answer.status_code})
        return self._check_response(sent, answer)

    def _outgoing(self, request: httpx.Request) -> httpx.Request:
        """Return a copy of a request with its secret headers and without other extensions."""
        headers = request.headers.copy()
        headers["accept-encoding"] = "gzip"
        for name, secret in request.extensions.get(SECRET_HEADERS, {}).items():
            self._rules.redactor.add(secret)
            headers[name] = secret.get_secret_value()
        requested = request.extensions.get("timeout", {})
        left = max(self._rules.deadline.remaining(), 0.001)
        timeout = {
            name: min(most, left, requested.get(name) or most) for name, most in TIMEOUTS.items()
        }
        # Other extensions would allow a source to change the host name that TLS verifies.
        return httpx.Request(
            request.method,
            request.url,
            headers=headers,
            stream=request.stream,
            extensions={
                "timeout": timeout,
                # Inert, but a transport of the contract suite reads it.
                **(retry.SAFE_TO_REPEAT if retry.is_safe_to_repeat(request) else {}),
            },
        )

    def _check_response(
        self, sent: _Sent, answer: httpx.Response
    ) -> httpx.Response | error_mapping.MappedError:
        sent.request_id = find_request_id(answer.headers)
        if answer.status_code in error_mapping.REDIRECTS:
            with our_request():
                answer.close()
            failure = error_mapping.redirect_failure(answer, sent.origin.label, sent.request.url)
            self._record(sent, 0, failure.error.kind)
            return failure
        # The body of a 4xx or 5xx describes the error, so it is always read.
        if sent.at_once or answer.status_code >= httpx.codes.BAD_REQUEST:
            return self._read_whole(sent, answer)
        unreadable = error_mapping.unreadable_response(answer, sent.origin.label)
        if unreadable is not None:
            with our_request():
                answer.close()
            self._record(sent, 0, unreadable.error.kind)
            return unreadable
        return _rebuilt(answer, self._body(sent, answer, partial(self._record, sent)))

    def _read_whole(
        self, sent: _Sent, answer: httpx.Response
    ) -> httpx.Response | error_mapping.MappedError:
        """Read a response completely, and return it or the error for its status or content."""
        received = 0

        def count(size: int, _: str | None) -> None:
            nonlocal received
            received = size

        broken = error_mapping.unreadable_response(answer, sent.origin.label)
        content = b""
        body = self._body(sent, answer, count)
        try:
            if broken is None:
                content = hide_echoed_secrets(b"".join(body), sent.request)
        except Unreachable as error:
            broken = error_mapping.MappedError(error, error_mapping.Retry.READS)
        except ExportFailed as error:  # It is too large. The status says enough of an error.
            if answer.status_code < httpx.codes.BAD_REQUEST:
                broken = error_mapping.MappedError(error)
        except MetricsError as error:
            broken = error_mapping.MappedError(error)
        finally:
            body.close()
        whole = _rebuilt(answer, httpx.ByteStream(content))
        whole.read()
        sent.request_id = remote_details(whole).request_id
        pause = retry.read_retry_after(
            answer.headers.get("retry-after"),
            self._rules.clock.now(),
            self._rules.deadline.remaining(),
        )
        failure = error_mapping.status_failure(whole, sent.origin.label, pause) or broken
        self._record(sent, received, failure.error.kind if failure else None)
        return failure or whole

    def _body(
        self, sent: _Sent, answer: httpx.Response, finished: Callable[[int, str | None], None]
    ) -> GuardedBody:
        bodiless = {httpx.codes.NO_CONTENT, httpx.codes.NOT_MODIFIED}
        most = response_limit(sent.request) if sent.at_once else self._rules.max_bytes
        if answer.status_code >= httpx.codes.BAD_REQUEST:
            most = LONGEST_ENVELOPE
        return GuardedBody(
            answer,
            host=sent.origin.label,
            proxied=sent.proxied,
            has_body=sent.request.method != "HEAD" and answer.status_code not in bodiless,
            limit=min(self._rules.max_bytes, most),
            deadline=self._rules.deadline,
            finished=finished,
        )

    def _wait_before_retry(
        self, request: httpx.Request, failure: error_mapping.MappedError, tries: int
    ) -> float | None:
        """Return the seconds until the next attempt, or ``None`` if there is none."""
        may = failure.retry is error_mapping.Retry.ALWAYS or (
            failure.retry is error_mapping.Retry.READS and retry.is_safe_to_repeat(request)
        )
        # A streamed request body cannot be sent again.
        if not may or tries >= retry.MAX_TRIES or not isinstance(request.stream, httpx.ByteStream):
            return None
        wait = self._rules.jitter(retry.back_off_ceiling(tries))
        if failure.pause is not None:
            if failure.pause.too_long:
                return None
            wait = max(wait, failure.pause.seconds)
        return wait if wait < self._rules.deadline.remaining() else None

    def _record(self, sent: _Sent, received: int, kind: str | None) -> None:
        milliseconds = (self._rules.clock.monotonic() - sent.started) * 1000
        # A server can put the secret into a URL that the source follows, and into a request ID.
        method, host, path, request_id = self._rules.redactor.redact_each(
            sent.request.method, sent.origin.label, sent.path, sent.request_id or ""
        )
        operation = sent.operation and self._rules.redactor.redact_line(sent.operation)
        place = f"{host}{path} {operation}" if operation else f"{host}{path}"
        _log.debug("%s %s %s %.0f ms", method, place, sent.status or kind, milliseconds)
        if self._rules.exchange is None:
            return
        length = sent.request.headers.get("content-length", "")
        self._rules.exchange(
            Exchange(
                at=sent.at,
                method=method,
                host=host,
                path=path,
                operation=operation,
                status=sent.status,
                milliseconds=max(milliseconds, 0.0),
                request_bytes=int(length) if length.isdecimal() else None,
                response_bytes=received,
                request_id=request_id or None,
                error=kind,
            )
        )


def _rebuilt(answer: httpx.Response, body: httpx.SyncByteStream) -> httpx.Response:
    """Return a copy of a response with another body, which is not compressed.

    Without a charset, httpx decodes the text of a body as UTF-8.
    """
    headers = answer.headers.copy()
    if not is_text_encoding(answer):
        headers["content-type"] = headers["content-type"].partition(";")[0]
    if "content-encoding" in headers:
        del headers["content-encoding"]
        headers.pop("content-length", None)
    kept = {"http_version", "reason_phrase"}
    extensions = {name: value for name, value in answer.extensions.items() if name in kept}
    return httpx.Response(answer.status_code, headers=headers, stream=body, extensions=extensions)
