"""A server that sends the secret back does not get it into logs, errors and exchanges."""

from __future__ import annotations

import base64
import json
import logging
from typing import TYPE_CHECKING
from urllib.parse import quote

import httpx
import pytest
from pydantic import SecretStr

from smaply_metrics_core.errors import MetricsError
from smaply_metrics_core.http import Exchange, header_auth
from smaply_metrics_core.redaction import HIDDEN, Redactor

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Clients

TOKEN = "tOkEn-With.Signs~4711"
AUTH = header_auth("X-API-TOKEN", SecretStr(TOKEN))
FORMS: dict[str, Callable[[str], str]] = {
    "raw": str,
    "lower": str.lower,
    "url": lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
    "url twice": lambda text: quote(quote(text, safe="")),
    "hex": lambda text: text.encode().hex(),
    "base64": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "reversed": lambda text: text[::-1],
}
ANSWERS: dict[str, Callable[[str], httpx.Response]] = {
    "host": lambda text: httpx.Response(302, headers={"Location": f"https://{text}.example/x"}),
    "url": lambda text: httpx.Response(302, headers={"Location": f"https://{text}"}),
    "429": lambda text: httpx.Response(429, headers={"X-Request-Id": text, "Retry-After": "9999"}),
    "503": lambda text: httpx.Response(503, json={"meta": {"requestId": text}}),
    "500": lambda text: httpx.Response(500, json={"meta": {"error": {"errorCode": text}}}),
    "br": lambda text: httpx.Response(
        200, headers={"X-Request-Id": text, "Content-Encoding": "br"}
    ),
    "200": lambda text: httpx.Response(200, json={"meta": {"requestId": text}}),
}


def echoing(answer: str, text: str) -> Callable[[httpx.Request], httpx.Response]:
    """Return a server that repeats a text in one kind of response."""
    return lambda _: ANSWERS[answer](text)


@pytest.mark.parametrize("known", ["from the session", "from the header"])
@pytest.mark.parametrize("answer", ANSWERS)
def test_no_output_contains_an_echoed_secret(
    clients: Clients, caplog: pytest.LogCaptureFixture, answer: str, known: str
) -> None:
    """The secret is redacted in whatever the transport logs, raises and reports."""
    caplog.set_level(logging.DEBUG)
    searching = Redactor([TOKEN])
    for form, write in FORMS.items():
        caplog.clear()
        exchanges: list[Exchange] = []
        redactor = Redactor([TOKEN] if known == "from the session" else [])
        text = write(TOKEN)
        client = clients(echoing(answer, text), redactor=redactor, exchange=exchanges.append)

        problem = ""
        try:
            client.get(f"/surveys/{text}", auth=AUTH if known == "from the header" else None)
        except MetricsError as error:
            problem = f"{error!r} {error.args} {error.to_problem().model_dump_json()}"

        assert exchanges, form
        reported = json.dumps([one.model_dump(mode="json") for one in exchanges])
        assert not searching.contains_secret(problem, caplog.text, reported), form
        assert HIDDEN in caplog.text, form


@pytest.mark.parametrize("form", [str, str.lower])
def test_a_rejected_destination_is_redacted(
    clients: Clients, caplog: pytest.LogCaptureFixture, form: Callable[[str], str]
) -> None:
    """A link to a host that is named after the secret is rejected without its name."""
    caplog.set_level(logging.DEBUG)
    client = clients(lambda _: httpx.Response(200), redactor=Redactor([TOKEN]))

    with pytest.raises(MetricsError) as caught:
        client.get(f"https://{form(TOKEN)}.evil.example/next")

    shown = f"{caught.value.to_problem()} {caplog.text}"
    assert not Redactor([TOKEN]).contains_secret(shown)
    assert ".evil.example" in shown


def test_a_secret_that_is_added_later_is_redacted(
    clients: Clients, caplog: pytest.LogCaptureFixture
) -> None:
    """A session key that the source obtains is hidden in later requests."""
    caplog.set_level(logging.DEBUG)
    redactor = Redactor([TOKEN])
    client = clients(lambda _: httpx.Response(200), redactor=redactor)

    redactor.add("derived-session-key")
    client.get("/sessions/derived-session-key/surveys")

    assert f"/sessions/{HIDDEN}/surveys" in caplog.text
