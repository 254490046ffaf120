"""The app on a real socket, with a Qualtrics sandbox and signed-in browsers."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx
from fastapi import FastAPI
from starlette.responses import Response

from smaply_metrics_core.host import Actor, Role, SourceRegistry
from smaply_metrics_host.app import create_app
from smaply_metrics_host.app_state import AppState
from smaply_metrics_host.server import GracefulServer, listen
from smaply_metrics_host.settings import HostSettings
from smaply_metrics_host.web.authentication import set_cookie
from smaply_metrics_qualtrics_sandbox import SandboxServer
from tests.http_clients import PLAIN_HTTP

T = TypeVar("T")

ACCOUNT = "acme"
NAMES = {Role.ADMIN: "Ada", Role.EDITOR: "Emil", Role.VIEWER: "Vera"}
TOKEN = "sandbox-token-of-forty-characters-00001"
SUPPORT = "support@metrics.example"
SECONDS = 180
HASTE = 20
"""The factor by which the app's waits are shortened."""


class MovableClock:
    """The system clock plus an offset that tests advance."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def forward(self, by: timedelta) -> None:
        """Advance the clock."""
        self._ahead += by

    def now(self) -> datetime:
        """Return the current instant."""
        return datetime.now(UTC) + self._ahead

    def monotonic(self) -> float:
        """Return monotonic seconds."""
        return time.monotonic() + self._ahead.total_seconds()

    def wait(self, seconds: float, stop: threading.Event) -> bool:
        """Wait for a fraction of the seconds, so that polling is faster."""
        return stop.wait(seconds / HASTE)


@dataclass
class World:
    """A running app and its environment.

    Attributes:
        url: The URL of the app.
        sandbox: The Qualtrics sandbox.
        clock: The app's clock.
        app: The app.
        app_state: The app's resources, for test set-up.
        account: The account of the test.
    """

    url: str
    sandbox: SandboxServer
    clock: MovableClock
    app: FastAPI
    app_state: AppState
    _loop: asyncio.AbstractEventLoop
    account: str = ACCOUNT
    _clients: list[httpx.Client] = field(default_factory=list)

    def client(self, role: Role | None, *, account: str = "") -> Browser:
        """Return a browser in which a person with this role is signed in; None signs no one in."""
        browser = Browser(
            base_url=self.url, timeout=SECONDS, follow_redirects=True, verify=PLAIN_HTTP
        )
        self._clients.append(browser)
        if role is not None:
            self._sign_in(browser, account or self.account, role)
        return browser

    def _sign_in(self, browser: Browser, account: str, role: Role) -> None:
        """Set the cookie of a new session; the requests of a sign-in would take twice as long."""
        people = self.app_state.people
        session = people.sign_in(people.invite(account, NAMES[role], role))
        assert session is not None
        answer = Response()
        set_cookie(answer, session, self.app_state.settings)
        request = httpx.Request("GET", self.url)
        browser.cookies.extract_cookies(
            httpx.Response(200, headers=answer.raw_headers, request=request)
        )

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the app's event loop and return its result."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(SECONDS)

    def actor(self, role: Role = Role.ADMIN, *, account: str = "") -> Actor:
        """Return an actor of the account with this role."""
        return Actor(account or self.account, NAMES[role], role)

    def connect(self, *, account: str = "", name: str = "") -> str:
        """Connect the sandbox and return the connection's id."""
        values = {"base_url": self.sandbox.host, "api_token": TOKEN}
        admin = self.actor(account=account)
        return self.run(self._connect(admin, values, name))

    async def _connect(self, admin: Actor, values: dict[str, str], name: str) -> str:
        connections = self.app_state.metrics.connections
        view = await connections.connect(admin, "qualtrics", values, name=name)
        return view.id

    def close(self) -> None:
        """Close the browsers."""
        for browser in self._clients:
            browser.close()


class PromptServer(GracefulServer):
    """A server that ends at once; uvicorn looks for its end ten times a second, in each app.

    Attributes:
        ended: Set to end the server.
    """

    def __init__(self, app: FastAPI) -> None:
        super().__init__(app)
        self.ended = asyncio.Event()

    async def main_loop(self) -> None:
        """Serve until the end."""
        await self.on_tick(0)  # Sets the headers of all responses.
        await self.ended.wait()


class Browser(httpx.Client):
    """A browser without scripts: it follows redirects, keeps cookies, and fills forms."""

    def submit(self, page: str, address: str, fields: dict[str, Any]) -> httpx.Response:
        """Submit a form with the CSRF token of ``page``."""
        found = re.search(r'name="csrf_token" value="([0-9a-f]+)"', self.get(page).text)
        assert found is not None, f"{page} has no form"
        return self.post(address, data={"csrf_token": found[1], **fields})

    def finish(self, page: str, address: str, fields: dict[str, Any]) -> httpx.Response:
        """Submit a form that starts a job and return the page with its result."""
        answer = self.submit(page, address, fields)
        job = answer.url.path
        if not job.startswith("/jobs/"):
            return answer  # No job was started.
        self.get(f"{job}/events")  # The stream ends with the job.
        return self.get(job)


@contextmanager
def running(
    home: Path,
    sandbox: SandboxServer,
    *,
    registry: SourceRegistry | None = None,
    arrange: Callable[[World], None] = lambda _: None,
    root_path: str = "",
) -> Iterator[World]:
    """Run the app in a thread for the duration of the block; its URL ends with the root path."""
    clock = MovableClock()
    listening = listen("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    environment = {
        "SMAPLY_METRICS_SUPPORT_CONTACT": SUPPORT,
        "SMAPLY_QUALTRICS_SANDBOX": sandbox.host,
    }
    settings = HostSettings.from_environment(home, url, environment, root_path=root_path)
    app = create_app(settings, clock=clock, registry=registry)
    server = PromptServer(app)
    loops: list[asyncio.AbstractEventLoop] = []

    async def serve() -> None:
        loops.append(asyncio.get_running_loop())
        await server.serve([listening])

    thread = threading.Thread(target=asyncio.run, args=(serve(),), name="app")
    thread.start()
    try:
        until = time.monotonic() + SECONDS
        while not server.started:
            assert thread.is_alive(), "the app did not start"
            assert time.monotonic() < until, "the app took too long to start"
            thread.join(0.01)
        world = World(settings.address, sandbox, clock, app, app.state.app_state, loops[0])
        arrange(world)
        yield world
        world.close()
    finally:
        server.should_exit = True
        if server.started:
            loops[0].call_soon_threadsafe(server.ended.set)
        thread.join(SECONDS)
