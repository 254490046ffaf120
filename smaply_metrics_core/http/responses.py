"""Reads what a survey tool answers: JSON, and the ids that its support asks for."""

from __future__ import annotations

import json
import re
from typing import Any, Final, NamedTuple

import httpx

from smaply_metrics_core.errors import SourceUnavailable

REQUEST_ID_HEADERS: Final = ("x-request-id", "request-id")
_SHORT: Final = re.compile(r"[\w.:/+=-]{1,100}", re.ASCII)


class RemoteDetails(NamedTuple):
    """The survey tool's own error code and id of the request, where it sent them."""

    code: str | None
    request_id: str | None


def remote_details(response: httpx.Response) -> RemoteDetails:
    """Find the error code and request id of an answer that has been read.

    Looks in the JSON envelope (``meta.requestId``, ``meta.error.errorCode``, ``requestId``), then
    in the headers. What is not short and plain is left out: both are shown to people.
    """
    try:
        envelope = json.loads(response.content)
    except (ValueError, RecursionError):
        envelope = None
    meta = _part(envelope, "meta")
    return RemoteDetails(
        code=_first(_part(_part(meta, "error"), "errorCode")),
        request_id=_first(
            _part(meta, "requestId"),
            _part(envelope, "requestId"),
            find_request_id(response.headers),
        ),
    )


def find_request_id(headers: httpx.Headers) -> str | None:
    """Find the survey tool's id of a request in the headers of its answer."""
    return _first(*(headers.get(name) for name in REQUEST_ID_HEADERS))


def is_gzip(response: httpx.Response) -> bool:
    """Whether an answer is compressed in the one way that is asked for."""
    return response.headers.get("content-encoding", "").strip().lower() in {"gzip", "x-gzip"}


def read_json(response: httpx.Response) -> Any:  # noqa: ANN401  # JSON is anything.
    """Read an answer that has to be JSON.

    Raises:
        SourceUnavailable: when it is a web page, empty, or not JSON.
    """
    content = response.read()
    host = response.request.url.host
    if not content.strip():
        said = "with nothing instead of data"
    elif "html" in response.headers.get("content-type", "").lower() or content.lstrip()[:1] == b"<":
        said = "with a web page instead of data"
    else:
        try:
            return json.loads(content)
        except (ValueError, RecursionError):
            said = "with damaged data"
    raise SourceUnavailable(
        f"{host} answered {said} (HTTP {response.status_code}).",
        remedy="Check that the base URL is that of the survey tool's API and that nothing between "
        "here and there answers in its place; otherwise try again in a few minutes.",
        request_id=find_request_id(response.headers),
    )


def _part(value: object, name: str) -> object:
    return value.get(name) if isinstance(value, dict) else None


def _first(*values: object) -> str | None:
    return next((v for v in values if isinstance(v, str) and _SHORT.fullmatch(v)), None)
