"""Edit a journey map: its name, stages, lanes and texts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Final, Literal

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from smaply_metrics_host.app_state import AppState, CurrentAppState
from smaply_metrics_host.dependencies import CheckedForm, Editor
from smaply_metrics_host.store.map_conflicts import TextConflict
from smaply_metrics_host.store.map_models import Axis, Cell
from smaply_metrics_host.web.forms import texts
from smaply_metrics_host.web.root_path import app_path
from smaply_metrics_host.web.text import count

if TYPE_CHECKING:
    from smaply_metrics_host.store.people import Person

router = APIRouter(prefix="/maps/{map_id}", include_in_schema=False)
parts = APIRouter(prefix="/{part}/{part_id}")

ONE: Final[dict[Axis, Literal["stage", "lane"]]] = {"stages": "stage", "lanes": "lane"}


@dataclass(frozen=True)
class PartOfMap:
    """The path parameters of a stage or lane."""

    map_id: str
    part: Axis
    part_id: str


AtPart = Annotated[PartOfMap, Depends()]


@router.get("/edit")
async def edit(
    request: Request, app_state: CurrentAppState, person: Editor, map_id: str
) -> Response:
    """Show a map in edit mode."""
    view = await app_state.map_renderer.view(person.account, map_id, person.role, refresh=True)
    removal = await run_in_threadpool(app_state.removals.latest, person.account, map_id)
    return await run_in_threadpool(
        app_state.templates.page,
        request,
        "map_edit.html",
        view=view,
        places=view.places(),
        html=partial(app_state.map_renderer.html, view),
        removal=removal,
    )


@router.post("/name")
async def rename(
    request: Request, app_state: CurrentAppState, person: Editor, form: CheckedForm, map_id: str
) -> Response:
    """Rename a map."""
    given = texts(form)
    name, was = given.get("name", ""), given.get("was")
    try:
        await run_in_threadpool(app_state.maps.rename, person.account, map_id, name, was)
    except TextConflict as conflict:
        return _both_versions(request, app_state, map_id, conflict, {"name": name})
    return back_to_editing(app_state, person, map_id)


@router.get("/delete")
async def ask_to_delete(
    request: Request, app_state: CurrentAppState, person: Editor, map_id: str
) -> Response:
    """Confirm the deletion of a map."""
    journey = await run_in_threadpool(app_state.maps.show, person.account, map_id)
    return app_state.templates.page(
        request,
        "map_confirm.html",
        title=f"Delete “{journey.name}”?",
        text=_deleted_text(_counted(len(journey.texts), len(journey.cards))),
        action=f"/maps/{map_id}/delete",
        label="Delete map",
        back=f"/maps/{map_id}/edit",
    )


@router.post("/delete")
async def delete(
    app_state: CurrentAppState, person: Editor, _form: CheckedForm, map_id: str
) -> Response:
    """Delete a map; its metrics are not deleted."""
    await run_in_threadpool(app_state.maps.delete, person.account, map_id)
    app_state.live_updates.nudge(person.account, map_id)
    return RedirectResponse("/maps", 303)


@router.post("/stages")
async def add_stage(
    app_state: CurrentAppState, person: Editor, form: CheckedForm, map_id: str
) -> Response:
    """Add a stage before another one, or at the end."""
    given = texts(form)
    name, before = given.get("name", ""), given.get("before", "")
    stage = await run_in_threadpool(app_state.maps.add_stage, person.account, map_id, name, before)
    return back_to_editing(app_state, person, map_id, stage)


@router.post("/lanes")
async def add_lane(
    app_state: CurrentAppState, person: Editor, form: CheckedForm, map_id: str
) -> Response:
    """Add a lane above another one, or at the end, for texts by default."""
    given = texts(form)
    kind: Literal["data", "text"] = "data" if given.get("kind") == "data" else "text"
    name, before = given.get("name", ""), given.get("before", "")
    lane = await run_in_threadpool(
        app_state.maps.add_lane, person.account, map_id, name, kind, before
    )
    return back_to_editing(app_state, person, map_id, lane)


@router.post("/texts")
async def write(
    request: Request, app_state: CurrentAppState, person: Editor, form: CheckedForm, map_id: str
) -> Response:
    """Save the text of a cell; an empty text clears it."""
    given = texts(form)
    cell = Cell(map_id, given.get("lane", ""), given.get("stage", ""))
    text, was = given.get("text", ""), given.get("was")
    try:
        await run_in_threadpool(app_state.maps.write, person.account, cell, text, was)
    except TextConflict as conflict:
        own = {"text": text, "lane": cell.lane, "stage": cell.stage}
        return _both_versions(request, app_state, map_id, conflict, own)
    return back_to_editing(app_state, person, map_id, f"{cell.lane}-{cell.stage}")


@parts.post("")
async def rename_part(
    request: Request, app_state: CurrentAppState, person: Editor, form: CheckedForm, at: AtPart
) -> Response:
    """Rename a stage or lane."""
    given = texts(form)
    name, was = given.get("name", ""), given.get("was")
    rename = {"stages": app_state.maps.rename_stage, "lanes": app_state.maps.rename_lane}[at.part]
    try:
        await run_in_threadpool(rename, person.account, at.part_id, name, was)
    except TextConflict as conflict:
        return _both_versions(request, app_state, at.map_id, conflict, {"name": name})
    return back_to_editing(app_state, person, at.map_id, at.part_id)


@parts.post("/remove")
async def remove_part(
    app_state: CurrentAppState, person: Editor, _form: CheckedForm, at: AtPart
) -> Response:
    """Remove a stage or lane with its texts and cards, which can be undone for a day."""
    await run_in_threadpool(
        app_state.removals.remove, person.account, at.map_id, ONE[at.part], at.part_id
    )
    return back_to_editing(app_state, person, at.map_id)


router.include_router(parts)


def _counted(texts: int, cards: int) -> str:
    counts = [(texts, "text"), (cards, "card")]
    return " and ".join(count(number, name) for number, name in counts if number)


def _deleted_text(held: str) -> str:
    if not held:
        return "It contains no texts or cards."
    about_metrics = " The metrics are not deleted." if "card" in held else ""
    return f"{held} will be deleted.{about_metrics}"


def _both_versions(
    request: Request,
    app_state: AppState,
    map_id: str,
    conflict: TextConflict,
    own: dict[str, str],
) -> Response:
    """Show the saved and the own version; the form saves the own one.

    Args:
        request: The request that was not saved.
        app_state: The services of the app.
        map_id: The id of the map.
        conflict: The error with the saved version.
        own: The fields of the form; the first one is the own version.
    """
    return app_state.templates.page(
        request,
        "map_conflict.html",
        status=409,
        saved=conflict.saved,
        own=own,
        action=app_path(request.scope),
        back=f"/maps/{map_id}/edit",
    )


def back_to_editing(app_state: AppState, person: Person, map_id: str, place: str = "") -> Response:
    """Redirect to the changed part of the map, and update open maps."""
    app_state.live_updates.nudge(person.account, map_id)
    anchor = f"#{place}" if place else ""
    return RedirectResponse(f"/maps/{map_id}/edit{anchor}", 303)
