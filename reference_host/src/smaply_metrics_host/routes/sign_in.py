"""Sign in with a one-time link, and sign out."""

from __future__ import annotations

import re
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from smaply_metrics_host.app_state import AppState, CurrentAppState
from smaply_metrics_host.dependencies import CheckedForm, SignInLinkInvalid
from smaply_metrics_host.web.authentication import clear_cookie, session_token, set_cookie

router = APIRouter(include_in_schema=False)

Next = Annotated[str, Query(alias="next")]
PREFETCHES: Final = {"prefetch", "preview", "prerender"}
OWN_PAGE: Final = re.compile(r"(?:/[A-Za-z0-9_-]+)+")
"""The redirect targets that a link may name: paths on this host."""


@router.get("/sign-in")
async def explain(request: Request, app_state: CurrentAppState) -> Response:
    """Explain how to sign in."""
    return app_state.templates.page(request, "sign_in.html", invited=None)


@router.get("/sign-in/{token}")
async def follow(
    request: Request,
    app_state: CurrentAppState,
    token: str,
    to: Next = "/",
    *,
    at_once: bool = False,
) -> Response:
    """Show a confirmation, so that neither link scanners nor other sites use the link.

    ``at_once`` signs in without it, in a demo only, and only if the person opened the link outside
    the browser or typed it.
    """
    direct = app_state.settings.demo and at_once and _is_opened_directly(request)
    if not direct or await app_state.authentication.session(request) is not None:
        person = await run_in_threadpool(app_state.people.invited, token)
        if person is None:
            raise _link_not_valid()
        return app_state.templates.page(request, "sign_in.html", invited=person)
    return await _enter(request, app_state, token, to)


@router.post("/sign-in/{token}")
async def enter(
    request: Request, app_state: CurrentAppState, token: str, to: Next = "/"
) -> Response:
    """Sign in after the confirmation; the token in the URL replaces the CSRF token."""
    return await _enter(request, app_state, token, to)


@router.post("/sign-out")
async def leave(request: Request, app_state: CurrentAppState, _form: CheckedForm) -> Response:
    """End the session."""
    await run_in_threadpool(app_state.people.sign_out, session_token(request))
    response = RedirectResponse("/sign-in", 303)
    clear_cookie(response, app_state.settings)
    return response


def _is_opened_directly(request: Request) -> bool:
    """Whether the person opened this address: from no page, and not ahead of time.

    A link on another page could sign people in to the account of its author. A browser that does
    not send fetch metadata gets the confirmation.
    """
    headers = request.headers
    purpose = headers.get("sec-purpose", headers.get("purpose", ""))
    return (
        headers.get("sec-fetch-site") == "none"
        and headers.get("sec-fetch-mode") == "navigate"
        and not PREFETCHES & set(purpose.replace(";", " ").split())
    )


async def _enter(request: Request, app_state: AppState, token: str, to: str) -> Response:
    session = await run_in_threadpool(app_state.people.sign_in, token)
    if session is None:
        raise _link_not_valid()
    # End the previous session of this browser.
    await run_in_threadpool(app_state.people.sign_out, session_token(request))
    response = RedirectResponse(to if OWN_PAGE.fullmatch(to) else "/", 303)
    set_cookie(response, session, app_state.settings)
    return response


def _link_not_valid() -> SignInLinkInvalid:
    return SignInLinkInvalid(
        "This sign-in link has expired or was already used.",
        remedy="Ask an Admin of your account for a new link.",
    )
