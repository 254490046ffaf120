"""Answers that are no answers: a connection that closes, or that stays silent."""

from __future__ import annotations

import asyncio
from typing import cast

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol


class ConnectionDropper:
    """The open connections of a server, so that one can be closed in the middle of a request."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, int], asyncio.BaseTransport] = {}
        self.closing = asyncio.Event()

    def protocol(self) -> type[asyncio.Protocol]:
        """Return the HTTP protocol for uvicorn, which registers its connections here."""
        connections = self._open

        class Protocol(H11Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                connections[transport.get_extra_info("peername")] = transport
                super().connection_made(cast("asyncio.Transport", transport))

            def connection_lost(self, exc: Exception | None) -> None:
                connections.pop(self.transport.get_extra_info("peername"), None)
                super().connection_lost(exc)

        return Protocol

    def drop(self, client: tuple[str, int]) -> None:
        """Close the connection of a client at once."""
        transport = self._open.get(client)
        if transport is not None:
            transport.close()


class Dropped(Response):
    """No answer: the connection closes, after `seconds` of silence.

    The silence ends early when the client goes away or the server shuts down.
    """

    def __init__(self, connections: ConnectionDropper, seconds: float = 0.0) -> None:
        super().__init__()
        self._connections = connections
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - nothing is sent
        """Keep silent, then close."""
        gone = asyncio.ensure_future(receive())
        closing = asyncio.ensure_future(self._connections.closing.wait())
        await asyncio.wait(
            {gone, closing}, timeout=self._seconds, return_when=asyncio.FIRST_COMPLETED
        )
        closing.cancel()
        self._connections.drop(tuple(scope["client"]))
        await gone
