"""Authentication of requests.

This host signs people in with one-time links. To use another sign-in, pass an implementation of
``Authentication`` to ``create_app``.
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
    """Identifies the person who makes a request."""

    async def session(self, request: HTTPConnection) -> Session | None:
        """Return the signed-in person with their CSRF token, or None."""


class SessionAuthentication:
    """Sessions in a cookie that is ``HttpOnly`` and ``SameSite=Lax``."""

    def __init__(self, people: People) -> None:
        self._people = people

    async def session(self, request: HTTPConnection) -> Session | None:
        """Return the session of the cookie, or None."""
        token = request.cookies.get(COOKIE)
        return await run_in_threadpool(self._people.session, token) if token else None


def set_cookie(response: Response, token: str, settings: HostSettings) -> None:
    """Set the session cookie, which expires with the browser session."""
    response.set_cookie(
        COOKIE, token, httponly=True, samesite="lax", secure=settings.https, path="/"
    )


def clear_cookie(response: Response) -> None:
    """Delete the session cookie."""
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax")
