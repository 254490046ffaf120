"""Who is signed in, and the token that their changes carry."""

from __future__ import annotations

from fastapi import Request
from pydantic import Field

from smaply_metrics_host.api.models import ApiModel
from smaply_metrics_host.api.routes.people import PersonView
from smaply_metrics_host.api.routing import Viewer, api_router
from smaply_metrics_host.web import csrf

router = api_router("session", "/session")


class SessionView(ApiModel):
    """Who asks, of which account."""

    person: PersonView
    account: str
    csrf_token: str = Field(
        description="What the header X-CSRF-Token of every change carries: each one that was "
        "given is good until the session ends."
    )


@router.get("")
async def show_session(request: Request, person: Viewer) -> SessionView:
    """Say who is signed in.

    Begin here: without a session this answers 401, and with one it gives the token that every
    change has to carry.
    """
    return SessionView(
        person=PersonView.of(person),
        account=person.account,
        csrf_token=csrf.masked(request.state.session.csrf),
    )
