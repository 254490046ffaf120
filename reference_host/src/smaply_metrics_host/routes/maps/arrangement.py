"""Arrange a journey map: move and duplicate stages and lanes, undo a removal."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from smaply_metrics_host.app_state import CurrentAppState
from smaply_metrics_host.dependencies import CheckedForm, Editor
from smaply_metrics_host.routes.maps.structure import ONE, AtPart, back_to_editing
from smaply_metrics_host.store.map_rows import no_such
from smaply_metrics_host.web.forms import texts, whole

router = APIRouter(prefix="/maps/{map_id}", include_in_schema=False)
parts: Final = APIRouter(prefix="/{part}/{part_id}")


@parts.get("/move")
async def choose_place(
    request: Request, app_state: CurrentAppState, person: Editor, at: AtPart
) -> Response:
    """Show the places to which a stage or lane can be moved."""
    journey = await run_in_threadpool(app_state.maps.show, person.account, at.map_id)
    known = journey.stages if at.part == "stages" else journey.lanes
    moved = next((one for one in known if one.id == at.part_id), None)
    if moved is None:
        raise no_such(ONE[at.part])
    return app_state.templates.page(
        request, "part_move.html", journey=journey, axis=at.part, parts=known, moved=moved
    )


@parts.post("/move")
async def move(
    app_state: CurrentAppState, person: Editor, form: CheckedForm, at: AtPart
) -> Response:
    """Move a stage or lane before another one, or to the end."""
    before = texts(form).get("before", "")
    await run_in_threadpool(
        app_state.arrangement.move, person.account, at.map_id, at.part, at.part_id, before
    )
    return back_to_editing(app_state, person, at.map_id, at.part_id)


@parts.post("/duplicate")
async def duplicate(
    app_state: CurrentAppState, person: Editor, _form: CheckedForm, at: AtPart
) -> Response:
    """Add a copy of a stage or lane, with its texts and cards, after it."""
    copy = await run_in_threadpool(
        app_state.arrangement.duplicate, person.account, at.map_id, at.part, at.part_id
    )
    return back_to_editing(app_state, person, at.map_id, copy)


@router.post("/undo")
async def undo(
    app_state: CurrentAppState, person: Editor, form: CheckedForm, map_id: str
) -> Response:
    """Restore the latest removal."""
    removal = whole(texts(form).get("removal", ""))
    restored = await run_in_threadpool(
        app_state.removals.undo, person.account, map_id, removal or 0
    )
    return back_to_editing(app_state, person, map_id, restored)


router.include_router(parts)
