"""Authentication with a secret header that never appears in reprs, logs or tracebacks."""

from __future__ import annotations

import base64
import re
from collections.abc import Generator
from typing import Final

import httpx
from pydantic import SecretStr

from smaply_metrics_core.errors import InputError
from smaply_metrics_core.models.problem import Audience
from smaply_metrics_core.redaction import HIDDEN, SHORT

SECRET_HEADERS: Final = "smaply_metrics.secret_headers"  # noqa: S105  # A name, not a secret.
"""The request extension with the secret headers, a mapping from names to ``SecretStr``."""

_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VALUE: Final = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")


class _HeaderAuth(httpx.Auth):
    """Passes the header as a request extension, from which the transport adds it."""

    def __init__(self, header: str, secret: SecretStr) -> None:
        self._header = header
        self._secret = secret

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        yield with_secret_header(request, self._header, self._secret)

    def __repr__(self) -> str:
        return f"header_auth({self._header!r}, {self._secret!r})"


def with_secret_header(request: httpx.Request, name: str, value: SecretStr) -> httpx.Request:
    """Add a secret header to a request, as an extension that only our transport reads."""
    present: dict[str, SecretStr] = request.extensions.get(SECRET_HEADERS, {})
    request.extensions = {**request.extensions, SECRET_HEADERS: {**present, name: value}}
    return request


def header_auth(header_name: str, secret: SecretStr) -> httpx.Auth:
    """Authenticate with a secret header: ``client.get(url, auth=header_auth("X-API-TOKEN", t))``.

    After checking the host, the transport of ``build_client`` adds the header to a copy of the
    request. The source's own request object never contains it. Other clients do not send it.

    Raises:
        InputError: when the name or the secret is not valid in a header; neither is repeated.
    """
    if not _NAME.fullmatch(header_name):
        raise InputError(
            "The name of the secret header contains invalid characters.",
            remedy="Use letters, digits and hyphens, as in X-API-TOKEN.",
        )
    if not _VALUE.fullmatch(secret.get_secret_value()):
        raise InputError(
            "The secret is empty or contains characters that HTTP headers do not allow.",
            remedy="Copy the complete secret again, without white space around it.",
            audience=Audience.ADMIN,
        )
    return _HeaderAuth(header_name, secret)


def bearer_auth(token: SecretStr) -> httpx.Auth:
    """Authenticate with a token in the header ``Authorization: Bearer …``.

    Raises:
        InputError: when the token is not valid in a header; it is not repeated.
    """
    return header_auth("Authorization", SecretStr(f"Bearer {token.get_secret_value()}"))


def basic_auth(user: str, password: SecretStr) -> httpx.Auth:
    """Authenticate with a user and a password of any characters, in UTF-8 as in RFC 7617.

    Raises:
        InputError: when the user contains a colon, which cannot be transmitted.
    """
    if ":" in user:
        raise InputError(
            "A user name with a colon cannot be used with basic authentication.",
            remedy="Enter a user name without a colon.",
            audience=Audience.ADMIN,
        )
    pair = base64.b64encode(f"{user}:{password.get_secret_value()}".encode()).decode("ascii")
    return header_auth("Authorization", SecretStr(f"Basic {pair}"))


def hide_echoed_secrets(content: bytes, request: httpx.Request) -> bytes:
    """Return a response body without the secrets of the request, which the server may repeat.

    Otherwise the survey tool could put them into a survey's name or an error message.
    """
    for secret in request.extensions.get(SECRET_HEADERS, {}).values():
        value = secret.get_secret_value().rpartition(" ")[2]  # Without a scheme such as Bearer.
        if len(value) >= SHORT:
            pattern = re.compile(re.escape(value.encode()), re.IGNORECASE)
            content = pattern.sub(HIDDEN.encode(), content)
    return content
