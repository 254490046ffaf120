"""The signed-in person and the CSRF token."""

from __future__ import annotations

from fastapi import Request
from pydantic import Field

from smaply_metrics_host.api.models import ApiModel
from smaply_metrics_host.api.routes.people import PersonView
from smaply_metrics_host.api.routing import Viewer, api_router
from smaply_metrics_host.web import csrf

router = api_router("session", "/session")


class SessionView(ApiModel):
    """The signed-in person and their account."""

    person: PersonView
    account: str
    csrf_token: str = Field(
        description="The value of the header X-CSRF-Token, which all changes require. Valid until "
        "the session ends."
    )


@router.get("")
async def show_session(request: Request, person: Viewer) -> SessionView:
    """Get the signed-in person.

    Start here. Returns the CSRF token that all changes require, or 401 without a session.
    """
    return SessionView(
        person=PersonView.of(person),
        account=person.account,
        csrf_token=csrf.masked(request.state.session.csrf),
    )
