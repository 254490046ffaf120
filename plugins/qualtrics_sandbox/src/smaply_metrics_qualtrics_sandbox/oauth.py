"""OAuth 2.0 client credentials: `POST /oauth2/token`, and the bearer tokens that it issues.

The documented part is the request (HTTP Basic with the id and secret of a client, a form with
`grant_type` and optionally `scope`) and that a token lasts an hour. Errors of the token endpoint
have the format of RFC 6749, section 5.2.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, unquote_plus

from smaply_metrics_qualtrics_sandbox.errors import expired_token, unauthorized

EVERYTHING = "manage:all"


@dataclass(frozen=True)
class OauthClient:
    """The client that can request tokens.

    Attributes:
        id: Its id.
        secret: Its secret; None if the client was deleted.
        scopes: The scopes that it can request; `manage:all` includes every other scope.
        seconds: How long its tokens are valid.
    """

    id: str
    secret: str | None
    scopes: tuple[str, ...] = (EVERYTHING,)
    seconds: float = 3600


class OauthError(Exception):
    """An error of the token endpoint, in the format of RFC 6749.

    Args:
        error: The error code.
        description: What is wrong.
        status: The HTTP status.
    """

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.status = status
        self.body = {"error": error, "error_description": description}


class TokenIssuer:
    """Issues and checks bearer tokens.

    Attributes:
        client: The client. Tokens remain valid if it is replaced.
    """

    def __init__(self, client: OauthClient) -> None:
        self.client = client
        self._tokens: dict[str, tuple[datetime, frozenset[str]]] = {}

    def issue(self, authorization: str, form: bytes, now: datetime) -> dict[str, Any]:
        """Return the response to a token request.

        Args:
            authorization: The value of the header `Authorization`.
            form: The body, `application/x-www-form-urlencoded`.
            now: The current time.

        Raises:
            OauthError: if the client or the request is not valid.
        """
        if not self._is_client(authorization):
            raise OauthError("invalid_client", "The client id or secret is not valid.", 401)
        fields = _fields(form)
        if fields.get("grant_type") != "client_credentials":
            known = "grant_type" in fields
            raise OauthError(
                "unsupported_grant_type" if known else "invalid_request",
                "grant_type must be client_credentials.",
            )
        scopes = frozenset(fields.get("scope", "").split() or self.client.scopes)
        if EVERYTHING not in self.client.scopes and (extra := scopes - set(self.client.scopes)):
            raise OauthError("invalid_scope", f"Not granted: {' '.join(sorted(extra))}")
        token = secrets.token_urlsafe(32)
        self._tokens[token] = (now + timedelta(seconds=self.client.seconds), scopes)
        return {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": int(self.client.seconds),
            "scope": " ".join(sorted(scopes)),
        }

    def allows(self, token: str, scope: str, now: datetime) -> bool:
        """Return whether a token has a scope such as `read:surveys`.

        Raises:
            ApiError: with status 401, if the token is unknown or expired.
        """
        if token not in self._tokens:
            raise unauthorized()
        expiry, scopes = self._tokens[token]
        if now >= expiry:
            raise expired_token()
        return not scopes.isdisjoint({scope, scope.replace("read:", "manage:"), EVERYTHING})

    def revoke(self) -> None:
        """Revoke every issued token."""
        self._tokens.clear()

    def _is_client(self, authorization: str) -> bool:
        scheme, _, encoded = authorization.partition(" ")
        try:
            text = base64.b64decode(encoded.strip(), validate=True).decode()
        except (binascii.Error, ValueError):
            return False
        name, colon, secret = text.partition(":")
        expected = self.client.secret
        # RFC 6749 asks clients to encode both like a form; most do not.
        return bool(
            scheme.lower() == "basic"
            and colon
            and expected is not None
            and self.client.id in {name, unquote_plus(name)}
            and any(
                secrets.compare_digest(sent.encode(), expected.encode())
                for sent in (secret, unquote_plus(secret))
            )
        )


def _fields(form: bytes) -> Mapping[str, str]:
    """Return the fields of a form. RFC 6749 forbids repeated ones."""
    found = parse_qs(form.decode(errors="replace"))
    if any(len(values) > 1 for values in found.values()):
        raise OauthError("invalid_request", "A field is repeated.")
    return {name: values[0] for name, values in found.items()}
