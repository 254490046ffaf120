"""The socket that the host listens on."""

from __future__ import annotations

import socket

from smaply_metrics_host.server import listen


def test_the_socket_is_declared_as_tcp() -> None:
    """The explicit protocol makes asyncio set TCP_NODELAY."""
    with listen("127.0.0.1", 0) as listening:
        assert listening.proto == socket.IPPROTO_TCP
