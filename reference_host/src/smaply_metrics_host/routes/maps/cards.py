"""Cards on a map: add, change the display settings, remove."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from smaply_metrics_core.host import InputError, Metric
from smaply_metrics_host.app_state import AppState, CurrentAppState
from smaply_metrics_host.dependencies import CheckedForm, Editor
from smaply_metrics_host.metric_form.form_data import MetricForm, filled, read
from smaply_metrics_host.metric_form.form_view import chart_entries
from smaply_metrics_host.metric_form.metric_text import definition_text
from smaply_metrics_host.metric_form.validation import Problems, display_of
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
    journey = await run_in_threadpool(app_state.maps.show, person.account, map_id)
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
    for metric in metrics:
        await run_in_threadpool(
            app_state.card_placements.place, person.account, cell, metric.id, metric.display
        )
    app_state.live_updates.nudge(person.account, map_id)
    return RedirectResponse(f"/maps/{map_id}/edit#{cell.lane}-{cell.stage}", 303)


@card.get("/display")
async def show_display(
    request: Request, app_state: CurrentAppState, person: Editor, at: AtCard
) -> Response:
    """Show the display settings of a card."""
    placed = await _placed(app_state, person, at)
    metric = await app_state.metrics.metrics.show(person.actor, placed.metric)
    shown = filled(metric.model_copy(update={"display": placed.display}))
    return _display_page(request, app_state, placed, shown, {})


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
    if problems:
        metric = filled(await app_state.metrics.metrics.show(person.actor, placed.metric))
        definition = ("name", "type", "calculation", "group_by")
        entered = replace(given, **{part: getattr(metric, part) for part in definition})
        return _display_page(request, app_state, placed, entered, problems)
    await run_in_threadpool(app_state.card_placements.restyle, person.account, at.card_id, display)
    app_state.live_updates.nudge(person.account, at.map_id)
    return RedirectResponse(f"/maps/{at.map_id}/edit#{at.card_id}", 303)


@card.post("/remove")
async def take_off(
    app_state: CurrentAppState, person: Editor, _form: CheckedForm, at: AtCard
) -> Response:
    """Remove a card from its map; the metric is not deleted."""
    placed = await _placed(app_state, person, at)
    await run_in_threadpool(app_state.card_placements.take_off, person.account, at.card_id)
    app_state.live_updates.nudge(person.account, at.map_id)
    anchor = f"{placed.lane}-{placed.stage}"
    return RedirectResponse(f"/maps/{at.map_id}/edit#{anchor}", 303)


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


async def _placed(app_state: AppState, person: Person, at: CardOnMap) -> PlacedCard:
    journey = await run_in_threadpool(app_state.maps.show, person.account, at.map_id)
    placed = next((one for one in journey.cards if one.id == at.card_id), None)
    if placed is None:
        raise no_such("card")
    return placed


def _display_page(
    request: Request, app_state: AppState, placed: PlacedCard, form: MetricForm, problems: Problems
) -> Response:
    return app_state.templates.page(
        request,
        "card_display.html",
        status=422 if problems else 200,
        placed=placed,
        form=form,
        charts=chart_entries(form),
        problems=problems,
    )
