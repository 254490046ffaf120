"""Turns what goes wrong on the way to a survey tool into errors of our tree."""

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

TOO_MANY: Final = 429
WORTH_ANOTHER_TRY: Final = frozenset({500, 502, 503, 504})
REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})

_PLAIN_HOST: Final = re.compile(r"[a-z0-9.:_-]{1,253}")


class Retry(StrEnum):
    """Whether a request that failed may be sent again."""

    NEVER = "never"
    READS = "reads"
    """Only when it changes nothing: it may have been carried out."""
    ALWAYS = "always"
    """The survey tool said that it did not take it."""


@dataclass(frozen=True)
class MappedError:
    """One try that failed: the error to raise unless a later try succeeds."""

    error: MetricsError
    retry: Retry = Retry.NEVER
    pause: RetryAfter | None = None


def network_failure(error: httpx.TransportError, host: str, *, proxied: bool) -> MappedError:
    """Return why no answer came, naming the host and nothing else."""
    if isinstance(error, httpx.LocalProtocolError):
        return MappedError(
            PluginError(f"A request to {host} could not be sent: its headers are not valid.")
        )
    causes = causes_of(error)
    via = " through this machine's proxy" if proxied else ""
    remedy = None
    retry = Retry.READS
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        said = f"The certificate of {host} was not accepted, so nothing was sent."
        remedy = (
            "Check the base URL. If this network inspects traffic, give this machine its "
            "certificate with SSL_CERT_FILE."
        )
        retry = Retry.NEVER
    elif any(isinstance(cause, ssl.SSLError) for cause in causes):
        said = f"No secure connection to {host} could be made{via}."
    elif not proxied and (unknown := _name_error(causes)) is not None:
        said = f"The name {host} is not known: it does not resolve to any address."
        remedy = "Check the base URL for a typing error, and this machine's name server (DNS)."
        # Only this one says that asking again may help.
        retry = Retry.READS if unknown.errno == socket.EAI_AGAIN else Retry.NEVER
    elif any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        said = f"{host} refused the connection{via}: nothing answers there."
    elif isinstance(error, httpx.TimeoutException):
        said = f"{host} did not answer in time{via}."
    elif isinstance(error, httpx.ProxyError):
        said = f"This machine's proxy refused the connection to {host}."
        remedy = "Ask whoever runs the proxy to allow this host, or set NO_PROXY for it."
    elif isinstance(error, httpx.ConnectError):
        said = f"No connection to {host} could be made{via}."
    else:
        said = f"The connection to {host} broke off before the answer was complete{via}."
    return MappedError(Unreachable(said, remedy=remedy), retry)


def redirect_failure(answer: httpx.Response, host: str, url: httpx.URL) -> MappedError:
    """Refuse a redirect: credentials are for the host they were entered for, and no other."""
    try:
        target = url.join(answer.headers.get("location", "")).host
    except (httpx.InvalidURL, ValueError):
        target = ""
    if not _PLAIN_HOST.fullmatch(target):
        target = "another address"
    return MappedError(
        Unreachable(
            f"{host} answered with a redirect to {target}, which was not followed.",
            remedy="Check the base URL: it has to be the host of the survey tool's API itself.",
            request_id=find_request_id(answer.headers),
        )
    )


def unreadable_response(answer: httpx.Response, host: str) -> MappedError | None:
    """Refuse an answer compressed in a way that was not asked for; its size has no bound."""
    encoding = answer.headers.get("content-encoding", "").strip().lower()
    if encoding in {"", "identity"} or is_gzip(answer):
        return None
    return MappedError(
        SourceUnavailable(
            f"{host} answered in a compression that was not asked for.",
            request_id=find_request_id(answer.headers),
        )
    )


def status_failure(
    answer: httpx.Response, host: str, pause: RetryAfter | None
) -> MappedError | None:
    """Judge an answer that has been read by its status; ``None`` leaves it to the source."""
    status = answer.status_code
    if status == TOO_MANY:
        said, retry = f"{host} has had too many requests (HTTP 429)", Retry.ALWAYS
    elif status in WORTH_ANOTHER_TRY:
        said, retry = f"{host} is not able to answer at present (HTTP {status})", Retry.READS
    elif status >= httpx.codes.INTERNAL_SERVER_ERROR:
        said, retry = f"{host} is not able to answer at present (HTTP {status})", Retry.NEVER
    else:
        return None
    code, request_id = remote_details(answer)
    # A pause too long to wait for concerns the whole connection, whatever the status.
    if status == TOO_MANY or (pause is not None and pause.too_long):
        if pause is not None:
            said += f", and asks to wait until {pause.until:%Y-%m-%d %H:%M} UTC"
        limited = RateLimited(
            f"{said}.",
            retry_at=pause.until if pause else None,
            code=code,
            request_id=request_id,
        )
        return MappedError(limited, retry, pause)
    return MappedError(
        SourceUnavailable(f"{said}.", code=code, request_id=request_id), retry, pause
    )


def causes_of(error: BaseException) -> list[BaseException]:
    """Return an error and all that led to it, the latest first."""
    found: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in found:
        found.append(cause)
        cause = cause.__cause__ or cause.__context__
    return found


def _name_error(causes: list[BaseException]) -> socket.gaierror | None:
    return next((cause for cause in causes if isinstance(cause, socket.gaierror)), None)
