"""Close a connection without a response, immediately or after a time."""

from __future__ import annotations

import asyncio
from typing import cast

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol


class ConnectionDropper:
    """Tracks the open connections of a server, to close one during a request."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, int], asyncio.BaseTransport] = {}
        self.closing = asyncio.Event()

    def protocol(self) -> type[asyncio.Protocol]:
        """Return an HTTP protocol for uvicorn that registers its connections here."""
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
        """Close the connection of a client."""
        transport = self._open.get(client)
        if transport is not None:
            transport.close()


class Dropped(Response):
    """A response that sends nothing and closes the connection after `seconds`.

    It closes earlier if the client disconnects or the server shuts down.
    """

    def __init__(self, connections: ConnectionDropper, seconds: float = 0.0) -> None:
        super().__init__()
        self._connections = connections
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - nothing is sent
        """Wait, then close the connection."""
        gone = asyncio.ensure_future(receive())
        closing = asyncio.ensure_future(self._connections.closing.wait())
        await asyncio.wait(
            {gone, closing}, timeout=self._seconds, return_when=asyncio.FIRST_COMPLETED
        )
        closing.cancel()
        self._connections.drop(tuple(scope["client"]))
        await gone
