"""Journey maps: the list and the page of a map."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from smaply_metrics_host.app_state import AppState, CurrentAppState
from smaply_metrics_host.dependencies import AnswerInQuery, CheckedForm, Editor, Viewer
from smaply_metrics_host.rendering.first_steps import first_steps, proposes_zone
from smaply_metrics_host.rendering.map_health import maps_health
from smaply_metrics_host.rendering.map_renderer import RenderedMap
from smaply_metrics_host.store.maps import add_default_parts
from smaply_metrics_host.store.people import Person
from smaply_metrics_host.web.forms import texts
from smaply_metrics_host.web.root_path import with_root

router = APIRouter(prefix="/maps", include_in_schema=False)


@router.get("")
async def list_maps(
    request: Request,
    app_state: CurrentAppState,
    person: Viewer,
    workspace: Annotated[str, Query()] = "",
) -> Response:
    """List the maps of all workspaces or of one."""
    workspaces = await run_in_threadpool(app_state.people.workspaces, person.account)
    maps = await run_in_threadpool(app_state.maps.list, person.account)
    chosen = next((one for one in workspaces if one.id == workspace), None)
    shown = [chosen] if chosen else workspaces
    return app_state.templates.page(
        request,
        "maps.html",
        workspaces=workspaces,
        chosen=chosen,
        shown=[(one, [m for m in maps if m.workspace == one.id]) for one in shown],
        any_map=bool(maps),
        health=await maps_health(app_state.metrics, app_state.card_placements, person.actor),
        steps=await first_steps(
            app_state.metrics,
            maps,
            person.actor,
            can_upload=await app_state.upload_storage.is_available(),
        ),
        proposes_zone=await proposes_zone(app_state.metrics, person.actor),
    )


@router.post("")
async def create(app_state: CurrentAppState, person: Editor, form: CheckedForm) -> Response:
    """Create a map, with default stages and lanes if requested."""
    given = texts(form)
    map_id = await run_in_threadpool(
        app_state.maps.add, person.account, given.get("workspace", ""), given.get("name", "")
    )
    if "usual" in given:
        await run_in_threadpool(add_default_parts, app_state.maps, person.account, map_id)
    return RedirectResponse(f"/maps/{map_id}/edit", 303)


@router.get("/{map_id}")
async def show(  # noqa: PLR0913, PLR0917  # What FastAPI passes by position.
    request: Request,
    app_state: CurrentAppState,
    person: Viewer,
    map_id: str,
    answer: AnswerInQuery,
    wall: Annotated[str, Query()] = "",
) -> Response:
    """Show a map with its stored values, and refresh due metrics in the background.

    Args:
        request: The request.
        app_state: The services of the app.
        person: The signed-in person.
        map_id: The id of the map.
        answer: The answer to “Refresh now”, if that led here.
        wall: ``1`` shows the page for a screen on a wall: large, and without navigation.
    """
    view = await app_state.map_renderer.view(person.account, map_id, person.role, refresh=True)
    app_state.live_updates.nudge(person.account, map_id)
    if wall == "1":
        return await run_in_threadpool(_wall, request, app_state, view)
    texts = answer.texts(view.zone, app_state.clock.now())
    return await run_in_threadpool(_page, request, app_state, person, view, texts)


@router.post("/{map_id}/refresh")
async def refresh(
    app_state: CurrentAppState, person: Editor, _form: CheckedForm, map_id: str
) -> Response:
    """Refresh all cards of the map now, and state what happens."""
    answer = await app_state.map_renderer.refresh_now(person.actor, map_id)
    app_state.live_updates.nudge(person.account, map_id)
    return RedirectResponse(f"/maps/{map_id}?{answer.query()}", 303)


def _page(
    request: Request, app_state: AppState, person: Person, view: RenderedMap, answer: Sequence[str]
) -> Response:
    workspaces = app_state.people.workspaces(person.account)
    several = {one.id: one.name for one in workspaces} if len(workspaces) > 1 else {}
    return app_state.templates.page(
        request,
        "map.html",
        view=view,
        places=view.places(),
        html=partial(app_state.map_renderer.html, view),
        answer=answer,
        workspace=several.get(view.journey.workspace, ""),
    )


def _wall(request: Request, app_state: AppState, view: RenderedMap) -> Response:
    return app_state.templates.page(
        request,
        "map_bare.html",
        view=view,
        places=view.places(),
        html=partial(app_state.map_renderer.html, view),
        address=with_root(request, f"/maps/{view.journey.id}"),
        guest=False,
        wall=True,
    )
