"""Reads responses: JSON, error codes and request ids."""

from __future__ import annotations

import codecs
import re
from typing import Any, Final, NamedTuple

import httpx

from smaply_metrics_core.errors import SourceUnavailable
from smaply_metrics_core.input_limits.json_value import MOST_BYTES, JsonRefused, parse_json

REQUEST_ID_HEADERS: Final = ("x-request-id", "request-id")
LONGEST_ENVELOPE: Final = 2**20
"""The maximum size in bytes of a body that is searched for an error code or a request id, and of
the body of an error response."""
TEXT_ENCODINGS: Final = frozenset(
    {"utf-8", "utf-16", "ascii", "iso8859-1", "iso8859-15", "cp1252", "shift_jis", "gb18030"}
)
"""The encodings in which texts are decoded. Python has others, such as ``zlib`` and ``punycode``,
that take unbounded memory or time."""
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
        envelope = parse_json(response.content, most_bytes=LONGEST_ENVELOPE)
    except JsonRefused:
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


def is_text_encoding(response: httpx.Response) -> bool:
    """Whether the charset of a response, if it has one, is an encoding of texts."""
    name = response.charset_encoding
    try:
        return name is None or codecs.lookup(name).name in TEXT_ENCODINGS
    except (LookupError, ValueError):
        return False


def read_json(response: httpx.Response) -> Any:  # noqa: ANN401  # JSON is anything.
    """Return the JSON data of a response; all its numbers are finite.

    Raises:
        SourceUnavailable: when it is a web page, empty or not JSON, or has more than 32 MiB, two
            million values or a hundred levels.
    """
    content = _content(response)
    host = response.request.url.host
    if not content.strip():
        found = "an empty response"
    elif "html" in response.headers.get("content-type", "").lower() or content.lstrip()[:1] == b"<":
        found = "a web page"
    else:
        try:
            return parse_json(content)
        except JsonRefused as error:
            found = str(error)
    raise SourceUnavailable(
        f"{host} sent {found} instead of data (HTTP {response.status_code}).",
        remedy="Check that the host name is that of the survey tool's API, or try again in a few "
        "minutes.",
        request_id=find_request_id(response.headers),
    )


def _content(response: httpx.Response) -> bytes:
    """Return the body of a response; of a longer streamed one, only more than the limit of JSON."""
    try:
        return response.content
    except httpx.ResponseNotRead:
        content = bytearray()
        for block in response.iter_bytes():
            content += block
            if len(content) > MOST_BYTES:
                break
        return bytes(content)


def _part(value: object, name: str) -> object:
    return value.get(name) if isinstance(value, dict) else None


def _first(*values: object) -> str | None:
    return next((v for v in values if isinstance(v, str) and _SHORT.fullmatch(v)), None)
