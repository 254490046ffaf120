"""Account settings → Integrations: the installed sources and their connections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from smaply_metrics_core.host import ConnectionView, Role, SourceState, SourceStatus
from smaply_metrics_host.app_state import CurrentAppState
from smaply_metrics_host.dependencies import Editor

if TYPE_CHECKING:
    from collections.abc import Iterable

router = APIRouter(prefix="/settings", include_in_schema=False)


@dataclass(frozen=True)
class Tool:
    """A source as the page lists it.

    Attributes:
        installed: The entry point; ``None`` if the source is no longer installed.
        connection: A connection of the account; ``None`` if it has none to this source.
        may_add: Whether another connection can be added here: only after the last one.
    """

    id: str
    title: str
    installed: SourceState | None
    connection: ConnectionView | None
    may_add: bool = False

    @property
    def usable(self) -> bool:
        """Whether it can be connected."""
        return self.installed is not None and self.installed.state is SourceStatus.OK


@router.get("")
async def settings(_person: Editor) -> Response:
    """Redirect to the first part of Account settings."""
    return RedirectResponse("/settings/integrations", 303)


@router.get("/integrations")
async def integrations(
    request: Request,
    app_state: CurrentAppState,
    person: Editor,
    deleted: Annotated[str, Query()] = "",
) -> Response:
    """List the sources with their status."""
    states = await app_state.metrics.sources.states(load=True)
    connections = await app_state.metrics.connections.list(person.actor)
    tools = listed(states, connections)
    people = await run_in_threadpool(app_state.people.of_account, person.account)
    return app_state.templates.page(
        request,
        "integrations.html",
        tools=tools,
        admins=[one.name for one in people if one.role is Role.ADMIN],
        deleted=next((one for one in tools if one.id == deleted), None),
    )


def listed(
    states: Iterable[SourceState], connections: Iterable[ConnectionView]
) -> tuple[Tool, ...]:
    """Return the sources with their connections, by title, unusable ones last.

    If several entry points claim one id, the connections belong to the usable one.
    """
    left: dict[str, list[ConnectionView]] = {}
    for view in connections:
        left.setdefault(view.source, []).append(view)
    tools: list[Tool] = []
    for state in sorted(states, key=lambda one: one.state is not SourceStatus.OK):
        tools += _tools(state, left.pop(state.id, []))
    tools += [
        Tool(view.source, view.label, None, view) for views in left.values() for view in views
    ]
    # Sorting is stable, so the connections of a source stay in the order of their creation.
    return tuple(
        sorted(
            tools,
            key=lambda one: (
                not (one.usable or one.connection),
                (one.connection.title if one.connection else one.title).casefold(),
            ),
        )
    )


def _tools(state: SourceState, views: list[ConnectionView]) -> list[Tool]:
    if not views:
        return [Tool(state.id, state.title, state, None)]
    return [Tool(state.id, view.label, state, view, may_add=view is views[-1]) for view in views]
