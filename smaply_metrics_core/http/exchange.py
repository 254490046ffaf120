"""The record of a request in the debug bundle, without headers, query string and body."""

from __future__ import annotations

from pydantic import AwareDatetime, NonNegativeFloat, NonNegativeInt

from smaply_metrics_core.models.base import Frozen


class Exchange(Frozen):
    """A request and its response; each retry is a separate exchange.

    Attributes:
        at: When the request was sent.
        path: The path without the query string, percent-encoded.
        operation: The operation, if the source tells them apart by more than the path.
        status: The HTTP status; ``None`` without a response.
        milliseconds: The time from sending the request to the end of the response body.
        request_bytes: The size of the request body; ``None`` if it is streamed.
        response_bytes: The size of the response body before decompression.
        request_id: The survey tool's id of the request, if it sent one.
        error: The kind of the resulting error, such as ``unreachable``.
    """

    at: AwareDatetime
    method: str
    host: str
    path: str
    operation: str = ""
    status: int | None
    milliseconds: NonNegativeFloat
    request_bytes: NonNegativeInt | None = None
    response_bytes: NonNegativeInt = 0
    request_id: str | None = None
    error: str | None = None
