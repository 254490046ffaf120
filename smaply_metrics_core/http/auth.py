"""Sends a secret header without ever putting it where a repr, a log or a traceback finds it."""

from __future__ import annotations

import re
from collections.abc import Generator
from typing import Final

import httpx
from pydantic import SecretStr

from smaply_metrics_core.errors import InputError

SECRET_HEADERS: Final = "smaply_metrics.secret_headers"  # noqa: S105  # A name, no secret.
"""Name of the request extension with the secret headers: a mapping to ``SecretStr``."""

_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VALUE: Final = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")


class _HeaderAuth(httpx.Auth):
    """Leaves the header beside the request; the transport adds it to what goes over the wire."""

    def __init__(self, header: str, secret: SecretStr) -> None:
        self._header = header
        self._secret = secret

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        present: dict[str, SecretStr] = request.extensions.get(SECRET_HEADERS, {})
        request.extensions[SECRET_HEADERS] = {**present, self._header: self._secret}
        yield request

    def __repr__(self) -> str:
        return f"header_auth({self._header!r}, {self._secret!r})"


def header_auth(header_name: str, secret: SecretStr) -> httpx.Auth:
    """Authenticate with a secret header: ``client.get(url, auth=header_auth("X-API-TOKEN", t))``.

    The header is added by the transport of ``build_client``, after the host was found on the
    allow-list, to a copy of the request. The request that the source holds never carries it. A
    client of another make does not send it at all.

    Raises:
        InputError: when the name or the secret cannot stand in a header; neither is repeated.
    """
    if not _NAME.fullmatch(header_name):
        raise InputError(
            "The name of the secret header has characters that no header name has.",
            remedy="Use letters, digits and hyphens, as in X-API-TOKEN.",
        )
    if not _VALUE.fullmatch(secret.get_secret_value()):
        raise InputError(
            "The secret cannot be sent: it is empty, begins or ends with white space, or has "
            "characters that cannot stand in an HTTP header.",
            remedy="Copy the secret again, alone and complete.",
        )
    return _HeaderAuth(header_name, secret)
