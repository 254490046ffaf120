"""Spans of requests and measurements of waits, with the attributes of OpenTelemetry's conventions.

Queries of URLs are omitted, and secrets are redacted, as in exchanges.
"""

from __future__ import annotations

import httpx

from smaply_metrics_core.http.error_mapping import MappedError
from smaply_metrics_core.http.origin import Origin
from smaply_metrics_core.observability import telemetry
from smaply_metrics_core.observability.instruments import RATE_LIMIT_WAIT, REASON
from smaply_metrics_core.redaction import Redactor


def describe_request(
    span: telemetry.Span, request: httpx.Request, origin: Origin, tries: int, redactor: Redactor
) -> None:
    """Set the attributes of a request; ``tries`` counts this one and those before."""
    path = request.url.raw_path.partition(b"?")[0].decode("ascii")
    span.set(
        {
            "http.request.method": request.method,
            "server.address": redactor.redact(origin.host),
            "server.port": origin.port,
            "url.full": redactor.redact(f"{origin.url}{path}"),
        }
    )
    if tries > 1:
        span.set({"http.request.resend_count": tries - 1})


def describe_outcome(span: telemetry.Span, outcome: httpx.Response | MappedError) -> None:
    """Mark the span as failed when the request did."""
    if isinstance(outcome, MappedError):
        span.fail(outcome.error.kind)
    elif outcome.status_code >= httpx.codes.BAD_REQUEST:
        span.fail(str(outcome.status_code))


def measure_wait(origin: Origin, seconds: float, reason: str, redactor: Redactor) -> None:
    """Measure how long a request waited for a rate limit."""
    if telemetry.enabled():
        address = redactor.redact(origin.host)
        telemetry.measure(RATE_LIMIT_WAIT, seconds, {"server.address": address, REASON: reason})
