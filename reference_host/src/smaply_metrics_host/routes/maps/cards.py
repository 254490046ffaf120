"""Cards on a map: add, change the display settings, remove."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from smaply_metrics_core.host import Display, InputError, Metric, NotFound
from smaply_metrics_host.app_state import AppState, CurrentAppState
from smaply_metrics_host.dependencies import CheckedForm, Editor
from smaply_metrics_host.metric_form.form_data import MetricForm, filled, read
from smaply_metrics_host.metric_form.form_view import chart_entries
from smaply_metrics_host.metric_form.metric_text import (
    FieldDifference,
    definition_text,
    display_differences,
)
from smaply_metrics_host.metric_form.validation import Problems, display_of
from smaply_metrics_host.routes.maps.structure import back_to_editing
from smaply_metrics_host.store.map_conflicts import WAS, DisplayConflict
from smaply_metrics_host.store.map_models import Cell, JourneyMap, PlacedCard
from smaply_metrics_host.store.map_rows import no_such
from smaply_metrics_host.store.people import Person
from smaply_metrics_host.web.forms import texts

router = APIRouter(prefix="/maps/{map_id}/cards", include_in_schema=False)
card = APIRouter(prefix="/{card_id}")

MOST_AT_ONCE = 50


@dataclass(frozen=True)
class CardOnMap:
    """The path parameters of a placed card."""

    map_id: str
    card_id: str


AtCard = Annotated[CardOnMap, Depends()]


@router.get("/new")
async def choose(  # noqa: PLR0913, PLR0917  # The cell and the request.
    request: Request,
    app_state: CurrentAppState,
    person: Editor,
    map_id: str,
    lane: Annotated[str, Query()] = "",
    stage: Annotated[str, Query()] = "",
) -> Response:
    """Show the metrics that can be added to a cell."""
    view = await app_state.map_renderer.view(person.account, map_id, person.role, refresh=False)
    journey = view.journey
    column = next((one for one in journey.stages if one.id == stage), None)
    row = next((one for one in journey.lanes if one.id == lane and one.kind == "data"), None)
    if column is None or row is None:
        raise no_such("cell")
    return app_state.templates.page(
        request,
        "card_place.html",
        journey=journey,
        stage=column,
        lane=row,
        others=view.places().get((lane, stage), ()),
        groups=await _offered(app_state, person, journey),
    )


@router.post("")
async def place(
    app_state: CurrentAppState, person: Editor, form: CheckedForm, map_id: str
) -> Response:
    """Add cards to a cell, with the display defaults of their metrics."""
    given = texts(form)
    chosen = [one for one in form.getlist("metric") if isinstance(one, str)][:MOST_AT_ONCE]
    if not chosen:
        raise InputError("No metric selected.", remedy="Go back and select at least one metric.")
    cell = Cell(map_id, given.get("lane", ""), given.get("stage", ""))
    metrics = [await app_state.metrics.metrics.show(person.actor, one) for one in chosen]
    before = given.get("before", "")
    for metric in metrics:
        add = partial(app_state.card_placements.place, person.account, cell, before=before)
        await run_in_threadpool(add, metric.id, metric.display)
    return back_to_editing(app_state, person, map_id, f"{cell.lane}-{cell.stage}")


@card.get("/display")
async def show_display(
    request: Request, app_state: CurrentAppState, person: Editor, at: AtCard
) -> Response:
    """Show the display settings of a card."""
    placed = await _placed(app_state, person, at)
    metric = await app_state.metrics.metrics.show(person.actor, placed.metric)
    shown = filled(metric.model_copy(update={"display": placed.display}))
    return _display_page(request, app_state, placed, shown, {}, was=placed.display)


@card.post("/display")
async def restyle(
    request: Request,
    app_state: CurrentAppState,
    person: Editor,
    form: CheckedForm,
    at: AtCard,
) -> Response:
    """Change the display settings of one card, not those of the metric or its other cards."""
    placed = await _placed(app_state, person, at)
    given = read(form)
    display, problems = display_of(given)
    was = _shown_before(texts(form).get(WAS, ""))
    page = partial(_display_page, request, app_state)
    if problems:
        entered = await _entered(app_state, person, placed, given)
        return page(placed, entered, problems, was=was)
    try:
        await run_in_threadpool(
            app_state.card_placements.restyle, person.account, at.card_id, display, was
        )
    except DisplayConflict as conflict:
        entered = await _entered(app_state, person, placed, given)
        differences = display_differences(conflict.saved, display)
        return page(placed, entered, {}, was=conflict.saved, differences=differences)
    return back_to_editing(app_state, person, at.map_id, at.card_id)


@card.post("/remove")
async def take_off(
    app_state: CurrentAppState, person: Editor, _form: CheckedForm, at: AtCard
) -> Response:
    """Remove a card from its map, which can be undone for a day; the metric is not deleted."""
    placed = await _placed(app_state, person, at)
    heading = placed.display.heading or await _name_of(app_state, person, placed)
    await run_in_threadpool(
        app_state.removals.remove, person.account, at.map_id, "card", at.card_id, heading
    )
    return back_to_editing(app_state, person, at.map_id, f"{placed.lane}-{placed.stage}")


@card.post("/duplicate")
async def duplicate(
    app_state: CurrentAppState, person: Editor, _form: CheckedForm, at: AtCard
) -> Response:
    """Add a copy of a card, with its display settings, after it."""
    copy = await run_in_threadpool(
        app_state.arrangement.duplicate_card, person.account, at.map_id, at.card_id
    )
    return back_to_editing(app_state, person, at.map_id, copy)


@card.get("/move")
async def choose_place(
    request: Request, app_state: CurrentAppState, person: Editor, at: AtCard
) -> Response:
    """Show the places to which a card can be moved."""
    view = await app_state.map_renderer.view(person.account, at.map_id, person.role, refresh=False)
    moved = view.cards.get(at.card_id)
    if moved is None:
        raise no_such("card")
    return app_state.templates.page(
        request, "card_move.html", journey=view.journey, places=view.places(), card=moved
    )


@card.post("/move")
async def move(
    app_state: CurrentAppState, person: Editor, form: CheckedForm, at: AtCard
) -> Response:
    """Move a card within its map; ``place`` has the lane, the stage and the next card, if any."""
    cell, before = read_place(at.map_id, texts(form).get("place", ""))
    await run_in_threadpool(
        app_state.arrangement.move_card, person.account, at.card_id, cell, before
    )
    return back_to_editing(app_state, person, at.map_id, at.card_id)


def read_place(map_id: str, place: str) -> tuple[Cell, str]:
    """Return the cell of a place such as ``lan_1 sta_1 car_1``, and its card, which may be missing.

    Raises:
        NotFound: if it has no lane and stage.
    """
    match place.split():
        case [lane, stage]:
            return Cell(map_id, lane, stage), ""
        case [lane, stage, before]:
            return Cell(map_id, lane, stage), before
        case _:
            raise no_such("cell")


router.include_router(card)


async def _offered(
    app_state: AppState, person: Person, journey: JourneyMap
) -> list[tuple[str, list[tuple[Metric, str]]]]:
    """Return the metrics by workspace, the map's own first, each with its definition."""
    workspaces = await run_in_threadpool(app_state.people.workspaces, person.account)
    metrics = await app_state.metrics.metrics.list(person.actor)
    ordered = sorted(workspaces, key=lambda one: one.id != journey.workspace)
    groups = [
        (one.name, [(m, definition_text(m)) for m in metrics if m.workspace == one.id])
        for one in ordered
    ]
    return [(name, offered) for name, offered in groups if offered]


async def _name_of(app_state: AppState, person: Person, placed: PlacedCard) -> str:
    try:
        metric = await app_state.metrics.metrics.show(person.actor, placed.metric)
    except NotFound:  # The metric was deleted.
        return ""
    return metric.name


async def _placed(app_state: AppState, person: Person, at: CardOnMap) -> PlacedCard:
    journey = await run_in_threadpool(app_state.maps.show, person.account, at.map_id)
    placed = next((one for one in journey.cards if one.id == at.card_id), None)
    if placed is None:
        raise no_such("card")
    return placed


async def _entered(
    app_state: AppState, person: Person, placed: PlacedCard, given: MetricForm
) -> MetricForm:
    """Return the submitted display settings with what the form shows of the metric."""
    metric = filled(await app_state.metrics.metrics.show(person.actor, placed.metric))
    definition = ("name", "type", "calculation", "group_by")
    return replace(given, **{part: getattr(metric, part) for part in definition})


def _shown_before(text: str) -> Display | None:
    """Return the display settings that a form showed; ``None`` if it does not have them.

    Raises:
        InputError: if they are not valid.
    """
    if not text:
        return None
    try:
        return Display.model_validate_json(text)
    except ValueError:
        raise InputError("The form is not valid.", remedy="Open the form again.") from None


def _display_page(  # noqa: PLR0913  # The form and what is wrong with it.
    request: Request,
    app_state: AppState,
    placed: PlacedCard,
    form: MetricForm,
    problems: Problems,
    *,
    was: Display | None,
    differences: tuple[FieldDifference, ...] = (),
) -> Response:
    return app_state.templates.page(
        request,
        "card_display.html",
        status=422 if problems else 409 if differences else 200,
        placed=placed,
        form=form,
        charts=chart_entries(form),
        hidden_fields=(),  # The chart can be changed on the same page.
        problems=problems,
        was="" if was is None else was.model_dump_json(),
        differences=differences,
    )
