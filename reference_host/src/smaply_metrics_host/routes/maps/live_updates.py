"""How an open map hears of changes: a stream of events, or asking again where there is none."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from smaply_metrics_host.app_state import CurrentAppState
from smaply_metrics_host.dependencies import SignedIn, Viewer
from smaply_metrics_host.rendering.map_renderer import MapRenderer, RenderedMap

router = APIRouter(prefix="/maps/{map_id}", include_in_schema=False)


@router.get("/events")
async def events(
    request: Request, app_state: CurrentAppState, session: SignedIn, map_id: str
) -> Response:
    """Stream the changes of a map's cards, while the session lasts."""
    account = session.person.account
    await run_in_threadpool(app_state.maps.show, account, map_id)

    async def still_allowed() -> bool:
        now = await app_state.authentication.session(request)
        return now is not None and now.person.account == account

    return app_state.streams.answer(
        session.person, app_state.live_updates.follow(account, map_id, still_allowed)
    )


@router.get("/cards")
async def cards(
    app_state: CurrentAppState, person: Viewer, map_id: str, have: Annotated[str, Query()] = ""
) -> Response:
    """Give the parts of a map that changed.

    Args:
        app_state: The parts of the host.
        person: Who asks.
        map_id: Which map.
        have: The versions of the parts that the page has, separated by commas.
    """
    view = await app_state.map_renderer.view(person.account, map_id, refresh=False)
    parts = await run_in_threadpool(_changed, app_state.map_renderer, view, set(have.split(",")))
    return JSONResponse(
        {"structure": view.structure, "refreshing": view.refreshing, "parts": parts}
    )


def _changed(views: MapRenderer, view: RenderedMap, known: set[str]) -> list[dict[str, str]]:
    return [
        {"id": part, "version": version, "html": views.html(view, part)}
        for part, version in view.versions.items()
        if version not in known
    ]
