"""Security middleware: response headers, same-origin requests, limits of request bodies."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, PlainTextResponse

from smaply_metrics_core.host import Audience, Blame, Problem
from smaply_metrics_host.web.root_path import app_path

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
HEADERS: Final = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
API: Final = "/api/"
SHARED: Final = "/shared/"
SHARED_HEADERS: Final = {"referrer-policy": "no-referrer", "x-robots-tag": "noindex, nofollow"}
"""For addresses with the token of a share link, which must reach neither sites nor indexes."""
LONGEST_LENGTH: Final = 20
SAFE: Final = {"GET", "HEAD", "OPTIONS"}
MOST_BYTES: Final = 20 * 1024 * 1024
"""Limit of a request body; uploaded files are the largest."""
TOO_LARGE: Final = "The request is larger than 20 MiB."
BODY_SECONDS: Final = 300.0
"""Enough for the largest file over a slow connection."""
TOO_SLOW: Final = "The request did not arrive in time."


def headers_for(path: str, *, https: bool) -> dict[str, str]:
    """Return the headers of every response below a path that does not set them itself."""
    headers = {**HEADERS, "cache-control": "no-store"}
    if path.startswith(SHARED):
        headers |= SHARED_HEADERS
    return headers | {"strict-transport-security": "max-age=31536000"} if https else headers


class SecurityMiddleware:
    """Rejects cross-site and oversized requests, and adds security headers to responses.

    Browsers send the origin of a cross-site form, so this also protects a route that does not
    check the CSRF token, such as sign-in. A request without any of these headers is not from a
    browser that could be misled.

    Args:
        app: The app to protect.
        public_url: The URL at which browsers reach the host.
        body_seconds: How long a request body may take to arrive.
    """

    def __init__(self, app: ASGIApp, public_url: str, body_seconds: float = BODY_SECONDS) -> None:
        self._app = app
        self._body_seconds = body_seconds
        self._https = public_url.startswith("https://")
        self._host = urlsplit(public_url).netloc

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)

        async def send_protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                for name, value in headers_for(app_path(scope), https=self._https).items():
                    answer.setdefault(name, value)
            await send(message)

        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await refusal(scope, receive, send_protected)
            return
        await self._app(scope, _limited(receive, self._body_seconds), send_protected)

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        length = headers.get("content-length", "0")
        if not length.isdecimal() or len(length) > LONGEST_LENGTH or int(length) > MOST_BYTES:
            return _refused(scope, 413, TOO_LARGE, "Send a smaller request.")
        if scope["method"] in SAFE:
            return None
        site = headers.get("sec-fetch-site", "same-origin")
        origin = headers.get("origin", headers.get("referer"))  # Old browsers send only the latter.
        other = origin is not None and _host_of(origin) not in {self._host, headers.get("host")}
        if other or site not in {"same-origin", "none"}:
            remedy = "Send it from a page of this host, or from a client that is not a browser."
            return _refused(scope, 403, "This request comes from another site.", remedy)
        return None


def _host_of(url: str) -> str:
    try:
        return urlsplit(url).netloc
    except ValueError:  # Such as an unclosed bracket of an IPv6 address.
        return ""


def _refused(scope: Scope, status: int, message: str, remedy: str) -> Response:
    if not app_path(scope).startswith(API):
        return PlainTextResponse(message, status)
    problem = Problem(
        kind="refused",
        message=message,
        remedy=remedy,
        blame=Blame.CONFIGURATION,
        audience=Audience.VIEWER,
    )
    return JSONResponse(problem.model_dump(mode="json"), status)


def _limited(receive: Receive, seconds: float) -> Receive:
    """Limit the size of a body without a content length, and the time that a body may take."""
    taken, over = 0, False
    until: float | None = None

    async def counted() -> Message:
        nonlocal taken, over, until
        if over:  # Only the disconnect message follows the body, at any time.
            return await receive()
        until = until or asyncio.get_running_loop().time() + seconds
        try:
            async with asyncio.timeout_at(until):
                message = await receive()
        except TimeoutError:
            raise HTTPException(408, TOO_SLOW) from None
        taken += len(message.get("body", b""))
        if taken > MOST_BYTES:
            raise HTTPException(413, TOO_LARGE)
        over = not message.get("more_body", False)
        return message

    return counted
