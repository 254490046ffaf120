"""Reads responses: JSON, error codes and request ids."""

from __future__ import annotations

import json
import re
from typing import Any, Final, NamedTuple

import httpx

from smaply_metrics_core.errors import SourceUnavailable

REQUEST_ID_HEADERS: Final = ("x-request-id", "request-id")
_SHORT: Final = re.compile(r"[\w.:/+=-]{1,100}", re.ASCII)


class RemoteDetails(NamedTuple):
    """The survey tool's error code and id of the request, if it sent them."""

    code: str | None
    request_id: str | None


def remote_details(response: httpx.Response) -> RemoteDetails:
    """Return the error code and request id of a response that has been read.

    They are read from the JSON envelope (``meta.requestId``, ``meta.error.errorCode``,
    ``requestId``) or else from the headers. Since people see them, values that are long or have
    unusual characters are ignored.
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
    """Return the survey tool's request id from response headers, or ``None``."""
    return _first(*(headers.get(name) for name in REQUEST_ID_HEADERS))


def is_gzip(response: httpx.Response) -> bool:
    """Whether a response has gzip compression, the only one that is requested."""
    return response.headers.get("content-encoding", "").strip().lower() in {"gzip", "x-gzip"}


def read_json(response: httpx.Response) -> Any:  # noqa: ANN401  # JSON is anything.
    """Return the JSON data of a response.

    Raises:
        SourceUnavailable: when it is a web page, empty or not JSON.
    """
    content = response.read()
    host = response.request.url.host
    if not content.strip():
        found = "an empty response"
    elif "html" in response.headers.get("content-type", "").lower() or content.lstrip()[:1] == b"<":
        found = "a web page"
    else:
        try:
            return json.loads(content)
        except (ValueError, RecursionError):
            found = "invalid JSON"
    raise SourceUnavailable(
        f"{host} sent {found} instead of data (HTTP {response.status_code}).",
        remedy="Check that the host name is that of the survey tool's API, or try again in a few "
        "minutes.",
        request_id=find_request_id(response.headers),
    )


def _part(value: object, name: str) -> object:
    return value.get(name) if isinstance(value, dict) else None


def _first(*values: object) -> str | None:
    return next((v for v in values if isinstance(v, str) and _SHORT.fullmatch(v)), None)
