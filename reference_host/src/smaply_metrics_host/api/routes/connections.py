"""Connections: the account's credentials for survey tools."""

from __future__ import annotations

from typing import Annotated

from fastapi import Response
from pydantic import Field, SecretStr, StringConstraints

from smaply_metrics_core.host import ConnectionView, DeletedConnection
from smaply_metrics_host.api.models import SOURCE_ID, ApiModel, ConnectionInPath, example
from smaply_metrics_host.api.responses import created, errors
from smaply_metrics_host.api.routing import PREFIX, Admin, Editor, api_router
from smaply_metrics_host.app_state import CurrentAppState
from smaply_metrics_host.web.json_body import LONGEST_TEXT

router = api_router("connections", "/connections")

MOST_VALUES = 50
MAX_NAME_LENGTH = 200

Values = Annotated[
    dict[str, Annotated[SecretStr, Field(max_length=LONGEST_TEXT)]],
    Field(
        max_length=MOST_VALUES,
        description="Values by field of the source's form. Secrets are encrypted and never "
        "returned.",
    ),
]


class Connect(ApiModel):
    """A source and the values of its form."""

    model_config = example(
        source="qualtrics",
        name="Europe",
        values={
            "base_url": "iad1.qualtrics.com",
            "api_token": "the-token-of-a-dedicated-account",
        },
    )

    source: Annotated[str, StringConstraints(pattern=SOURCE_ID)]
    name: Annotated[
        str,
        Field(
            max_length=MAX_NAME_LENGTH,
            description="A name that is unique in the account; by default the title of the source. "
            "The second connection to a source requires one.",
        ),
    ] = ""
    values: Values


class NewName(ApiModel):
    """The new name of a connection."""

    model_config = example(name="Europe")

    name: Annotated[str, Field(max_length=MAX_NAME_LENGTH)]


class NewValues(ApiModel):
    """The fields to change. Other fields keep their values."""

    model_config = example(values={"api_token": "the-new-token-of-the-account"})

    values: Values


@router.get("")
async def list_connections(app_state: CurrentAppState, editor: Editor) -> list[ConnectionView]:
    """List the account's connections."""
    return list(await app_state.metrics.connections.list(editor.actor))


@router.post(
    "",
    status_code=201,
    responses=created(201, "show_connection", "connection_id") | errors(404, 409, 502),
)
async def connect(
    app_state: CurrentAppState, admin: Admin, body: Connect, response: Response
) -> ConnectionView:
    """Connect a source.

    The values are checked against the survey tool first, which can take a minute. If a required
    step fails, nothing is stored and the response is 422 with the problem of that step. If another
    step fails, the connection is stored with a warning.
    """
    view = await app_state.metrics.connections.connect(
        admin.actor, body.source, body.values, name=body.name
    )
    response.headers["location"] = f"{PREFIX}/connections/{view.id}"
    return view


@router.get("/{connection_id}", responses=errors(409))
async def show_connection(
    app_state: CurrentAppState, editor: Editor, connection_id: ConnectionInPath
) -> ConnectionView:
    """Get a connection.

    Only Admins see its fields, with masked secrets.
    """
    return await app_state.metrics.connections.show(editor.actor, connection_id)


@router.post("/{connection_id}/check", responses=errors(409, 502))
async def check_connection(
    app_state: CurrentAppState, admin: Admin, connection_id: ConnectionInPath
) -> ConnectionView:
    """Check a connection.

    A failing connection still returns 200; see `problem`.
    """
    return await app_state.metrics.connections.check(admin.actor, connection_id)


@router.patch("/{connection_id}", responses=errors(409, 502))
async def edit_connection(
    app_state: CurrentAppState, admin: Admin, connection_id: ConnectionInPath, body: NewValues
) -> ConnectionView:
    """Update the fields of a connection.

    The new values are checked first; if a required step fails, the old values stay in use. Changing
    a field that determines where secrets are sent requires the secrets again.
    """
    return await app_state.metrics.connections.edit(admin.actor, connection_id, body.values)


@router.post("/{connection_id}/rename", responses=errors(409))
async def rename_connection(
    app_state: CurrentAppState, admin: Admin, connection_id: ConnectionInPath, body: NewName
) -> ConnectionView:
    """Rename a connection.

    Names are unique in the account, ignoring case.
    """
    return await app_state.metrics.connections.rename(admin.actor, connection_id, body.name)


@router.delete("/{connection_id}", responses=errors(409))
async def delete_connection(
    app_state: CurrentAppState, admin: Admin, connection_id: ConnectionInPath
) -> DeletedConnection:
    """Delete a connection and its credentials.

    Its metrics keep their latest value but are no longer refreshed. The response lists them.
    """
    return await app_state.metrics.connections.delete(admin.actor, connection_id)
