"""The messages of failures, with the ids for the survey tool's support."""

from __future__ import annotations

import pickle
import socket
import ssl
from typing import TYPE_CHECKING

import httpx
import pytest

from smaply_metrics_core.errors import (
    ExportFailed,
    MetricsError,
    PluginError,
    RateLimited,
    RemoteError,
    SourceUnavailable,
    Unreachable,
)
from smaply_metrics_core.models.problem import Issue

if TYPE_CHECKING:
    from .conftest import Clients, HandClock

HOST = "fra1.qualtrics.com"
URL = "/API/v3/surveys?token=in-the-query"


def caused(error: Exception, cause: Exception) -> Exception:
    """Chain two errors as the libraries do."""
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("failure", "message"),
    [
        (
            caused(httpx.ConnectError("x"), socket.gaierror(socket.EAI_NONAME, "unknown")),
            f"The host name {HOST} cannot be resolved.",
        ),
        (
            caused(httpx.ConnectError("x"), ConnectionRefusedError(111, "refused")),
            f"{HOST} refused the connection.",
        ),
        (
            caused(httpx.ConnectError("x"), ssl.SSLCertVerificationError(1, "expired")),
            f"The certificate of {HOST} is not valid, so nothing was sent.",
        ),
        (
            caused(httpx.ConnectError("x"), ssl.SSLError(1, "version")),
            f"The TLS connection to {HOST} failed.",
        ),
        (httpx.ConnectTimeout("x"), f"{HOST} did not answer in time."),
        (httpx.ReadTimeout("x"), f"{HOST} did not answer in time."),
        (httpx.PoolTimeout("x"), f"{HOST} did not answer in time."),
        (httpx.ConnectError("x"), f"The connection to {HOST} failed."),
        (
            httpx.ReadError("x"),
            f"The connection to {HOST} was closed before the response was complete.",
        ),
        (
            httpx.RemoteProtocolError("x"),
            f"The connection to {HOST} was closed before the response was complete.",
        ),
        (
            httpx.ProxyError("403"),
            f"The proxy refused the connection to {HOST}.",
        ),
    ],
    ids=lambda value: (
        f"{type(value).__name__}-{type(value.__cause__).__name__}"
        if isinstance(value, Exception)
        else ""
    ),
)
def test_a_network_failure_names_only_the_host(
    clients: Clients, failure: Exception, message: str
) -> None:
    """Each cause has its own message, without the text of httpx and the URL."""

    def fail(request: httpx.Request) -> httpx.Response:
        raise failure

    with pytest.raises(Unreachable) as caught:
        clients(fail).get(URL)

    assert caught.value.message == message
    assert caught.value.issue is Issue.CONNECTION
    assert caught.value.remedy
    assert caught.value.__cause__ is caught.value.__context__ is None


@pytest.mark.parametrize(
    ("cause", "tries"),
    [
        (socket.gaierror(socket.EAI_NONAME, "unknown"), 1),
        (socket.gaierror(socket.EAI_AGAIN, "later"), 4),
        (ssl.SSLCertVerificationError(1, "expired"), 1),
        (ConnectionRefusedError(111, "refused"), 4),
    ],
    ids=["no such name", "name server busy", "certificate", "refused"],
)
def test_permanent_failures_are_not_retried(clients: Clients, cause: Exception, tries: int) -> None:
    """An unknown host name and an invalid certificate are not retried; other failures are."""
    sent: list[str] = []

    def fail(request: httpx.Request) -> httpx.Response:
        sent.append(request.url.path)
        raise caused(httpx.ConnectError("x"), cause)

    with pytest.raises(Unreachable):
        clients(fail).get("/")
    assert len(sent) == tries


def test_an_invalid_header_is_a_plugin_error(clients: Clients) -> None:
    """A request that httpx rejects is a bug of the source, not a network failure."""

    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.LocalProtocolError("Illegal header value b'token\\n'")

    with pytest.raises(PluginError, match="headers are not valid") as caught:
        clients(refuse).get("/")
    assert "token" not in caught.value.message


@pytest.mark.parametrize(
    ("code", "error", "said"),
    [
        (429, RateLimited, f"{HOST} received too many requests (HTTP 429)."),
        (503, SourceUnavailable, f"{HOST} is temporarily unavailable (HTTP 503)."),
    ],
)
def test_an_error_has_the_code_and_request_id(
    clients: Clients, code: int, error: type[RemoteError], said: str
) -> None:
    """The error has the error code and request id of the JSON envelope, for support."""
    envelope = {"meta": {"requestId": "req-1", "error": {"errorCode": "RATE_1"}}}

    with pytest.raises(error) as caught:
        clients(lambda _: httpx.Response(code, json=envelope)).get(URL)

    assert (caught.value.code, caught.value.request_id) == ("RATE_1", "req-1")
    assert caught.value.message == said


def test_a_rate_limit_has_the_end_of_the_pause(clients: Clients) -> None:
    """The message contains the time until which the survey tool requests a pause."""
    with pytest.raises(RateLimited, match="a pause until 2026-03-01 13:00 UTC"):
        clients(lambda _: httpx.Response(429, headers={"Retry-After": "3600"})).get("/")


def test_errors_can_be_pickled(clients: Clients) -> None:
    """Errors of the client can be pickled with all attributes."""
    with pytest.raises(RateLimited) as caught:
        clients(lambda _: httpx.Response(429, headers={"Retry-After": "3600"})).get("/")

    copy = pickle.loads(pickle.dumps(caught.value))  # noqa: S301  # Pickled in this line.

    assert isinstance(copy, RateLimited)
    assert copy.retry_at == caught.value.retry_at
    assert copy.to_problem() == caught.value.to_problem()


def test_a_server_error_with_an_incomplete_body_is_a_server_error(clients: Clients) -> None:
    """The status determines the error, even if the body is incomplete."""
    short = httpx.Response(503, headers={"Content-Length": "99"}, content=b"half")

    with pytest.raises(SourceUnavailable):
        clients(lambda _: short).get("/")


def test_a_client_error_with_an_incomplete_body_is_unreachable(clients: Clients) -> None:
    """A source never gets an incomplete body of a 4xx: the request is retried, then fails."""

    def half(request: httpx.Request) -> httpx.Response:
        return httpx.Response(403, headers={"Content-Length": "99"}, content=b"half")

    with pytest.raises(Unreachable, match="incomplete"):
        clients(half).get("/")


def test_an_incomplete_response_is_retried(clients: Clients, clock: HandClock) -> None:
    """A read with an incomplete body is retried like after other network failures."""
    answers = iter(
        [
            httpx.Response(200, headers={"Content-Length": "99"}, content=b"half"),
            httpx.Response(200, content=b"whole"),
        ]
    )

    assert clients(lambda _: next(answers)).get("/").content == b"whole"
    assert clock.waits == [1.0]


@pytest.mark.parametrize("streamed", [False, True])
def test_an_unsupported_compression_is_rejected(clients: Clients, *, streamed: bool) -> None:
    """A response that cannot be decompressed with a limit is rejected."""
    client = clients(lambda _: httpx.Response(200, headers={"Content-Encoding": "br"}, content=b""))

    with pytest.raises(SourceUnavailable, match="compression"):
        client.send(client.build_request("GET", "/"), stream=streamed)


def test_all_errors_of_the_client_are_metrics_errors(clients: Clients) -> None:
    """Every exception of the transport is raised as a ``MetricsError``."""
    failures = [
        httpx.ConnectError("x"),
        httpx.UnsupportedProtocol("x"),
        httpx.WriteError("x"),
        httpx.CloseError("x"),
    ]

    def fail(request: httpx.Request) -> httpx.Response:
        raise failures[int(request.url.path[1:])]

    for number in range(len(failures)):
        with pytest.raises(MetricsError):
            clients(fail).get(f"/{number}")


def test_the_error_for_a_large_response_has_the_limit(clients: Clients) -> None:
    """The message contains the limit in a readable unit."""
    with pytest.raises(ExportFailed, match="the limit of 3 MiB"):
        clients(lambda _: httpx.Response(200, content=bytes(4 * 2**20)), max_bytes=3 * 2**20).get(
            "/"
        )
