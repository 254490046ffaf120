"""HTTP clients for tests, which need no certificates."""

from __future__ import annotations

from typing import Final

import httpx

from smaply_metrics_core.http.trust import trust_none

PLAIN_HTTP: Final = trust_none()
"""For local servers: loading certificate authorities for each client would take longer than most
tests."""


def client_without_network() -> httpx.Client:
    """Return a client for contexts of calls that send no request; each request is an error."""
    return httpx.Client(transport=httpx.MockTransport(_refuse))


def _refuse(request: httpx.Request) -> httpx.Response:
    raise AssertionError(f"A request was sent to {request.url}.")
