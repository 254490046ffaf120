"""Who asks: the signed-in person of a request, the role that a route needs, a checked form."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, Final

from fastapi import Depends, Request
from starlette.datastructures import FormData

from smaply_metrics_core.host import InputError, MetricsError, Role
from smaply_metrics_host.app_state import AppState
from smaply_metrics_host.store.people import Person, Session
from smaply_metrics_host.web import csrf
from smaply_metrics_host.web.json_body import BodyTooLarge

MOST_FIELDS: Final = 500
MOST_CHARACTERS: Final = 200_000
"""In all texts of a form together: forms are put aside, many at a time."""


class NotSignedIn(MetricsError):
    """Nobody is signed in."""

    kind = "not_signed_in"


class FormExpired(InputError):
    """A form without the token of its session: it is old, or another site made it."""

    kind = "form_expired"


async def signed_in(request: Request) -> Session:
    """Give the session of a request.

    Raises:
        NotSignedIn: when it has none.
    """
    app_state: AppState = request.app.state.app_state
    session = await app_state.authentication.session(request)
    if session is None:
        raise NotSignedIn(
            "You are not signed in.", remedy="Open the sign-in link that you were given."
        )
    request.state.session = session
    return session


SignedIn = Annotated[Session, Depends(signed_in)]


def _with_role(role: Role, what: str) -> Callable[[SignedIn], Awaitable[Person]]:
    async def person(session: SignedIn) -> Person:
        session.person.actor.require(role, what)
        return session.person

    return person


Viewer = Annotated[Person, Depends(_with_role(Role.VIEWER, "This page"))]
Editor = Annotated[Person, Depends(_with_role(Role.EDITOR, "This page"))]
Admin = Annotated[Person, Depends(_with_role(Role.ADMIN, "This page"))]


def check_token(session: Session, given: str) -> None:
    """Let pass what carries the session's token.

    Raises:
        FormExpired: when it does not.
    """
    if not csrf.matches(given, session.csrf):
        raise FormExpired(
            "This form is no longer good: you have signed in anew since it was made.",
            remedy="Go back, reload the page, and send it again.",
        )


async def _checked_form(request: Request, session: SignedIn) -> AsyncIterator[FormData]:
    # Closed at the end, with the file in it that was uploaded.
    async with request.form(max_fields=MOST_FIELDS, max_files=1) as form:
        token = request.headers.get(csrf.HEADER) or form.get(csrf.FIELD, "")
        check_token(session, token if isinstance(token, str) else "")
        written = sum(len(text) for _, text in form.multi_items() if isinstance(text, str))
        if written > MOST_CHARACTERS:
            raise BodyTooLarge(
                "There is too much text in the form.",
                remedy=f"Use up to {MOST_CHARACTERS:,} characters in all of its fields together.",
            )
        yield form


CheckedForm = Annotated[FormData, Depends(_checked_form)]
"""A form that was sent from a page of this session; every POST of a page takes one."""
