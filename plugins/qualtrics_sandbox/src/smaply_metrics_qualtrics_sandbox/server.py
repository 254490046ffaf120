"""Run a sandbox with uvicorn on the loopback interface, in a separate thread."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import uvicorn

from smaply_metrics_qualtrics_sandbox.api.app import make_app
from smaply_metrics_qualtrics_sandbox.api.dropped_connections import ConnectionDropper
from smaply_metrics_qualtrics_sandbox.errors import SandboxError
from smaply_metrics_qualtrics_sandbox.sandbox_state import SandboxState
from smaply_metrics_qualtrics_sandbox.surveys.survey import SandboxSurvey, read_folder

LOOPBACK = "127.0.0.1"
DEFAULT_PAGE_SIZE = 100
_STARTUP_SECONDS = 60.0
_TICK_SECONDS = 0.1
_HIGHEST_PORT = 65535


def _now() -> datetime:
    return datetime.now(UTC)


class SandboxServer:
    """A fake Qualtrics API v3 server on 127.0.0.1 that runs during a `with` block.

    Args:
        surveys: A folder with `NAME/survey.qsf` (or `survey.json`) and `NAME/responses.csv`; None
            for no surveys.
        token: The token that is valid initially.
        port: The port; 0 chooses a free port.
        page_size: The number of surveys per page.
        export_polls: The number of progress requests that return inProgress.
        now: The clock for added responses, the log and the duration of exports.

    Raises:
        SandboxError: if the folder (`SurveyFolderError`) or an argument is not valid, or the port
            is in use.
    """

    def __init__(  # noqa: PLR0913 - the settings of the simulated account
        self,
        surveys: Path | None = None,
        *,
        token: str,
        port: int = 0,
        page_size: int = DEFAULT_PAGE_SIZE,
        export_polls: int = 1,
        now: Callable[[], datetime] = _now,
    ) -> None:
        if not token.strip() or not token.isascii():
            raise SandboxError("token must be a non-empty ASCII string")
        if page_size < 1 or export_polls < 0 or not 0 <= port <= _HIGHEST_PORT:
            raise SandboxError(
                "page_size must be 1 or more, export_polls 0 or more, port 0 to 65535"
            )
        loaded: list[SandboxSurvey] = [] if surveys is None else read_folder(Path(surveys))
        self._port = port
        self._state = SandboxState(
            loaded, token=token, page_size=page_size, export_polls=export_polls, now=now
        )
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._connections: ConnectionDropper | None = None

    @property
    def state(self) -> SandboxState:
        """The state of the sandbox, with the operations that change it."""
        return self._state

    @property
    def host(self) -> str:
        """Address and port, `127.0.0.1:PORT`."""
        return f"{LOOPBACK}:{self._port}"

    @property
    def url(self) -> str:
        """The URL of the server, without a path."""
        return f"http://{self.host}"

    def __enter__(self) -> Self:
        if self._thread is not None:
            raise SandboxError("a SandboxServer can only run once; create another one")
        listener = self._listen()
        started = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(listener, started), name="qualtrics-sandbox", daemon=True
        )
        self._thread.start()
        if not started.wait(_STARTUP_SECONDS):
            raise SandboxError("the sandbox did not start; see the uvicorn log above")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop the server and delete the exported files. Can be called more than once."""
        if self._server and self._loop and self._connections and self._thread:
            self._server.should_exit = True
            with suppress(RuntimeError):  # The loop is closed if the server has already stopped.
                self._loop.call_soon_threadsafe(self._connections.closing.set)
            self._thread.join()
        self._state.exports.close()

    def _listen(self) -> socket.socket:
        # asyncio sets TCP_NODELAY only if the protocol is given; otherwise responses take 40 ms.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((LOOPBACK, self._port))
        except OSError as error:
            listener.close()
            raise SandboxError(f"port {self._port} cannot be used: {error.strerror}") from error
        self._port = listener.getsockname()[1]
        return listener

    def _run(self, listener: socket.socket, started: threading.Event) -> None:
        asyncio.run(self._serve(listener, started))

    async def _serve(self, listener: socket.socket, started: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._connections = ConnectionDropper()
        config = uvicorn.Config(
            make_app(self._state, self._connections),
            http=self._connections.protocol(),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=1,
        )
        self._server = _LoopbackServer(config, started, self._connections.closing)
        await self._server.serve(sockets=[listener])


class _LoopbackServer(uvicorn.Server):
    """Signals when it is ready, and stops immediately instead of at the next tick of uvicorn."""

    def __init__(
        self, config: uvicorn.Config, ready: threading.Event, closing: asyncio.Event
    ) -> None:
        super().__init__(config)
        self._ready = ready
        self._closing = closing

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready.set()

    async def main_loop(self) -> None:
        ticks = 0
        while not await self.on_tick(ticks):
            ticks += 1
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), _TICK_SECONDS)
