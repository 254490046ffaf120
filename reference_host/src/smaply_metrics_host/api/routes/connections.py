"""Connections: the credentials with which an account reaches a source."""

from __future__ import annotations

from typing import Annotated

from fastapi import Response
from pydantic import Field, StringConstraints

from smaply_metrics_core.host import ConnectionView, DeletedConnection
from smaply_metrics_host.api.models import SOURCE_ID, ApiModel, ConnectionInPath, example
from smaply_metrics_host.api.responses import made, refused
from smaply_metrics_host.api.routing import PREFIX, Admin, Editor, api_router
from smaply_metrics_host.app_state import CurrentAppState
from smaply_metrics_host.web.json_body import LONGEST_TEXT

router = api_router("connections", "/connections")

MOST_VALUES = 50

Values = Annotated[
    dict[str, Annotated[str, StringConstraints(max_length=LONGEST_TEXT)]],
    Field(
        max_length=MOST_VALUES,
        description="By field of the source's form, what was typed. Secrets are sealed, and never "
        "given again.",
    ),
]


class Connect(ApiModel):
    """A source, and what its form asks for."""

    model_config = example(
        source="qualtrics",
        values={
            "base_url": "iad1.qualtrics.com",
            "api_token": "the-token-of-a-dedicated-account",
        },
    )

    source: Annotated[str, StringConstraints(pattern=SOURCE_ID)]
    values: Values


class NewValues(ApiModel):
    """The fields that get a new value; the others stay as they are."""

    model_config = example(values={"api_token": "the-new-token-of-the-account"})

    values: Values


@router.get("")
async def list_connections(app_state: CurrentAppState, editor: Editor) -> list[ConnectionView]:
    """List the account's connections; one that cannot be opened says so itself."""
    return list(await app_state.metrics.connections.list(editor.actor))


@router.post(
    "",
    status_code=201,
    responses=made(201, "show_connection", "connection_id") | refused(404, 409, 502),
)
async def connect(
    app_state: CurrentAppState, admin: Admin, body: Connect, response: Response
) -> ConnectionView:
    """Connect a source.

    The values are checked against the survey tool first, which takes up to a minute. When a
    required step fails, nothing is stored and the answer is 422 with that step's problem; when one
    that is not required does, the connection is made with a warning.
    """
    view = await app_state.metrics.connections.connect(admin.actor, body.source, body.values)
    response.headers["location"] = f"{PREFIX}/connections/{view.id}"
    return view


@router.get("/{connection_id}")
async def show_connection(
    app_state: CurrentAppState, editor: Editor, connection_id: ConnectionInPath
) -> ConnectionView:
    """Show a connection. Admins see its fields, secrets masked."""
    return await app_state.metrics.connections.show(editor.actor, connection_id)


@router.post("/{connection_id}/check", responses=refused(502))
async def check_connection(
    app_state: CurrentAppState, admin: Admin, connection_id: ConnectionInPath
) -> ConnectionView:
    """Check a connection again.

    One that does not work is no error of this call: the answer's ``problem`` says what is wrong.
    """
    return await app_state.metrics.connections.check(admin.actor, connection_id)


@router.patch("/{connection_id}", responses=refused(409, 502))
async def edit_connection(
    app_state: CurrentAppState, admin: Admin, connection_id: ConnectionInPath, body: NewValues
) -> ConnectionView:
    """Give fields of a connection new values.

    They are checked as when connecting; until that has passed, the old ones stay in use. A field
    that decides where secrets are sent needs the secrets again.
    """
    return await app_state.metrics.connections.edit(admin.actor, connection_id, body.values)


@router.delete("/{connection_id}")
async def delete_connection(
    app_state: CurrentAppState, admin: Admin, connection_id: ConnectionInPath
) -> DeletedConnection:
    """Destroy a connection's credentials.

    Its metrics keep their last value and no longer refresh: the answer names them.
    """
    return await app_state.metrics.connections.delete(admin.actor, connection_id)
