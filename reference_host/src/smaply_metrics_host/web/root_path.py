"""A path prefix: the app is below ``/metrics`` of a host, say, and not at its root.

The reverse proxy passes the prefix on. Addresses inside the app have none: a route, a redirect, the
result of a job. The prefix is added where an address leaves the app: in the header ``Location``
here, in JSON by ``with_root``, and in pages by the templates' variable ``root``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.datastructures import MutableHeaders
from starlette.responses import RedirectResponse

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection
    from starlette.types import ASGIApp, Message, Receive, Scope, Send


def with_root(connection: HTTPConnection, address: str) -> str:
    """Return the address of a page for a browser; an empty address stays empty."""
    root: str = connection.scope.get("root_path", "")
    return root + address if address else ""


def app_path(scope: Scope) -> str:
    """Return the path of a request inside of the app, without the root path."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    return path.removeprefix(root) if root and path.startswith(f"{root}/") else path


class RootPathMiddleware:
    """Declares the root path to the app, and adds it to redirects.

    Requests without the prefix are handled too, so that probes can call the process directly.

    Args:
        app: The app.
        root_path: The prefix, without a trailing slash; empty for none.
    """

    def __init__(self, app: ASGIApp, root_path: str) -> None:
        self._app = app
        self._root = root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http" or not self._root:
            await self._app(scope, receive, send)
            return
        if scope["path"] == self._root:
            await RedirectResponse(f"{self._root}/", 308)(scope, receive, send)
            return
        # Changed in place, as FastAPI does: the handler of unexpected errors is further outside.
        scope["root_path"] = self._root

        async def send_prefixed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                location = headers.get("location", "")
                if location.startswith("/") and not location.startswith("//"):
                    headers["location"] = self._root + location
            await send(message)

        await self._app(scope, receive, send_prefixed)
