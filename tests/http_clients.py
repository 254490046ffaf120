"""HTTP clients for tests, which need no certificates."""

from __future__ import annotations

import ssl
from typing import Final

import httpx

PLAIN_HTTP: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Certificate authorities for local servers without TLS: none, since loading them for each client
would take longer than most tests."""


def client_without_network() -> httpx.Client:
    """Return a client for contexts of calls that send no request; each request is an error."""
    return httpx.Client(transport=httpx.MockTransport(_refuse))


def _refuse(request: httpx.Request) -> httpx.Response:
    raise AssertionError(f"A request was sent to {request.url}.")
