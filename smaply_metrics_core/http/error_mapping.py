"""Maps failed requests to ``MetricsError``."""

from __future__ import annotations

import re
import socket
import ssl
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import httpx

from smaply_metrics_core.errors import (
    MetricsError,
    PluginError,
    RateLimited,
    SourceUnavailable,
    Unreachable,
)
from smaply_metrics_core.http.responses import find_request_id, is_gzip, remote_details
from smaply_metrics_core.http.retry import RetryAfter
from smaply_metrics_core.models.problem import Audience

TOO_MANY: Final = 429
RETRIED: Final = frozenset({500, 502, 503, 504})
REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})

_PLAIN_HOST: Final = re.compile(r"[a-z0-9.:_-]{1,253}")


class Retry(StrEnum):
    """Which requests may be retried after a failure."""

    NEVER = "never"
    READS = "reads"
    """Only those that are safe to repeat, since the request may have been processed."""
    ALWAYS = "always"
    """All, since the survey tool did not process the request."""


@dataclass(frozen=True)
class MappedError:
    """A failed attempt: the error to raise unless a retry succeeds."""

    error: MetricsError
    retry: Retry = Retry.NEVER
    pause: RetryAfter | None = None


def network_failure(error: httpx.TransportError, host: str, *, proxied: bool) -> MappedError:
    """Return the error for a request without a response; the message contains only the host."""
    if isinstance(error, httpx.LocalProtocolError):
        return MappedError(
            PluginError(f"A request to {host} was not sent, since its headers are not valid.")
        )
    causes = causes_of(error)
    via = " through the proxy" if proxied else ""
    remedy = None
    audience = None
    retry = Retry.READS
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        message = f"The certificate of {host} is not valid, so nothing was sent."
        remedy = (
            "Check the host name. For a server or a proxy with a certificate authority of its own, "
            "the operator names its file in SMAPLY_METRICS_SOURCES_CA_FILES or SSL_CERT_FILE."
        )
        retry = Retry.NEVER
    elif any(isinstance(cause, ssl.SSLError) for cause in causes):
        message = f"The TLS connection to {host} failed{via}."
    elif not proxied and (unknown := _name_error(causes)) is not None:
        message = f"The host name {host} cannot be resolved."
        remedy = "Check the host name for typing errors, and the DNS settings of this server."
        # Only this error code means a temporary failure.
        retry = Retry.READS if unknown.errno == socket.EAI_AGAIN else Retry.NEVER
    elif any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        message = f"{host} refused the connection{via}."
    elif isinstance(error, httpx.TimeoutException):
        message = f"{host} did not answer in time{via}."
    elif isinstance(error, httpx.ProxyError):
        message = f"The proxy refused the connection to {host}."
        remedy = "Allow this host in the proxy, or add it to NO_PROXY."
        audience = Audience.OPERATOR
    elif isinstance(error, httpx.ConnectError):
        message = f"The connection to {host} failed{via}."
    else:
        message = f"The connection to {host} was closed before the response was complete{via}."
    return MappedError(Unreachable(message, remedy=remedy, audience=audience), retry)


def redirect_failure(answer: httpx.Response, host: str, url: httpx.URL) -> MappedError:
    """Return the error for a redirect; credentials are only sent to the configured host."""
    try:
        target = url.join(answer.headers.get("location", "")).host
    except (httpx.InvalidURL, ValueError):
        target = ""
    if not _PLAIN_HOST.fullmatch(target):
        target = "another address"
    return MappedError(
        Unreachable(
            f"{host} redirects to {target}; redirects are not followed.",
            remedy="Enter the host name of the survey tool's API.",
            request_id=find_request_id(answer.headers),
        )
    )


def unreadable_response(answer: httpx.Response, host: str) -> MappedError | None:
    """Return the error for an unrequested compression, which has no size limit; else ``None``."""
    encoding = answer.headers.get("content-encoding", "").strip().lower()
    if encoding in {"", "identity"} or is_gzip(answer):
        return None
    return MappedError(
        SourceUnavailable(
            f"{host} sent a response with an unsupported compression.",
            request_id=find_request_id(answer.headers),
        )
    )


def status_failure(
    answer: httpx.Response, host: str, pause: RetryAfter | None
) -> MappedError | None:
    """Return the error for the status of a read response; ``None`` if it is for the source."""
    status = answer.status_code
    if status == TOO_MANY:
        message, retry = f"{host} received too many requests (HTTP 429)", Retry.ALWAYS
    elif status in RETRIED:
        message, retry = f"{host} is temporarily unavailable (HTTP {status})", Retry.READS
    elif status >= httpx.codes.INTERNAL_SERVER_ERROR:
        message, retry = f"{host} is temporarily unavailable (HTTP {status})", Retry.NEVER
    else:
        return None
    code, request_id = remote_details(answer)
    # A pause that is too long to wait for applies to the whole connection, with any status.
    if status == TOO_MANY or (pause is not None and pause.too_long):
        if pause is not None:
            message += f" and requested a pause until {pause.until:%Y-%m-%d %H:%M} UTC"
        limited = RateLimited(
            f"{message}.",
            retry_at=pause.until if pause else None,
            code=code,
            request_id=request_id,
        )
        return MappedError(limited, retry, pause)
    return MappedError(
        SourceUnavailable(f"{message}.", code=code, request_id=request_id), retry, pause
    )


def causes_of(error: BaseException) -> list[BaseException]:
    """Return an error and its causes, the latest first."""
    found: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in found:
        found.append(cause)
        cause = cause.__cause__ or cause.__context__
    return found


def _name_error(causes: list[BaseException]) -> socket.gaierror | None:
    return next((cause for cause in causes if isinstance(cause, socket.gaierror)), None)
