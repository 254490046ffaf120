"""Exchanges with an invented tool, recorded and stored without a network."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import httpx
import pytest
import vcr.patch
from vcr.request import Request

from smaply_metrics_core.testing import RecordingPolicy, Redaction
from smaply_metrics_core.testing.recording.stored_exchanges import CassetteRecorder, Exchanges

KEY: Final = "k3yOfTheSession/ä+Q7xTn2Vb9LrZ4w8"
PASSWORD: Final = "Grüße an  Zoë & Co."  # Made up.
LOGIN: Final = Redaction("login", request=("params[1]",), response=("result",))
JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"

Json = Any


def policy(*redactions: Redaction, fields: Sequence[str] = (".*",)) -> RecordingPolicy:
    """Return a policy that allows all fields and parameters."""
    return RecordingPolicy(fields=tuple(fields), parameters=(".*",), redactions=redactions)


def exchange(  # The parts of an exchange, all by name but two.
    sent: Json,
    received: Json,
    *,
    target: str = "/rpc",
    sent_type: str = JSON,
    received_type: str = JSON,
    sent_headers: Mapping[str, str] | None = None,
    received_headers: Mapping[str, str] | None = None,
) -> tuple[Request, dict[str, Any]]:
    """Return a request and its response as vcrpy does; other bodies than bytes become JSON."""
    return (
        Request(
            "POST",
            f"https://tool.example{target}",
            _content(sent),
            {"content-type": sent_type, **(sent_headers or {})},
        ),
        {
            "status": {"code": 200, "message": "OK"},
            "headers": {
                "content-type": [received_type],
                **{name: [value] for name, value in (received_headers or {}).items()},
            },
            "body": {"string": _content(received)},
        },
    )


def _content(body: Json) -> bytes:
    return body if isinstance(body, bytes) else json.dumps(body).encode()


def call(method: str, *params: Json) -> Json:
    """Return a call of the invented tool."""
    return {"method": method, "params": params}


def stored(exchanges: Exchanges, kept: RecordingPolicy) -> list[tuple[Json, Json]]:
    """Return the stored bodies of requests and responses: JSON parsed, others as they are."""
    return [
        (_parsed(request.body), _parsed(response["body"]["string"]))
        for request, response in CassetteRecorder(kept).stored(exchanges)
    ]


def _parsed(content: bytes) -> Json:
    try:
        return json.loads(content)
    except ValueError:
        return content


Server = Callable[[httpx.Request], httpx.Response]


def answer_offline(monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    """Let a function answer the requests that httpx would send."""

    def send(_: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        response = server(request)
        response.request = request
        return response

    # vcrpy calls this instead of the method that it has replaced.
    monkeypatch.setattr(vcr.patch, "_HttpxHttpTransport_handle_request", send)
