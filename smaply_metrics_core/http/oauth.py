"""OAuth 2 with client credentials, as in RFC 6749, section 4.4."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Generator
from typing import Final

import httpx
from pydantic import SecretStr

from smaply_metrics_core.context import SourceContext
from smaply_metrics_core.errors import AccessMissing, CredentialRefused, SourceUnavailable
from smaply_metrics_core.http.auth import basic_auth, with_secret_header
from smaply_metrics_core.http.responses import read_json, remote_details
from smaply_metrics_core.http.retry import SAFE_TO_REPEAT
from smaply_metrics_core.token_cache import AccessToken

DEFAULT_SECONDS: Final = 300.0
"""The life of a token whose response does not state it, which RFC 6749 only recommends."""
LEEWAY_SECONDS: Final = 30.0
"""A token is replaced this long before it expires, since requests take time."""
MAX_SECONDS: Final = 86_400.0

_REFUSED: Final = frozenset({"invalid_client", "invalid_grant", "invalid_request"})
_MISSING: Final = frozenset({"invalid_scope", "unauthorized_client", "access_denied"})


class _ClientCredentials(httpx.Auth):
    """Adds the access token to requests, and fetches a new one when it is refused."""

    def __init__(  # noqa: PLR0913  # The parts of the grant.
        self,
        context: SourceContext,
        token_url: str,
        client_id: str,
        client_secret: SecretStr,
        scope: str,
        *,
        in_body: bool,
    ) -> None:
        self._context = context
        self._token_url = token_url
        self._client_id = client_id
        self._client_secret = client_secret
        self._scope = scope
        self._in_body = in_body
        parts = (token_url, client_id, client_secret.get_secret_value(), scope)
        self._key = hashlib.sha256("\0".join(parts).encode()).hexdigest()

    def sync_auth_flow(
        self, request: httpx.Request
    ) -> Generator[httpx.Request, httpx.Response, None]:
        """Send the request with the token; if it is refused, once more with a new one."""
        token = self._token()
        response = yield self._signed(request, token)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            self._context.tokens.drop(self._key, token)
            yield self._signed(request, self._token())

    def __repr__(self) -> str:
        return f"client_credentials({self._token_url!r}, {self._client_id!r})"

    def _token(self) -> SecretStr:
        token = self._context.tokens.get(self._key, self._context.deadline, self._fetch)
        self._context.add_secret(token)
        return token

    def _fetch(self) -> AccessToken:
        form = {"grant_type": "client_credentials"}
        if self._scope:
            form["scope"] = self._scope
        auth = httpx.Auth()
        if self._in_body:
            form |= {
                "client_id": self._client_id,
                "client_secret": self._client_secret.get_secret_value(),
            }
        else:
            auth = basic_auth(self._client_id, self._client_secret)
        response = self._context.http.post(
            self._token_url,
            data=form,
            auth=auth,
            headers={"accept": "application/json"},
            extensions=SAFE_TO_REPEAT,
        )
        if response.status_code != httpx.codes.OK:
            raise _refusal(response)
        return _access_token(response)

    @staticmethod
    def _signed(request: httpx.Request, token: SecretStr) -> httpx.Request:
        value = SecretStr(f"Bearer {token.get_secret_value()}")
        return with_secret_header(request, "Authorization", value)


def client_credentials(  # noqa: PLR0913  # The parts of the grant, most by keyword.
    context: SourceContext,
    token_url: str,
    *,
    client_id: str,
    client_secret: SecretStr,
    scope: str = "",
    in_body: bool = False,
) -> httpx.Auth:
    """Authenticate with OAuth 2 client credentials: ``http.get(url, auth=client_credentials(…))``.

    The access token is fetched with the first request, cached for all sessions of the connection in
    this process until it expires, and redacted like the credentials. Of many threads, one fetches
    it. A request that is refused with 401 is sent once more with a new token.

    Args:
        context: The context of the hook.
        token_url: Where tokens are issued; one of the destinations.
        client_id: The id of the client.
        client_secret: Its secret.
        scope: The scopes to request, separated by spaces; all that the client has by default.
        in_body: Whether to send the id and the secret in the form instead of the header
            ``Authorization``, for servers that do not support the header.

    Requests raise:
        CredentialRefused: when the server refuses the client or its secret.
        AccessMissing: when the client may not have the scope, or use this grant.
        SourceUnavailable: when the answer is not one of RFC 6749.
    """
    return _ClientCredentials(context, token_url, client_id, client_secret, scope, in_body=in_body)


def _refusal(response: httpx.Response) -> CredentialRefused | AccessMissing | SourceUnavailable:
    """Return the error for a response without a token; the server's own texts are not repeated."""
    request_id = remote_details(response).request_id
    code = None
    if "json" in response.headers.get("content-type", "").lower():
        answer = read_json(response)
        found = answer.get("error") if isinstance(answer, dict) else None
        code = found if isinstance(found, str) else None
    if code in _MISSING:
        return AccessMissing(
            "The client may not request this access token.",
            remedy="Give the client the required scopes and the grant “client credentials”.",
            code=code,
            request_id=request_id,
        )
    if code in _REFUSED or response.status_code == httpx.codes.UNAUTHORIZED:
        return CredentialRefused(
            "The client ID or the client secret was refused.",
            code=code if code in _REFUSED else None,
            request_id=request_id,
        )
    return SourceUnavailable(
        f"{response.request.url.host} issued no access token (HTTP {response.status_code}).",
        request_id=request_id,
    )


def _access_token(response: httpx.Response) -> AccessToken:
    answer = read_json(response)
    found = answer if isinstance(answer, dict) else {}
    token, kind = found.get("access_token"), found.get("token_type", "bearer")
    valid = isinstance(token, str) and token.isascii() and token.isprintable() and " " not in token
    if not (valid and token and isinstance(kind, str) and kind.lower() == "bearer"):
        raise SourceUnavailable(
            f"{response.request.url.host} sent no bearer token.",
            request_id=remote_details(response).request_id,
        )
    return AccessToken(SecretStr(token), _usable_seconds(found.get("expires_in")))


def _usable_seconds(expires_in: object) -> float:
    """Return how long a token can be used; its life may come as a number or as text."""
    try:
        seconds = float(expires_in) if isinstance(expires_in, int | float | str) else math.nan
    except (ValueError, OverflowError):
        seconds = math.nan
    if not math.isfinite(seconds):
        seconds = DEFAULT_SECONDS
    return min(max(seconds - LEEWAY_SECONDS, 0.0), MAX_SECONDS)
