"""Editing a journey map: its name, stages, lanes and texts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Final, Literal

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from smaply_metrics_host.app_state import AppState, CurrentAppState
from smaply_metrics_host.dependencies import CheckedForm, Editor
from smaply_metrics_host.rendering.map_renderer import RenderedMap
from smaply_metrics_host.store.map_models import Cell
from smaply_metrics_host.store.map_rows import no_such
from smaply_metrics_host.web.forms import texts
from smaply_metrics_host.web.text import count

if TYPE_CHECKING:
    from smaply_metrics_host.store.people import Person

router = APIRouter(prefix="/maps/{map_id}", include_in_schema=False)
parts = APIRouter(prefix="/{part}/{part_id}")

ONE: Final = {"stages": "stage", "lanes": "lane"}


@dataclass(frozen=True)
class PartOfMap:
    """A stage or lane, as an address names it."""

    map_id: str
    part: Literal["stages", "lanes"]
    part_id: str


AtPart = Annotated[PartOfMap, Depends()]


@router.get("/edit")
async def edit(
    request: Request, app_state: CurrentAppState, person: Editor, map_id: str
) -> Response:
    """Show a map with everything in it to change."""
    view = await app_state.map_renderer.view(person.account, map_id, refresh=True)
    return await run_in_threadpool(
        app_state.templates.page,
        request,
        "map_edit.html",
        view=view,
        places=view.places(),
        html=partial(app_state.map_renderer.html, view),
        held=_held_by_part(view),
    )


@router.post("/name")
async def rename(
    app_state: CurrentAppState, person: Editor, form: CheckedForm, map_id: str
) -> Response:
    """Give a map another name."""
    await run_in_threadpool(
        app_state.maps.rename, person.account, map_id, texts(form).get("name", "")
    )
    return _back(app_state, person, map_id)


@router.get("/delete")
async def ask_to_delete(
    request: Request, app_state: CurrentAppState, person: Editor, map_id: str
) -> Response:
    """Ask before a map is deleted."""
    journey = await run_in_threadpool(app_state.maps.show, person.account, map_id)
    return app_state.templates.page(
        request,
        "map_confirm.html",
        title=f"Delete “{journey.name}”?",
        text=f"The map goes with its {count(len(journey.texts), 'text')} and "
        f"{count(len(journey.cards), 'card')}. The metrics stay.",
        action=f"/maps/{map_id}/delete",
        label="Delete map",
        back=f"/maps/{map_id}/edit",
    )


@router.post("/delete")
async def delete(
    app_state: CurrentAppState, person: Editor, _form: CheckedForm, map_id: str
) -> Response:
    """Delete a map; the metrics on it stay."""
    await run_in_threadpool(app_state.maps.delete, person.account, map_id)
    app_state.live_updates.nudge(person.account, map_id)
    return RedirectResponse("/maps", 303)


@router.post("/stages")
async def add_stage(
    app_state: CurrentAppState, person: Editor, form: CheckedForm, map_id: str
) -> Response:
    """Add a column at the right."""
    stage = await run_in_threadpool(
        app_state.maps.add_stage, person.account, map_id, texts(form).get("name", "")
    )
    return _back(app_state, person, map_id, stage)


@router.post("/lanes")
async def add_lane(
    app_state: CurrentAppState, person: Editor, form: CheckedForm, map_id: str
) -> Response:
    """Add a row at the bottom: of texts, unless metrics are wanted."""
    given = texts(form)
    kind: Literal["data", "text"] = "data" if given.get("kind") == "data" else "text"
    lane = await run_in_threadpool(
        app_state.maps.add_lane, person.account, map_id, given.get("name", ""), kind
    )
    return _back(app_state, person, map_id, lane)


@router.post("/texts")
async def write(
    app_state: CurrentAppState, person: Editor, form: CheckedForm, map_id: str
) -> Response:
    """Write the text of a cell; an empty one clears it."""
    given = texts(form)
    cell = Cell(map_id, given.get("lane", ""), given.get("stage", ""))
    await run_in_threadpool(app_state.maps.write, person.account, cell, given.get("text", ""))
    return _back(app_state, person, map_id, f"{cell.lane}-{cell.stage}")


@parts.post("")
async def rename_part(
    app_state: CurrentAppState, person: Editor, form: CheckedForm, at: AtPart
) -> Response:
    """Give a stage or lane another name."""
    rename = {"stages": app_state.maps.rename_stage, "lanes": app_state.maps.rename_lane}[at.part]
    await run_in_threadpool(rename, person.account, at.part_id, texts(form).get("name", ""))
    return _back(app_state, person, at.map_id, at.part_id)


@parts.get("/remove")
async def ask_to_remove(
    request: Request, app_state: CurrentAppState, person: Editor, at: AtPart
) -> Response:
    """Ask before a stage or lane is removed with what is in it."""
    view = await app_state.map_renderer.view(person.account, at.map_id, refresh=False)
    known = view.journey.stages if at.part == "stages" else view.journey.lanes
    name = next((one.name for one in known if one.id == at.part_id), None)
    if name is None:
        raise no_such(ONE[at.part])
    held = _held(view, at.part_id)
    return app_state.templates.page(
        request,
        "map_confirm.html",
        title=f"Remove the {ONE[at.part]} “{name}”?",
        text=f"It goes with {held}. The metrics stay." if held else "It is empty.",
        action=f"/maps/{at.map_id}/{at.part}/{at.part_id}/remove",
        label=f"Remove {ONE[at.part]}",
        back=f"/maps/{at.map_id}/edit#{at.part_id}",
    )


@parts.post("/remove")
async def remove_part(
    app_state: CurrentAppState, person: Editor, _form: CheckedForm, at: AtPart
) -> Response:
    """Remove a stage or lane with its texts and cards."""
    remove = {"stages": app_state.maps.remove_stage, "lanes": app_state.maps.remove_lane}[at.part]
    await run_in_threadpool(remove, person.account, at.part_id)
    return _back(app_state, person, at.map_id)


router.include_router(parts)


def _held_by_part(view: RenderedMap) -> dict[str, str]:
    stages = [stage.id for stage in view.journey.stages]
    lanes = [lane.id for lane in view.journey.lanes]
    return {part: _held(view, part) for part in (*stages, *lanes)}


def _held(view: RenderedMap, part: str) -> str:
    """Say what is in a stage or lane; empty when nothing is."""
    written = sum(part in cell for cell in view.journey.texts)
    cards = sum(part in {card.lane, card.stage} for card in view.journey.cards)
    said = [count(written, "text")] if written else []
    return " and ".join(said + ([count(cards, "card")] if cards else []))


def _back(app_state: AppState, person: Person, map_id: str, place: str = "") -> Response:
    """Go back to where something was changed, and let open maps know."""
    app_state.live_updates.nudge(person.account, map_id)
    anchor = f"#{place}" if place else ""
    return RedirectResponse(f"/maps/{map_id}/edit{anchor}", 303)
