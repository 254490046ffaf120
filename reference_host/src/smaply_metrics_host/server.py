"""Serving the app on a socket until the process is asked to end."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import uvicorn

from smaply_metrics_core.host import InputError
from smaply_metrics_host.app import create_app

if TYPE_CHECKING:
    from fastapi import FastAPI

    from smaply_metrics_host.app_state import AppState
    from smaply_metrics_host.settings import HostSettings

SHUTDOWN_SECONDS: Final = 3
"""How long open requests go on when the process ends."""
TICK_SECONDS: Final = 0.02
STOPPING: Final = (signal.SIGINT, signal.SIGTERM)


def listen(address: str, port: int) -> socket.socket:
    """Take a port; 0 takes a free one.

    Raises:
        InputError: when it is taken, or this machine does not have the address.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    # Only of a socket that says it is TCP does asyncio send small answers at once: else each one
    # waits some 40 ms for the other side.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((address, port))
    except OSError as error:
        listening.close()
        raise InputError(
            f"Port {port} of {address} cannot be used: {error.strerror}.",
            remedy="Choose another one with --port; 0 takes a free one.",
        ) from None
    return listening


class GracefulServer(uvicorn.Server):
    """Serves the app, and ends its streams when asked to end."""

    def __init__(self, app: FastAPI) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                lifespan="on",
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
        """Hear of SIGINT and SIGTERM, and leave it at that.

        uvicorn raises them once more when it has ended. SIGTERM would then end the process before
        whatever is around the server, such as the demo's sandbox, has ended too.
        """
        if threading.current_thread() is not threading.main_thread():
            yield  # Signals are heard on the main thread alone.
            return
        before = {one: signal.signal(one, self.handle_exit) for one in STOPPING}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End what never ends by itself or takes long, and then all the rest."""
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
        settings: What the operator decided.
        listening: A bound socket.
        when_ready: Called once the app answers.

    Raises:
        MetricsError: when the app cannot be opened.
    """
    app = create_app(settings)
    server = GracefulServer(app)
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
