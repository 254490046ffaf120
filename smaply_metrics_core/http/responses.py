"""Reads responses: JSON, error codes and request ids."""

from __future__ import annotations

import codecs
import re
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeVar, overload

import httpx
from pydantic import BaseModel, TypeAdapter

from smaply_metrics_core.errors import SourceUnavailable
from smaply_metrics_core.http.response_limit import json_limits
from smaply_metrics_core.input_limits.json_value import JsonRefused, parse_json
from smaply_metrics_core.input_limits.model_validation import DataRefused, validate_data

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
_ESCAPE: Final = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(?P<lone>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
"""Any escape in JSON; ``lone`` is half of a surrogate pair, which is not a character."""

M = TypeVar("M", bound=BaseModel)


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


@overload
def read_json(response: httpx.Response) -> Any: ...  # noqa: ANN401  # JSON is anything.
@overload
def read_json(response: httpx.Response, model: type[M]) -> M: ...
def read_json(response: httpx.Response, model: type[M] | None = None) -> Any:
    """Return the JSON data of a response; all its numbers are finite.

    Args:
        response: The response of the survey tool.
        model: A pydantic model of the data. If it is given, an instance is returned, so that a
            value of another type is an error of the survey tool, not of the source.

    Raises:
        SourceUnavailable: when it is a web page, empty or not JSON, does not match the model, or
            has more than a hundred levels, 32 MiB or two million values; the last two are more for
            a request with ``large_response``.
    """
    most_bytes, most_values = json_limits(response.request)
    content = _content(response, most_bytes)
    host = response.request.url.host
    found = ""
    if not content.strip():
        found = f"an empty response instead of data (HTTP {response.status_code})"
    elif "html" in response.headers.get("content-type", "").lower() or content.lstrip()[:1] == b"<":
        found = f"a web page instead of data (HTTP {response.status_code})"
    else:
        try:
            data = parse_json(
                _whole_characters(content), most_bytes=most_bytes, most_values=most_values
            )
            return data if model is None else validate_data(_adapter(model), data)
        except DataRefused as error:
            found = f"data that does not match its API ({error})"
        except JsonRefused as error:
            found = f"{error} instead of data (HTTP {response.status_code})"
    raise SourceUnavailable(
        f"{host} sent {found}.",
        remedy="Check that the host name is that of the survey tool's API, or try again in a few "
        "minutes.",
        request_id=find_request_id(response.headers),
    )


def _content(response: httpx.Response, most_bytes: int) -> bytes:
    """Return the body of a response; a streamed one is read until it exceeds the limit."""
    try:
        return response.content
    except httpx.ResponseNotRead:
        content = bytearray()
        for block in response.iter_bytes():
            content += block
            if len(content) > most_bytes:
                break
        return bytes(content)


def _whole_characters(content: bytes) -> bytes:
    """Replace halves of surrogate pairs in JSON, which models and databases reject, by U+FFFD."""
    if b"\\ud" not in content and b"\\uD" not in content:
        return content
    return _ESCAPE.sub(lambda found: rb"\ufffd" if found["lone"] else found[0], content)


@lru_cache(maxsize=128)
def _adapter(model: type[M]) -> TypeAdapter[M]:
    return TypeAdapter(model)


def _part(value: object, name: str) -> object:
    return value.get(name) if isinstance(value, dict) else None


def _first(*values: object) -> str | None:
    return next((v for v in values if isinstance(v, str) and _SHORT.fullmatch(v)), None)
