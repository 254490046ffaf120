"""Actions on several metrics of the list: refresh, delete, place on a map."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from smaply_metrics_core.host import InputError, Metric
from smaply_metrics_host.app_state import AppState, CurrentAppState
from smaply_metrics_host.dependencies import CheckedForm, Editor
from smaply_metrics_host.rendering.card_loading import refresh_now
from smaply_metrics_host.routes.maps.structure import back_to_editing
from smaply_metrics_host.routes.metric_form import read_cell
from smaply_metrics_host.store.map_models import JourneyMap
from smaply_metrics_host.store.map_rows import no_such
from smaply_metrics_host.store.people import Person
from smaply_metrics_host.web.forms import texts

if TYPE_CHECKING:
    from starlette.datastructures import FormData

router = APIRouter(prefix="/metrics/chosen", include_in_schema=False)

MOST_AT_ONCE: Final = 50
"""As many as the list shows on a page."""
MOST_MAPS: Final = 50
"""The maps whose cells are listed."""


@router.post("/refresh")
async def refresh(app_state: CurrentAppState, person: Editor, form: CheckedForm) -> Response:
    """Refresh metrics now, and state what happens."""
    ids = [metric.id for metric in await _metrics(app_state, person, _ids(form))]
    _, answer = await refresh_now(partial(app_state.metrics.cards.load, person.actor, ids))
    return RedirectResponse(f"/metrics?{answer.query()}", 303)


@router.post("/delete")
async def delete(
    request: Request, app_state: CurrentAppState, person: Editor, form: CheckedForm
) -> Response:
    """Delete metrics and their cards, after a confirmation that lists them."""
    metrics = await _metrics(app_state, person, _ids(form))
    if "confirmed" not in form:
        uses = await run_in_threadpool(app_state.card_placements.uses, person.account)
        return app_state.templates.page(
            request, "chosen_metrics_delete.html", metrics=metrics, uses=uses
        )
    cards = 0
    for metric in metrics:
        await app_state.metrics.metrics.delete(person.actor, metric.id)
        cards += await run_in_threadpool(
            app_state.card_placements.take_off_all, person.account, metric.id
        )
    return RedirectResponse(f"/metrics?deleted={cards}&number={len(metrics)}", 303)


@router.post("/place")
async def place(
    request: Request, app_state: CurrentAppState, person: Editor, form: CheckedForm
) -> Response:
    """Place a card of each metric in a cell, after asking for the cell."""
    metrics = await _metrics(app_state, person, _ids(form))
    given = texts(form).get("place")
    if given is None:
        maps = await run_in_threadpool(_maps, app_state, person)
        return app_state.templates.page(
            request, "chosen_metrics_place.html", metrics=metrics, maps=maps
        )
    cell = read_cell(given)
    if cell is None:
        raise no_such("cell")
    add = partial(app_state.card_placements.place, person.account, cell)
    for metric in metrics:
        await run_in_threadpool(add, metric.id, metric.display)
    return back_to_editing(app_state, person, cell.map, f"{cell.lane}-{cell.stage}")


def _ids(form: FormData) -> list[str]:
    return [one for one in form.getlist("metric") if isinstance(one, str)][:MOST_AT_ONCE]


async def _metrics(app_state: AppState, person: Person, ids: list[str]) -> list[Metric]:
    """Return the chosen metrics.

    Raises:
        InputError: if none is chosen.
        NotFound: if the account has not all of them.
    """
    if not ids:
        raise InputError("No metric is selected.", remedy="Go back and select at least one.")
    return [await app_state.metrics.metrics.show(person.actor, one) for one in dict.fromkeys(ids)]


def _maps(app_state: AppState, person: Person) -> list[JourneyMap]:
    """Return the maps with a cell for cards, newest first."""
    found = app_state.maps.list(person.account)[::-1][:MOST_MAPS]
    every = (app_state.maps.show(person.account, one.id) for one in found)
    return [one for one in every if one.stages and any(lane.kind == "data" for lane in one.lanes)]
