"""Which connections lead to the same server, across the accounts of an installation."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from smaply_metrics_core.models.address import HTTPS_PORT, Address
from smaply_metrics_core.models.source import Destination


def server_key(destinations: Iterable[Destination]) -> str:
    """Return a hash of the host and port that the first HTTP destination leads to.

    The path does not matter: a server that rejects an installation does so by network address. The
    name of the host is not stored, since it is part of the encrypted credentials. Empty without an
    HTTP destination.
    """
    for destination in destinations:
        if destination.kind == "host":
            host, _, port = destination.host.lower().partition(":")
            return _hash(host, int(port or HTTPS_PORT))
        if destination.over_http:
            address = Address.parse(destination.address)
            return _hash(address.host, address.port)
    return ""


def _hash(host: str, port: int) -> str:
    return hashlib.sha256(f"{host}:{port}".encode()).hexdigest()[:32]
