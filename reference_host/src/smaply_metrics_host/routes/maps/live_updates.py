"""Live updates of an open map: a stream of events, or polling where streams do not work."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from smaply_metrics_host.app_state import AppState, CurrentAppState
from smaply_metrics_host.dependencies import SignedIn, Viewer
from smaply_metrics_host.map_readers import MapReader
from smaply_metrics_host.rendering.map_renderer import MapRenderer, RenderedMap

router = APIRouter(prefix="/maps/{map_id}", include_in_schema=False)


@router.get("/events")
async def events(
    request: Request, app_state: CurrentAppState, session: SignedIn, map_id: str
) -> Response:
    """Stream the changes of a map's cards until the session ends."""
    account = session.person.account
    await run_in_threadpool(app_state.maps.show, account, map_id)

    async def current_reader() -> MapReader | None:
        current = await app_state.authentication.session(request)
        if current is None or current.person.account != account:
            return None
        return current.person.role

    follower = app_state.live_updates.follow(account, map_id, session.person.role, current_reader)
    return app_state.streams.answer((account, session.person.id), follower)


@router.get("/cards")
async def cards(
    app_state: CurrentAppState, person: Viewer, map_id: str, have: Annotated[str, Query()] = ""
) -> Response:
    """Return the parts of a map that changed.

    Args:
        app_state: The services of the app.
        person: The signed-in person.
        map_id: The id of the map.
        have: The versions of the parts that the page shows, separated by commas.
    """
    view = await app_state.map_renderer.view(person.account, map_id, person.role, refresh=False)
    return await changed_parts(app_state, view, have)


async def changed_parts(app_state: AppState, view: RenderedMap, have: str) -> Response:
    """Return the response with the parts of a map that changed; see ``cards``."""
    parts = await run_in_threadpool(_changed, app_state.map_renderer, view, set(have.split(",")))
    return JSONResponse(
        {"structure": view.structure, "refreshing": view.refreshing, "parts": parts}
    )


def _changed(renderer: MapRenderer, view: RenderedMap, known: set[str]) -> list[dict[str, str]]:
    return [
        {"id": part, "version": version, "html": renderer.html(view, part)}
        for part, version in view.versions.items()
        if version not in known
    ]
