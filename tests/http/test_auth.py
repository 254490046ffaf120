"""Tokens and passwords in the header ``Authorization``."""

from __future__ import annotations

from base64 import b64decode
from typing import TYPE_CHECKING

import httpx
import pytest
from pydantic import SecretStr

from smaply_metrics_core.errors import InputError
from smaply_metrics_core.http import basic_auth, bearer_auth

if TYPE_CHECKING:
    from .conftest import Clients


def sent(clients: Clients, auth: httpx.Auth) -> str:
    """Return the header that a server receives."""
    client = clients(lambda request: httpx.Response(200, text=request.headers["authorization"]))
    received: list[str] = []

    def remember(request: httpx.Request) -> httpx.Response:
        received.append(request.headers["authorization"])
        return httpx.Response(200)

    client = clients(remember)
    response = client.get("/", auth=auth)
    assert "authorization" not in response.request.headers
    return received[0]


@pytest.mark.parametrize("password", ["plain", "two words", "pässwörd", "a:b"])
def test_a_password_of_any_characters_is_sent(clients: Clients, password: str) -> None:
    """The pair is encoded in UTF-8, as RFC 7617 recommends."""
    scheme, _, pair = sent(clients, basic_auth("mé", SecretStr(password))).partition(" ")

    assert scheme == "Basic"
    assert b64decode(pair).decode() == f"mé:{password}"


def test_a_user_with_a_colon_is_rejected() -> None:
    """The server would read a part of it as the password."""
    with pytest.raises(InputError, match="colon"):
        basic_auth("a:b", SecretStr("x"))


def test_a_bearer_token_is_sent(clients: Clients) -> None:
    """It is in no repr."""
    auth = bearer_auth(SecretStr("token-0123456789"))

    assert sent(clients, auth) == "Bearer token-0123456789"
    assert "0123456789" not in repr(auth)
