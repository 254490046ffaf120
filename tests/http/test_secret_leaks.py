"""Secrets of requests never appear in logs, reprs and errors."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import re
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from pydantic import SecretStr

from smaply_metrics_core.context import Deadline, SystemClock
from smaply_metrics_core.errors import InputError, MetricsError
from smaply_metrics_core.http import Exchange, build_client, header_auth
from smaply_metrics_core.http.log_filter import LOGGERS, our_request, silence_http_logs

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from .conftest import Clients, Listener

    Listen = Callable[[Callable[[socket.socket], None]], Listener]

TOKEN = "secret-token-0123456789"
AUTH = header_auth("X-API-TOKEN", SecretStr(TOKEN))


def serve_twice(connection: socket.socket) -> None:
    """Answer two requests on a connection, with a response header that must not be logged."""
    for _ in range(2):
        received = b""
        while b"\r\n\r\n" not in received:
            block = connection.recv(65536)
            if not block:
                return
            received += block
        connection.sendall(
            b"HTTP/1.1 200 OK\r\nSet-Cookie: session=in-the-answer\r\nContent-Length: 2\r\n\r\nhi"
        )


@pytest.mark.usefixtures("no_proxies")
def test_logs_have_no_query_headers_or_token(
    listen: Listen, caplog: pytest.LogCaptureFixture
) -> None:
    """With every logger at DEBUG, a real request is only logged by our own logger."""
    clock = SystemClock()
    destination = listen(serve_twice).destination
    caplog.set_level(logging.DEBUG)

    with build_client([destination], deadline=Deadline.after(10, clock), clock=clock) as client:
        client.get("/a/path?key=in-the-query", auth=AUTH)
        with client.stream("GET", "/another?key=in-the-query", auth=AUTH) as response:
            response.read()

    assert re.search(rf"GET {destination.host}/a/path 200 \d+ ms", caplog.text)
    assert re.search(rf"GET {destination.host}/another 200 \d+ ms", caplog.text)
    for word in (TOKEN, "in-the-query", "in-the-answer"):
        assert word not in caplog.text
    assert {record.name for record in caplog.records} == {"smaply_metrics_core.http"}


def test_requests_of_other_clients_are_logged(
    clients: Clients, caplog: pytest.LogCaptureFixture
) -> None:
    """Only records of our requests are dropped, not those of other httpx clients."""
    caplog.set_level(logging.INFO, logger="httpx")
    clients(lambda _: httpx.Response(200)).get("/ours")

    with httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200))) as other:
        other.get("https://other.example/theirs")

    assert "theirs" in caplog.text
    assert "ours" not in caplog.text.replace("theirs", "")


def test_all_loggers_of_the_libraries_are_listed() -> None:
    """This test fails if a new version of httpx or httpcore adds a logger."""
    found = set()
    for library in ("httpx", "httpcore"):
        spec = importlib.util.find_spec(library)
        assert spec is not None
        assert spec.origin is not None
        for module in Path(spec.origin).parent.rglob("*.py"):
            text = module.read_text(encoding="utf-8")
            found |= set(re.findall(r"getLogger\(\s*[\"']([^\"']+)", text))
            assert text.count("getLogger(") == len(re.findall(r"getLogger\(\s*[\"']", text))

    assert found == set(LOGGERS)


def test_the_filter_is_installed_once() -> None:
    """Creating several clients does not add more filters."""
    silence_http_logs()
    before = [list(logging.getLogger(name).filters) for name in LOGGERS]
    silence_http_logs()

    assert [logging.getLogger(name).filters for name in LOGGERS] == before


def test_the_filter_applies_only_during_requests(caplog: pytest.LogCaptureFixture) -> None:
    """After a request, even a failed one, records of the libraries are logged again."""
    silence_http_logs()
    caplog.set_level(logging.INFO, logger="httpx")
    with pytest.raises(ValueError, match="x"), our_request():
        raise ValueError("x")

    logging.getLogger("httpx").info("logged again")
    assert "logged again" in caplog.text


def test_the_token_is_only_in_the_request_that_is_sent(clients: Clients) -> None:
    """The source's own request object never contains the secret header."""
    sent: list[str | None] = []

    def wire(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers.get("X-API-TOKEN"))
        return httpx.Response(200)

    client = clients(wire)
    answer = client.get("/", auth=AUTH)

    assert sent == [TOKEN]
    shown = f"{AUTH!r} {client.headers!r} {answer.request.headers!r} {answer.request.extensions!r}"
    assert TOKEN not in shown
    assert "X-API-TOKEN" in repr(AUTH)
    assert "x-api-token" not in answer.request.headers


def test_the_token_is_sent_with_every_retry(clients: Clients) -> None:
    """A retry has the same secret header as the first attempt."""
    sent: list[str | None] = []

    def wire(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers.get("X-API-TOKEN"))
        return httpx.Response(200 if len(sent) == 3 else 503)

    clients(wire).get("/", auth=AUTH)
    assert sent == [TOKEN] * 3


def test_a_request_without_auth_has_no_token(clients: Clients) -> None:
    """Only requests with the authentication have the secret header."""
    sent: list[str | None] = []

    def wire(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers.get("X-API-TOKEN"))
        return httpx.Response(200)

    client = clients(wire)
    client.get("/", auth=AUTH)
    client.get("/")
    assert sent == [TOKEN, None]


def test_another_client_does_not_send_the_token() -> None:
    """A client without the allow-list does not send the secret header."""
    sent: list[httpx.Headers] = []

    def wire(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers)
        return httpx.Response(200)

    with httpx.Client(transport=httpx.MockTransport(wire)) as other:
        other.get("https://evil.example/", auth=AUTH)
    assert TOKEN not in str(sent[0].raw)


@pytest.mark.parametrize("answer", [429, 503, 302, httpx.ConnectError("x"), httpx.ReadError("x")])
def test_no_traceback_contains_the_token(clients: Clients, answer: int | Exception) -> None:
    """The traceback of an error, with all local variables, does not contain the secret."""

    def wire(request: httpx.Request) -> httpx.Response:
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer)

    with pytest.raises(MetricsError) as caught:
        clients(wire).get("/?key=in-the-query", auth=AUTH)

    shown = "".join(
        traceback.TracebackException.from_exception(caught.value, capture_locals=True).format()
    )
    assert "handle_request" in shown
    assert TOKEN not in shown


@pytest.mark.parametrize("name", ["", "X API", "X-API\n", "X:API", "Ä"])
def test_an_invalid_header_name_is_rejected(name: str) -> None:
    """The name of a secret header must be a valid header name."""
    with pytest.raises(InputError, match="contains invalid characters"):
        header_auth(name, SecretStr(TOKEN))


@pytest.mark.parametrize(
    "value", ["", " ", f"{TOKEN}\n", f" {TOKEN}", f"{TOKEN}\r\nX-Other: 1", f"{TOKEN}é", "a\x00b"]
)
def test_an_invalid_header_value_is_rejected(value: str) -> None:
    """A secret with line breaks or non-ASCII characters is rejected and not repeated."""
    with pytest.raises(InputError) as caught:
        header_auth("X-API-TOKEN", SecretStr(value))
    assert TOKEN not in f"{caught.value.message} {caught.value.remedy}"


def test_an_exchange_has_no_secret(clients: Clients) -> None:
    """Each attempt is reported with method, path, status, sizes and request id, but no query."""
    exchanges: list[Exchange] = []
    answers = iter(
        [
            httpx.Response(503, json={"meta": {"requestId": "req-1"}}),
            httpx.Response(200, headers={"X-Request-Id": "req-2"}, content=b"12345"),
        ]
    )

    client = clients(lambda _: next(answers), exchange=exchanges.append)
    client.get("/API/v3/surveys/a%0Ab?key=in-the-query", auth=AUTH)

    assert [(one.status, one.error, one.request_id, one.response_bytes) for one in exchanges] == [
        (503, "source_unavailable", "req-1", 30),
        (200, None, "req-2", 5),
    ]
    assert {(one.method, one.host, one.path) for one in exchanges} == {
        ("GET", "fra1.qualtrics.com", "/API/v3/surveys/a%0Ab")
    }
    assert exchanges[1].at > exchanges[0].at
    assert not re.search(f"{TOKEN}|in-the-query", repr(exchanges))


def test_an_exchange_without_a_response_has_no_status(clients: Clients) -> None:
    """A network failure is reported with the kind of its error."""
    exchanges: list[Exchange] = []

    def fail(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadError("x")

    with pytest.raises(MetricsError):
        clients(fail, exchange=exchanges.append).post("/", content=b"1234")

    assert [(one.status, one.error, one.request_bytes) for one in exchanges] == [
        (None, "unreachable", 4)
    ]


@pytest.mark.parametrize(
    ("status", "headers", "error"),
    [
        (302, {"Location": "https://evil.example"}, "unreachable"),
        (200, {"Content-Encoding": "br"}, "source_unavailable"),
        (404, {}, None),
    ],
)
def test_an_exchange_is_reported_once(
    clients: Clients, status: int, headers: dict[str, str], error: str | None
) -> None:
    """A rejected response is reported as one exchange, streamed or not."""
    exchanges: list[Exchange] = []
    client = clients(
        lambda _: httpx.Response(status, headers=headers, stream=httpx.ByteStream(b"body")),
        exchange=exchanges.append,
    )

    for stream in (False, True):
        with contextlib.suppress(MetricsError):
            client.send(client.build_request("GET", "/"), stream=stream).close()
    assert [(one.status, one.error) for one in exchanges] == [(status, error)] * 2


def test_a_stream_that_is_closed_early_is_reported(clients: Clients) -> None:
    """The exchange of a stream that is not read to its end counts the received bytes."""
    exchanges: list[Exchange] = []
    client = clients(lambda _: httpx.Response(200, content=b"12345"), exchange=exchanges.append)

    with client.stream("GET", "/"):
        pass
    assert [(one.response_bytes, one.error) for one in exchanges] == [(0, None)]


@pytest.mark.parametrize("secret", ["tOkEn-4711-of-mine", "Bearer tOkEn-4711-of-mine"])
@pytest.mark.parametrize("status", [200, 404])
def test_a_secret_that_the_server_repeats_is_hidden(
    clients: Clients, secret: str, status: int
) -> None:
    """The source reads a response without it, so it cannot get into names, ids and errors."""
    body = {"name": "my tOkEn-4711-of-mine", "next": "/x?token=TOKEN-4711-OF-MINE", "other": 1}
    client = clients(lambda _: httpx.Response(status, json=body))
    answer = client.get("/", auth=header_auth("X-Key", SecretStr(secret)))
    assert answer.json() == {"name": "my ••••", "next": "/x?token=••••", "other": 1}
