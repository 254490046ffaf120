"""Neither a log, a repr nor an error shows what a request carries."""

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
    """Answer requests on one connection, with a header that a log should not show."""
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
def test_no_log_shows_query_headers_or_token(
    listen: Listen, caplog: pytest.LogCaptureFixture
) -> None:
    """With every logger at its loudest, a real request leaves only our own line."""
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


def test_the_hosts_own_clients_go_on_logging(
    clients: Clients, caplog: pytest.LogCaptureFixture
) -> None:
    """Only records of our requests are dropped, not those of httpx used by anybody else."""
    caplog.set_level(logging.INFO, logger="httpx")
    clients(lambda _: httpx.Response(200)).get("/ours")

    with httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200))) as other:
        other.get("https://other.example/theirs")

    assert "theirs" in caplog.text
    assert "ours" not in caplog.text.replace("theirs", "")


def test_every_logger_of_the_libraries_is_known() -> None:
    """A logger that a new version of httpx or httpcore brings is noticed here."""
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


def test_hushing_twice_leaves_one_filter() -> None:
    """Making many clients does not pile up filters."""
    silence_http_logs()
    before = [list(logging.getLogger(name).filters) for name in LOGGERS]
    silence_http_logs()

    assert [logging.getLogger(name).filters for name in LOGGERS] == before


def test_the_mark_of_our_requests_is_taken_back(caplog: pytest.LogCaptureFixture) -> None:
    """After a request, even one that failed, the libraries may log again."""
    silence_http_logs()
    caplog.set_level(logging.INFO, logger="httpx")
    with pytest.raises(ValueError, match="x"), our_request():
        raise ValueError("x")

    logging.getLogger("httpx").info("heard again")
    assert "heard again" in caplog.text


def test_the_token_goes_over_the_wire_and_stays_nowhere_else(clients: Clients) -> None:
    """The request that a source holds never has the secret header, in any of its parts."""
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


def test_the_token_is_sent_with_every_try(clients: Clients) -> None:
    """A retry carries the same secret header as the first try."""
    sent: list[str | None] = []

    def wire(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers.get("X-API-TOKEN"))
        return httpx.Response(200 if len(sent) == 3 else 503)

    clients(wire).get("/", auth=AUTH)
    assert sent == [TOKEN] * 3


def test_a_request_without_it_goes_without(clients: Clients) -> None:
    """Only the requests that ask for the secret header carry it."""
    sent: list[str | None] = []

    def wire(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers.get("X-API-TOKEN"))
        return httpx.Response(200)

    client = clients(wire)
    client.get("/", auth=AUTH)
    client.get("/")
    assert sent == [TOKEN, None]


def test_another_client_does_not_send_it() -> None:
    """A client without our allow-list never sees the secret."""
    sent: list[httpx.Headers] = []

    def wire(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers)
        return httpx.Response(200)

    with httpx.Client(transport=httpx.MockTransport(wire)) as other:
        other.get("https://evil.example/", auth=AUTH)
    assert TOKEN not in str(sent[0].raw)


@pytest.mark.parametrize("answer", [429, 503, 302, httpx.ConnectError("x"), httpx.ReadError("x")])
def test_no_traceback_holds_the_token(clients: Clients, answer: int | Exception) -> None:
    """The chain of a failure, with every local variable in it, does not show the secret."""

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
def test_a_name_that_is_no_header_is_refused(name: str) -> None:
    """A secret header needs a name that can stand in a request."""
    with pytest.raises(InputError, match="no header name"):
        header_auth(name, SecretStr(TOKEN))


@pytest.mark.parametrize(
    "value", ["", " ", f"{TOKEN}\n", f" {TOKEN}", f"{TOKEN}\r\nX-Other: 1", f"{TOKEN}é", "a\x00b"]
)
def test_a_secret_that_cannot_stand_in_a_header_is_refused(value: str) -> None:
    """A secret with a line break or foreign characters is refused without being repeated."""
    with pytest.raises(InputError) as caught:
        header_auth("X-API-TOKEN", SecretStr(value))
    assert TOKEN not in f"{caught.value.message} {caught.value.remedy}"


def test_an_exchange_tells_what_happened_and_no_secret(clients: Clients) -> None:
    """Each try is told with method, path, status, sizes and request id, without the query."""
    told: list[Exchange] = []
    answers = iter(
        [
            httpx.Response(503, json={"meta": {"requestId": "req-1"}}),
            httpx.Response(200, headers={"X-Request-Id": "req-2"}, content=b"12345"),
        ]
    )

    client = clients(lambda _: next(answers), exchange=told.append)
    client.get("/API/v3/surveys/a%0Ab?key=in-the-query", auth=AUTH)

    assert [(one.status, one.error, one.request_id, one.response_bytes) for one in told] == [
        (503, "source_unavailable", "req-1", 30),
        (200, None, "req-2", 5),
    ]
    assert {(one.method, one.host, one.path) for one in told} == {
        ("GET", "fra1.qualtrics.com", "/API/v3/surveys/a%0Ab")
    }
    assert told[1].at > told[0].at
    assert not re.search(f"{TOKEN}|in-the-query", repr(told))


def test_an_exchange_without_an_answer_has_no_status(clients: Clients) -> None:
    """A network failure is told too, by the kind of its error."""
    told: list[Exchange] = []

    def fail(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadError("x")

    with pytest.raises(MetricsError):
        clients(fail, exchange=told.append).post("/", content=b"1234")

    assert [(one.status, one.error, one.request_bytes) for one in told] == [
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
def test_an_exchange_is_told_once_however_it_ends(
    clients: Clients, status: int, headers: dict[str, str], error: str | None
) -> None:
    """A refused answer is one exchange, streamed or not."""
    told: list[Exchange] = []
    client = clients(
        lambda _: httpx.Response(status, headers=headers, stream=httpx.ByteStream(b"body")),
        exchange=told.append,
    )

    for stream in (False, True):
        with contextlib.suppress(MetricsError):
            client.send(client.build_request("GET", "/"), stream=stream).close()
    assert [(one.status, one.error) for one in told] == [(status, error)] * 2


def test_a_stream_left_early_is_told_with_what_was_read(clients: Clients) -> None:
    """A source may stop reading: the exchange then counts the bytes that came."""
    told: list[Exchange] = []
    client = clients(lambda _: httpx.Response(200, content=b"12345"), exchange=told.append)

    with client.stream("GET", "/"):
        pass
    assert [(one.response_bytes, one.error) for one in told] == [(0, None)]
