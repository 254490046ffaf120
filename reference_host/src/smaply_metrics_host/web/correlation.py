"""Correlation IDs of requests: from the proxy if it sends one, and in every response."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.datastructures import Headers, MutableHeaders

from smaply_metrics_core.host import correlated

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER: Final = "x-request-id"


class CorrelationMiddleware:
    """Gives what a request logs and queues the ID of its header ``X-Request-ID``, or a new one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        with correlated(Headers(scope=scope).get(HEADER)) as known:

            async def send_with_id(message: Message) -> None:
                if message["type"] == "http.response.start":
                    MutableHeaders(scope=message).setdefault(HEADER, known)
                await send(message)

            await self._app(scope, receive, send_with_id)
