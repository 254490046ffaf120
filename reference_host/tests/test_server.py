"""The socket that the host listens on."""

from __future__ import annotations

import socket

from smaply_metrics_host.server import listen


def test_small_answers_are_sent_at_once() -> None:
    """The socket says that it is TCP: asyncio lets small answers wait on any other one."""
    with listen("127.0.0.1", 0) as listening:
        assert listening.proto == socket.IPPROTO_TCP
