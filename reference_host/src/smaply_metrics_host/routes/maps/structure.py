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
    """The path parameters of a stage or lane."""

    map_id: str
    part: Literal["stages", "lanes"]
    part_id: str


AtPart = Annotated[PartOfMap, Depends()]


@router.get("/edit")
async def edit(
    request: Request, app_state: CurrentAppState, person: Editor, map_id: str
) -> Response:
    """Show a map in edit mode."""
    view = await app_state.map_renderer.view(person.account, map_id, person.role, refresh=True)
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
    """Rename a map."""
    await run_in_threadpool(
        app_state.maps.rename, person.account, map_id, texts(form).get("name", "")
    )
    return _back(app_state, person, map_id)


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
    """Add a stage at the end."""
    stage = await run_in_threadpool(
        app_state.maps.add_stage, person.account, map_id, texts(form).get("name", "")
    )
    return _back(app_state, person, map_id, stage)


@router.post("/lanes")
async def add_lane(
    app_state: CurrentAppState, person: Editor, form: CheckedForm, map_id: str
) -> Response:
    """Add a lane at the end, for texts by default."""
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
    """Save the text of a cell; an empty text clears it."""
    given = texts(form)
    cell = Cell(map_id, given.get("lane", ""), given.get("stage", ""))
    await run_in_threadpool(app_state.maps.write, person.account, cell, given.get("text", ""))
    return _back(app_state, person, map_id, f"{cell.lane}-{cell.stage}")


@parts.post("")
async def rename_part(
    app_state: CurrentAppState, person: Editor, form: CheckedForm, at: AtPart
) -> Response:
    """Rename a stage or lane."""
    rename = {"stages": app_state.maps.rename_stage, "lanes": app_state.maps.rename_lane}[at.part]
    await run_in_threadpool(rename, person.account, at.part_id, texts(form).get("name", ""))
    return _back(app_state, person, at.map_id, at.part_id)


@parts.get("/remove")
async def ask_to_remove(
    request: Request, app_state: CurrentAppState, person: Editor, at: AtPart
) -> Response:
    """Confirm the removal of a stage or lane with its content."""
    view = await app_state.map_renderer.view(person.account, at.map_id, person.role, refresh=False)
    known = view.journey.stages if at.part == "stages" else view.journey.lanes
    name = next((one.name for one in known if one.id == at.part_id), None)
    if name is None:
        raise no_such(ONE[at.part])
    held = _held(view, at.part_id)
    return app_state.templates.page(
        request,
        "map_confirm.html",
        title=f"Remove the {ONE[at.part]} “{name}”?",
        text=_deleted_text(held),
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
    """Return the content of a stage or lane, such as ``1 text and 4 cards``; empty if none."""
    texts = sum(part in cell for cell in view.journey.texts)
    cards = sum(part in {card.lane, card.stage} for card in view.journey.cards)
    return _counted(texts, cards)


def _counted(texts: int, cards: int) -> str:
    counts = [(texts, "text"), (cards, "card")]
    return " and ".join(count(number, name) for number, name in counts if number)


def _deleted_text(held: str) -> str:
    if not held:
        return "It contains no texts or cards."
    about_metrics = " The metrics are not deleted." if "card" in held else ""
    return f"{held} will be deleted.{about_metrics}"


def _back(app_state: AppState, person: Person, map_id: str, place: str = "") -> Response:
    """Redirect to the changed part of the map, and update open maps."""
    app_state.live_updates.nudge(person.account, map_id)
    anchor = f"#{place}" if place else ""
    return RedirectResponse(f"/maps/{map_id}/edit{anchor}", 303)
