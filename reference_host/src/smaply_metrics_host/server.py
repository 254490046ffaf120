"""Serving the app on a socket until the process is stopped."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Literal

import uvicorn

from smaply_metrics_core.host import Audience, InputError
from smaply_metrics_host.app import create_app
from smaply_metrics_host.web.connection_timeouts import ConnectionTimeouts

if TYPE_CHECKING:
    from fastapi import FastAPI

    from smaply_metrics_host.app_state import AppState
    from smaply_metrics_host.settings import HostSettings

SHUTDOWN_SECONDS: Final = 3
"""How long a shutdown waits for open requests."""
TICK_SECONDS: Final = 0.02
STOPPING: Final = (signal.SIGINT, signal.SIGTERM)


def listen(address: str, port: int) -> socket.socket:
    """Return a socket bound to a port; port 0 picks a free one.

    Raises:
        InputError: if the port is in use, or the address does not belong to this machine.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    # asyncio sets TCP_NODELAY only if the protocol is explicit. Without it, each small response
    # is delayed by about 40 ms.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((address, port))
    except OSError as error:
        listening.close()
        raise InputError(
            f"Port {port} of {address} cannot be used: {error.strerror}.",
            remedy="Choose another port with --port; 0 picks a free one.",
            audience=Audience.OPERATOR,
        ) from None
    return listening


class GracefulServer(uvicorn.Server):
    """A server that ends silent connections, and the event streams of the app on shutdown.

    Args:
        app: The app.
        timeouts: When a connection that does not send its request is ended.
        lifespan: ``off`` if the caller opens the resources of the app.
    """

    def __init__(
        self,
        app: FastAPI,
        timeouts: ConnectionTimeouts | None = None,
        *,
        lifespan: Literal["on", "off"] = "on",
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                # uvicorn only calls it.
                http=(timeouts or ConnectionTimeouts()).protocol,  # type: ignore[arg-type]
                ws="none",
                lifespan=lifespan,
                log_config=None,  # Its errors go to the handlers of the process.
                log_level="warning",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=SHUTDOWN_SECONDS,
            )
        )
        self._app = app

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle SIGINT and SIGTERM without raising them again.

        uvicorn raises captured signals again after shutdown. SIGTERM would then end the process
        before its callers have cleaned up, such as the demo, which stops its sandbox.
        """
        if threading.current_thread() is not threading.main_thread():
            yield  # Only the main thread can handle signals.
            return
        before = {one: signal.signal(one, self.handle_exit) for one in STOPPING}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the event streams and the chart renderer, then shut down."""
        self._app.state.app_state.streams.end()
        await self._app.state.app_state.chart_renderer.close()
        await super().shutdown(sockets)


async def serve(
    settings: HostSettings,
    listening: socket.socket,
    when_ready: Callable[[AppState], Awaitable[None]],
) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        settings: The settings of the host.
        listening: A bound socket.
        when_ready: Called once the app accepts requests.

    Raises:
        MetricsError: if the app cannot start.
    """
    app = create_app(settings)
    # Not opened by uvicorn, which logs a failure to start as a traceback and exits.
    async with app.router.lifespan_context(app):
        server = GracefulServer(app, lifespan="off")
        serving = asyncio.create_task(server.serve([listening]))
        while not server.started and not serving.done():  # noqa: ASYNC110  # It has no event.
            await asyncio.sleep(TICK_SECONDS)
        if server.started:
            app.state.app_state.chart_renderer.warm_up()
            try:
                await when_ready(app.state.app_state)
            except BaseException:
                server.should_exit = True
                await serving
                raise
        await serving
