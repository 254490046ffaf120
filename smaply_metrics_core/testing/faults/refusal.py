"""Refusals of survey tools inside responses that look successful."""

from __future__ import annotations

from dataclasses import dataclass

from smaply_metrics_core.errors import MetricsError
from smaply_metrics_core.testing.faults.disturbances import with_body
from smaply_metrics_core.testing.faults.fault_types import HttpFault, error_kinds


@dataclass(frozen=True)
class Refusal:
    """A response that refuses a request although its status is 200.

    Attributes:
        body: The body as the survey tool sends it.
        error: The error that the source has to raise, or several of which it raises one.
        at: A text in the path or body of the requests that are refused like this. By default every
            request but those that open and end login sessions.
    """

    body: bytes
    error: type[MetricsError] | tuple[type[MetricsError], ...]
    at: str = ""


def refusal_fault(refusal: Refusal, name: str, *session: str) -> HttpFault:
    """Return the fault of a refusal, given the texts of requests that open and end sessions."""
    errors = refusal.error if isinstance(refusal.error, tuple) else (refusal.error,)
    kinds = error_kinds(*errors)
    texts = [text for text in session if text]
    return HttpFault(
        f"the refusal “{name}” is returned",
        with_body(refusal.body),
        lambda problem, _: problem.kind in kinds,
        " or ".join(sorted(one.kind for one in errors)),
        "recognize this response before its data is read, and raise "
        + " or ".join(one.__name__ for one in errors),
        storable=True,
        only=lambda request: (
            request.names(refusal.at)
            if refusal.at
            else not any(request.names(text) for text in texts)
        ),
    )
