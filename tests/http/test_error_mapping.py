"""How failures are told: in words for people, with the ids that support asks for."""

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
    ("trouble", "said"),
    [
        (
            caused(httpx.ConnectError("x"), socket.gaierror(socket.EAI_NONAME, "unknown")),
            f"The name {HOST} is not known: it does not resolve to any address.",
        ),
        (
            caused(httpx.ConnectError("x"), ConnectionRefusedError(111, "refused")),
            f"{HOST} refused the connection: nothing answers there.",
        ),
        (
            caused(httpx.ConnectError("x"), ssl.SSLCertVerificationError(1, "expired")),
            f"The certificate of {HOST} was not accepted, so nothing was sent.",
        ),
        (
            caused(httpx.ConnectError("x"), ssl.SSLError(1, "version")),
            f"No secure connection to {HOST} could be made.",
        ),
        (httpx.ConnectTimeout("x"), f"{HOST} did not answer in time."),
        (httpx.ReadTimeout("x"), f"{HOST} did not answer in time."),
        (httpx.PoolTimeout("x"), f"{HOST} did not answer in time."),
        (httpx.ConnectError("x"), f"No connection to {HOST} could be made."),
        (
            httpx.ReadError("x"),
            f"The connection to {HOST} broke off before the answer was complete.",
        ),
        (
            httpx.RemoteProtocolError("x"),
            f"The connection to {HOST} broke off before the answer was complete.",
        ),
        (
            httpx.ProxyError("403"),
            f"This machine's proxy refused the connection to {HOST}.",
        ),
    ],
    ids=lambda value: (
        f"{type(value).__name__}-{type(value.__cause__).__name__}"
        if isinstance(value, Exception)
        else ""
    ),
)
def test_a_network_failure_names_the_host_and_nothing_else(
    clients: Clients, trouble: Exception, said: str
) -> None:
    """Each cause has its own sentence; neither the library's words nor the URL are in it."""

    def fail(request: httpx.Request) -> httpx.Response:
        raise trouble

    with pytest.raises(Unreachable) as caught:
        clients(fail).get(URL)

    assert caught.value.message == said
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
def test_what_cannot_pass_is_not_tried_again(
    clients: Clients, cause: Exception, tries: int
) -> None:
    """An unknown name and a bad certificate stay what they are; the rest may pass."""
    sent: list[str] = []

    def fail(request: httpx.Request) -> httpx.Response:
        sent.append(request.url.path)
        raise caused(httpx.ConnectError("x"), cause)

    with pytest.raises(Unreachable):
        clients(fail).get("/")
    assert len(sent) == tries


def test_a_header_that_cannot_be_sent_is_the_plugins_mistake(clients: Clients) -> None:
    """A request that the library refuses to write is a bug of the source, not of the network."""

    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.LocalProtocolError("Illegal header value b'token\\n'")

    with pytest.raises(PluginError, match="headers are not valid") as caught:
        clients(refuse).get("/")
    assert "token" not in caught.value.message


@pytest.mark.parametrize(
    ("code", "error", "said"),
    [
        (429, RateLimited, f"{HOST} has had too many requests (HTTP 429)."),
        (503, SourceUnavailable, f"{HOST} is not able to answer at present (HTTP 503)."),
    ],
)
def test_a_refusal_keeps_the_survey_tools_own_ids(
    clients: Clients, code: int, error: type[RemoteError], said: str
) -> None:
    """Error code and request id of the JSON envelope are kept on the error, for support."""
    envelope = {"meta": {"requestId": "req-1", "error": {"errorCode": "RATE_1"}}}

    with pytest.raises(error) as caught:
        clients(lambda _: httpx.Response(code, json=envelope)).get(URL)

    assert (caught.value.code, caught.value.request_id) == ("RATE_1", "req-1")
    assert caught.value.message == said


def test_a_rate_limit_says_until_when(clients: Clients) -> None:
    """The message for people names the time at which the survey tool wants to be asked again."""
    with pytest.raises(RateLimited, match="wait until 2026-03-01 13:00 UTC"):
        clients(lambda _: httpx.Response(429, headers={"Retry-After": "3600"})).get("/")


def test_an_error_survives_the_way_to_another_process(clients: Clients) -> None:
    """What the client raises can be pickled with everything that it knows."""
    with pytest.raises(RateLimited) as caught:
        clients(lambda _: httpx.Response(429, headers={"Retry-After": "3600"})).get("/")

    copy = pickle.loads(pickle.dumps(caught.value))  # noqa: S301  # Pickled in this line.

    assert isinstance(copy, RateLimited)
    assert copy.retry_at == caught.value.retry_at
    assert copy.to_problem() == caught.value.to_problem()


def test_a_server_error_whose_body_breaks_off_is_still_a_server_error(clients: Clients) -> None:
    """The status decides, even when what should explain it does not arrive."""
    short = httpx.Response(503, headers={"Content-Length": "99"}, content=b"half")

    with pytest.raises(SourceUnavailable):
        clients(lambda _: short).get("/")


def test_a_refusal_whose_body_breaks_off_is_a_broken_connection(clients: Clients) -> None:
    """A source never judges half an explanation: the read is tried again, then fails."""

    def half(request: httpx.Request) -> httpx.Response:
        return httpx.Response(403, headers={"Content-Length": "99"}, content=b"half")

    with pytest.raises(Unreachable, match="incomplete"):
        clients(half).get("/")


def test_an_answer_that_breaks_off_once_is_got_over(clients: Clients, clock: HandClock) -> None:
    """A read whose body is cut short is a network failure like any other, and tried again."""
    answers = iter(
        [
            httpx.Response(200, headers={"Content-Length": "99"}, content=b"half"),
            httpx.Response(200, content=b"whole"),
        ]
    )

    assert clients(lambda _: next(answers)).get("/").content == b"whole"
    assert clock.waits == [1.0]


@pytest.mark.parametrize("streamed", [False, True])
def test_a_compression_nobody_asked_for_is_refused(clients: Clients, *, streamed: bool) -> None:
    """What cannot be decompressed within bounds is not passed on."""
    client = clients(lambda _: httpx.Response(200, headers={"Content-Encoding": "br"}, content=b""))

    with pytest.raises(SourceUnavailable, match="compression"):
        client.send(client.build_request("GET", "/"), stream=streamed)


def test_no_error_of_the_client_is_of_another_tree(clients: Clients) -> None:
    """One except clause for MetricsError catches whatever the wire does."""
    troubles = [
        httpx.ConnectError("x"),
        httpx.UnsupportedProtocol("x"),
        httpx.WriteError("x"),
        httpx.CloseError("x"),
    ]

    def fail(request: httpx.Request) -> httpx.Response:
        raise troubles[int(request.url.path[1:])]

    for number in range(len(troubles)):
        with pytest.raises(MetricsError):
            clients(fail).get(f"/{number}")


def test_an_answer_too_large_is_told_with_its_limit(clients: Clients) -> None:
    """The message names the limit in a unit that people read."""
    with pytest.raises(ExportFailed, match="more than the 3 MiB"):
        clients(lambda _: httpx.Response(200, content=bytes(4 * 2**20)), max_bytes=3 * 2**20).get(
            "/"
        )
