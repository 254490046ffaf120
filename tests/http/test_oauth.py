"""OAuth 2 client credentials: one token for many requests, replaced when it expires."""

from __future__ import annotations

import threading
from base64 import b64decode
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import httpx
import pytest
from pydantic import SecretStr

from smaply_metrics_core.context import SourceContext
from smaply_metrics_core.errors import AccessMissing, CredentialRefused, SourceUnavailable
from smaply_metrics_core.http import client_credentials
from smaply_metrics_core.redaction import Redactor
from smaply_metrics_core.token_cache import AccessToken, TokenCache

from .conftest import HOST

if TYPE_CHECKING:
    from .conftest import Clients

URL = f"https://{HOST}/oauth2/token"
SECRET = SecretStr("pass word äöü")


class Issuer:
    """A server that issues numbered tokens, and serves clients that have the last one."""

    def __init__(self) -> None:
        self.issued = 0
        self.forms: list[dict[str, list[str]]] = []
        self.headers: list[str] = []
        self.answer: dict[str, Any] = {"token_type": "Bearer", "expires_in": 3600}
        self.status = 200

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Return a token, or data to the owner of the last token."""
        authorization = request.headers.get("authorization", "")
        if str(request.url) != URL:
            valid = authorization == f"Bearer token-number-{self.issued}"
            return httpx.Response(200 if valid else 401, text="data" if valid else "refused")
        self.forms.append(parse_qs(request.content.decode()))
        self.headers.append(authorization)
        if self.status != 200:
            return httpx.Response(self.status, json=self.answer)
        self.issued += 1
        return httpx.Response(
            200, json={"access_token": f"token-number-{self.issued}", **self.answer}
        )


@pytest.fixture
def issuer() -> Issuer:
    """The server."""
    return Issuer()


class Connection:
    """The sessions of one connection, which share its tokens."""

    def __init__(self, clients: Clients, issuer: Issuer) -> None:
        self._clients = clients
        self._issuer = issuer
        self.tokens = TokenCache(clients.clock)
        self.redactor = Redactor()

    def get(self, secret: SecretStr = SECRET, **options: Any) -> httpx.Response:  # noqa: ANN401  # Options of the grant.
        """Request data in a new session."""
        context = SourceContext(
            http=self._clients(self._issuer, redactor=self.redactor),
            deadline=self._clients.deadline,
            destinations=(),
            folder=Path(),
            clock=self._clients.clock,
            tokens=self.tokens,
            hide=self.redactor.add,
        )
        auth = client_credentials(context, URL, client_id="me", client_secret=secret, **options)
        return context.http.get("/data", auth=auth)


@pytest.fixture
def connection(clients: Clients, issuer: Issuer) -> Connection:
    """A connection to the server."""
    return Connection(clients, issuer)


def test_one_token_serves_many_sessions(connection: Connection, issuer: Issuer) -> None:
    """The token is fetched once, with the secret in the header."""
    assert [connection.get().text for _ in range(3)] == ["data"] * 3

    assert issuer.issued == 1
    assert issuer.forms == [{"grant_type": ["client_credentials"]}]
    user, _, password = b64decode(issuer.headers[0].removeprefix("Basic ")).decode().partition(":")
    assert (user, password) == ("me", SECRET.get_secret_value())


def test_scope_and_secret_may_be_in_the_form(connection: Connection, issuer: Issuer) -> None:
    """A server without support for the header gets the secret in the body."""
    connection.get(scope="read:surveys read:responses", in_body=True)

    assert issuer.headers == [""]
    assert issuer.forms[0]["scope"] == ["read:surveys read:responses"]
    assert issuer.forms[0]["client_secret"] == [SECRET.get_secret_value()]


@pytest.mark.parametrize(
    ("expires_in", "seconds"),
    [(3600, 3570), ("3600", 3570), (None, 270), ("soon", 270), (10**9, 86400)],
    ids=["number", "text", "missing", "nonsense", "too long"],
)
def test_a_token_is_replaced_before_it_expires(
    connection: Connection, issuer: Issuer, clients: Clients, expires_in: object, seconds: float
) -> None:
    """Half a minute before the end of its life, or after a default, a new one is fetched."""
    issuer.answer["expires_in"] = expires_in
    connection.get()

    clients.clock.wait(seconds - 1, threading.Event())
    clients.deadline = type(clients.deadline).after(600, clients.clock)
    connection.get()
    assert issuer.issued == 1

    clients.clock.wait(1, threading.Event())
    connection.get()
    assert issuer.issued == 2


def test_a_revoked_token_is_replaced_once(connection: Connection, issuer: Issuer) -> None:
    """A request that is refused is sent again with a new token, and no third time."""
    connection.get()
    issuer.issued += 10  # The server no longer knows the token.

    assert connection.get().text == "data"
    assert issuer.issued == 12


def test_another_secret_never_gets_the_token(connection: Connection, issuer: Issuer) -> None:
    """A token belongs to the secret that it was fetched with."""
    connection.get()
    connection.get(SecretStr("another"))

    assert issuer.issued == 2


def test_the_token_is_redacted(connection: Connection) -> None:
    """It is hidden like a credential as soon as it is known."""
    connection.get()

    assert "token-number-1" not in connection.redactor.redact("see token-number-1 here")
    assert "token-number-1" not in repr(connection.tokens)


@pytest.mark.parametrize(
    ("status", "answer", "error"),
    [
        (401, {"error": "invalid_client"}, CredentialRefused),
        (400, {"error": "invalid_client"}, CredentialRefused),
        (401, {}, CredentialRefused),
        (400, {"error": "invalid_scope", "error_description": "secret detail"}, AccessMissing),
        (403, {"error": "access_denied"}, AccessMissing),
        (400, {"error": ["odd"]}, SourceUnavailable),
        (404, {}, SourceUnavailable),
    ],
)
def test_a_refused_token_request_is_mapped(
    connection: Connection, issuer: Issuer, status: int, answer: dict[str, Any], error: type
) -> None:
    """The error code decides; the server's own description is not repeated."""
    issuer.status, issuer.answer = status, answer

    with pytest.raises(error) as caught:
        connection.get()
    assert "detail" not in str(caught.value)


@pytest.mark.parametrize(
    "answer",
    [
        {"access_token": ""},
        {"access_token": "two words"},
        {"access_token": "line\nbreak"},
        {"access_token": 7},
        {"token_type": "mac"},
    ],
)
def test_an_unusable_token_is_the_fault_of_the_server(
    connection: Connection, issuer: Issuer, answer: dict[str, Any]
) -> None:
    """A token that is no bearer token, or not valid in a header, is never sent."""
    issuer.answer |= answer

    with pytest.raises(SourceUnavailable, match="no bearer token"):
        connection.get()


def test_many_threads_fetch_one_token(clients: Clients) -> None:
    """The first thread fetches, and the others wait for its token."""
    cache = TokenCache(clients.clock)
    fetched: list[int] = []
    begun, go_on = threading.Event(), threading.Event()

    def fetch() -> AccessToken:
        fetched.append(1)
        begun.set()
        assert go_on.wait(60)
        return AccessToken(SecretStr("token"), 60)

    found: list[SecretStr] = []
    threads = [
        threading.Thread(target=lambda: found.append(cache.get("key", clients.deadline, fetch)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    assert begun.wait(60)
    go_on.set()
    for thread in threads:
        thread.join(60)

    assert len(fetched) == 1
    assert found == [SecretStr("token")] * 8


def test_a_failed_fetch_is_tried_again(clients: Clients) -> None:
    """An error is passed on and not cached."""
    cache = TokenCache(clients.clock)

    def fail() -> AccessToken:
        raise SourceUnavailable("down")

    with pytest.raises(SourceUnavailable):
        cache.get("key", clients.deadline, fail)
    token = AccessToken(SecretStr("token"), 60)
    assert cache.get("key", clients.deadline, lambda: token) == token.secret
