"""The seam for sign-in: who a request comes from.

This host signs people in with one-time links. A real one brings its own way: it passes an object
with this one method to ``create_app``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from starlette.concurrency import run_in_threadpool

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection
    from starlette.responses import Response

    from smaply_metrics_host.settings import HostSettings
    from smaply_metrics_host.store.people import People, Session

COOKIE: Final = "smaply_session"


class Authentication(Protocol):
    """Says who a request comes from."""

    async def session(self, request: HTTPConnection) -> Session | None:
        """Give the signed-in person with the token of their forms, or None."""


class SessionAuthentication:
    """Sessions in a cookie that scripts cannot read and other sites' requests do not carry."""

    def __init__(self, people: People) -> None:
        self._people = people

    async def session(self, request: HTTPConnection) -> Session | None:
        """Look the cookie's session up."""
        token = request.cookies.get(COOKIE)
        return await run_in_threadpool(self._people.session, token) if token else None


def set_cookie(response: Response, token: str, settings: HostSettings) -> None:
    """Give the browser a session; it ends with the browser, or when the host says so."""
    response.set_cookie(
        COOKIE, token, httponly=True, samesite="lax", secure=settings.https, path="/"
    )


def clear_cookie(response: Response) -> None:
    """Take the session from the browser."""
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax")
