"""Building blocks of faults: responses and network errors instead of the recorded responses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

import httpx

from smaply_metrics_core.testing.faults.replay import Disturbance, Headers, RecordedAnswer

JSON: Final[Headers] = (("content-type", "application/json"),)
HTML: Final[Headers] = (("content-type", "text/html"),)


def status(code: int, body: bytes, *more: tuple[str, str], headers: Headers = JSON) -> Disturbance:
    """Respond to every request with a status, a body and headers."""
    return lambda _, __: _response(code, body, (*headers, *more))


def content(body: bytes, headers: Headers = JSON) -> Disturbance:
    """Respond to every request with status 200 and another body."""
    return lambda _, __: _response(200, body, headers)


def with_body(body: bytes) -> Disturbance:
    """Respond with the recorded headers, status 200 and another body."""
    return lambda _, recorded: _response(200, body, recorded().headers)


def status_without_body(code: int) -> Disturbance:
    """Respond to every request with a status, without a body or headers."""
    return lambda _, __: _response(code, b"", ())


def recorded_with_status(code: int, *headers: tuple[str, str]) -> Disturbance:
    """Respond with the recorded body and another status."""

    def disturb(_: int, recorded: RecordedAnswer) -> httpx.Response:
        whole = recorded()
        return _response(code, whole.content, (*whole.headers, *headers))

    return disturb


def network_error(error: type[httpx.TransportError]) -> Disturbance:
    """Raise a network error instead of responding."""

    def disturb(_: int, __: RecordedAnswer) -> httpx.Response:
        raise error("a fault injected by the contract test")

    return disturb


def once(disturb: Disturbance) -> Disturbance:
    """Disturb only the first request."""
    return lambda number, recorded: (
        disturb(number, recorded) if number == 0 else recorded().response()
    )


def break_off(_: int, recorded: RecordedAnswer) -> httpx.Response:
    """Break the connection in the middle of the response body."""
    whole = recorded()
    return httpx.Response(
        whole.status, headers=list(whole.headers), stream=_BrokenStream(whole.content)
    )


def truncate(_: int, recorded: RecordedAnswer) -> httpx.Response:
    """Respond with the first half of the body as if it were complete."""
    whole = recorded()
    return _response(whole.status, whole.content[: len(whole.content) // 2], whole.headers)


def replace_with_nulls(_: int, recorded: RecordedAnswer) -> httpx.Response:
    """Respond with the recorded JSON, with null instead of every text and number."""
    whole = recorded()
    try:
        value = json.loads(whole.content)
    except ValueError:
        return whole.response()
    if not isinstance(value, dict | list):
        return whole.response()
    return _response(whole.status, json.dumps(_with_nulls(value)).encode(), whole.headers)


def _with_nulls(value: object) -> object:
    if isinstance(value, dict):
        return {name: _with_nulls(item) for name, item in value.items()}
    return [_with_nulls(item) for item in value] if isinstance(value, list) else None


def _response(code: int, body: bytes, headers: Headers) -> httpx.Response:
    return httpx.Response(code, headers=list(headers), stream=httpx.ByteStream(body))


class _BrokenStream(httpx.SyncByteStream):
    """The first half of a body, followed by a broken connection."""

    def __init__(self, whole: bytes) -> None:
        self._half = whole[: len(whole) // 2]

    def __iter__(self) -> Iterator[bytes]:
        yield self._half
        raise httpx.RemoteProtocolError("peer closed connection without sending complete message")
