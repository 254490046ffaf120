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
SECURE_COOKIE: Final = f"__Host-{COOKIE}"
"""The name with HTTPS. Browsers accept it from this host alone, so that no other host of the domain
can sign people in to an account of its own."""
PREFIXED_COOKIE: Final = f"__Secure-{COOKIE}"
"""The name with HTTPS and a root path: browsers accept ``__Host-`` only for the whole host, and the
other apps of the host must not receive the cookie."""


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
        token = session_token(request)
        return await run_in_threadpool(self._people.session, token) if token else None


def cookie_name(settings: HostSettings) -> str:
    """Return the name of the session cookie."""
    if not settings.https:
        return COOKIE
    return PREFIXED_COOKIE if settings.root_path else SECURE_COOKIE


def session_token(request: HTTPConnection) -> str:
    """Return the session token of a request; empty if it has none."""
    settings: HostSettings = request.app.state.app_state.settings
    return request.cookies.get(cookie_name(settings), "")


def set_cookie(response: Response, token: str, settings: HostSettings) -> None:
    """Set the session cookie, which expires with the browser session."""
    response.set_cookie(
        cookie_name(settings),
        token,
        httponly=True,
        samesite="lax",
        secure=settings.https,
        path=_cookie_path(settings),
    )


def clear_cookie(response: Response, settings: HostSettings) -> None:
    """Delete the session cookie."""
    response.delete_cookie(
        cookie_name(settings),
        path=_cookie_path(settings),
        secure=settings.https,
        httponly=True,
        samesite="lax",
    )


def _cookie_path(settings: HostSettings) -> str:
    return settings.root_path or "/"
