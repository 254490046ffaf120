"""One request and its answer as the debug bundle shows them: no header, query string or body."""

from __future__ import annotations

from pydantic import AwareDatetime, NonNegativeFloat, NonNegativeInt

from smaply_metrics_core.models.base import Frozen


class Exchange(Frozen):
    """One request as it went over the wire; each retry is an exchange of its own.

    Attributes:
        at: When it was sent.
        path: The path without its query string, percent-encoded.
        status: ``None`` when no answer came.
        milliseconds: From sending to the end of the answer's body.
        request_bytes: Size of the body sent; ``None`` when it was not known beforehand.
        response_bytes: Size of the answer's body as read from the wire.
        request_id: The survey tool's own id of the request, when it sent one.
        error: Kind of the error that it ended in, such as ``unreachable``.
    """

    at: AwareDatetime
    method: str
    host: str
    path: str
    status: int | None
    milliseconds: NonNegativeFloat
    request_bytes: NonNegativeInt | None = None
    response_bytes: NonNegativeInt = 0
    request_id: str | None = None
    error: str | None = None
