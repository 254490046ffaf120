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

    def fault(self, name: str, sign_in: str, sign_out: str) -> HttpFault:
        """Return the fault, with the texts of requests that open and end login sessions."""
        errors = self.error if isinstance(self.error, tuple) else (self.error,)
        kinds = error_kinds(*errors)
        session = [text for text in (sign_in, sign_out) if text]
        return HttpFault(
            f"the refusal “{name}” is returned",
            with_body(self.body),
            lambda problem, _: problem.kind in kinds,
            " or ".join(sorted(one.kind for one in errors)),
            "recognize this response before its data is read, and raise "
            + " or ".join(one.__name__ for one in errors),
            storable=True,
            only=lambda request: (
                request.names(self.at)
                if self.at
                else not any(request.names(text) for text in session)
            ),
        )
