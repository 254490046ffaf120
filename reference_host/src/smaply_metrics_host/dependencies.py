"""Dependencies of routes: the signed-in person, the required role, the validated form."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends, Query, Request
from starlette.datastructures import FormData

from smaply_metrics_core.host import Audience, InputError, MetricsError, NotFound, Role
from smaply_metrics_host.app_state import AppState
from smaply_metrics_host.rendering.refresh_answer import RefreshAnswer
from smaply_metrics_host.store.people import Person, Session
from smaply_metrics_host.web import csrf
from smaply_metrics_host.web.json_body import BodyTooLarge

MOST_CHARACTERS: Final = 200_000


class NotSignedIn(MetricsError):
    """The request has no valid session."""

    kind = "not_signed_in"
    audience = Audience.VIEWER


class FormExpired(InputError):
    """A form does not carry the CSRF token of the session."""

    kind = "form_expired"


class SignInLinkInvalid(InputError):
    """A sign-in link has expired, was used, or never existed."""


class ShareLinkInvalid(NotFound):
    """A share link has expired, was revoked, or never existed."""


async def signed_in(request: Request) -> Session:
    """Return the session of a request.

    Raises:
        NotSignedIn: if it has none.
    """
    app_state: AppState = request.app.state.app_state
    session = await app_state.authentication.session(request)
    if session is None:
        raise NotSignedIn("You are not signed in.", remedy="Open your sign-in link.")
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
    """Check the CSRF token of a form.

    Raises:
        FormExpired: if it is not the session's.
    """
    if not csrf.matches(given, session.csrf):
        raise FormExpired(
            "This form has expired, because you signed in again after opening it.",
            remedy="Go back, reload the page and submit the form again.",
        )


@dataclass(frozen=True)
class FormLimits:
    """How large a form may be.

    Attributes:
        fields: The maximum number of its fields.
        characters: In all texts together, because drafts of forms are stored in memory.
    """

    fields: int = 500
    characters: int = MOST_CHARACTERS


def checked_form(limits: FormLimits) -> Callable[[Request, SignedIn], AsyncIterator[FormData]]:
    """Return the dependency of a route on a form with a valid CSRF token."""

    async def form_of(request: Request, session: SignedIn) -> AsyncIterator[FormData]:
        # Closing the form also closes its uploaded file.
        async with request.form(max_fields=limits.fields, max_files=1) as form:
            token = request.headers.get(csrf.HEADER) or form.get(csrf.FIELD, "")
            check_token(session, token if isinstance(token, str) else "")
            written = sum(len(text) for _, text in form.multi_items() if isinstance(text, str))
            if written > limits.characters:
                raise BodyTooLarge(
                    "The form contains too much text.",
                    remedy=f"Use up to {limits.characters:,} characters in all fields together.",
                )
            yield form

    return form_of


CheckedForm = Annotated[FormData, Depends(checked_form(FormLimits()))]
"""A form with a valid CSRF token; every POST route of a page requires one."""


async def _refresh_answer(answer: Annotated[RefreshAnswer, Query()]) -> RefreshAnswer:
    return answer


AnswerInQuery = Annotated[RefreshAnswer, Depends(_refresh_answer)]
"""The answer to “Refresh now” in the query of the page that shows it; empty without one."""
