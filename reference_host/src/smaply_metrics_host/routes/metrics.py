"""The list of metrics, with its actions: refresh now and delete."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Final

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from smaply_metrics_core.host import Card, Metric
from smaply_metrics_host.app_state import AppState, CurrentAppState
from smaply_metrics_host.dependencies import AnswerInQuery, CheckedForm, Editor, Viewer
from smaply_metrics_host.jobs import Job, JobResult
from smaply_metrics_host.metric_form.metric_list import (
    BY_VALUE,
    SORTS,
    MetricSort,
    page_of,
    with_values,
)
from smaply_metrics_host.rendering.card_loading import refresh_now
from smaply_metrics_host.routes.jobs import started
from smaply_metrics_host.store.people import Person
from smaply_metrics_host.web.fragments import fragment_of, moved

if TYPE_CHECKING:
    from collections.abc import Sequence

router = APIRouter(prefix="/metrics", include_in_schema=False)

REFRESH_SECONDS: Final = 120.0
"""How long the page waits for a requested refresh, which continues after that."""


@router.get("")
async def listed(  # noqa: PLR0913  # The search, and the last action.
    request: Request,
    app_state: CurrentAppState,
    person: Viewer,
    *,
    search: Annotated[str, Query(max_length=300)] = "",
    workspace: Annotated[str, Query(max_length=60)] = "",
    page: Annotated[int, Query(ge=1)] = 1,
    sort: MetricSort = MetricSort.CHANGED,
    saved: str = "",
    deleted: str = "",
    number: Annotated[int, Query(ge=1)] = 1,
    refreshed: str = "",
    answer: AnswerInQuery,
) -> Response:
    """List the metrics of the account, or of one workspace."""
    actor = person.actor
    zone = (await app_state.metrics.accounts.show(actor)).zone
    metrics = await app_state.metrics.metrics.list(actor)
    connections = await app_state.metrics.connections.list(actor)
    workspaces = await run_in_threadpool(app_state.people.workspaces, person.account)
    shown = [one for one in metrics if workspace in {"", one.workspace}]
    cards = await _cards(app_state, person, shown if sort in BY_VALUE else ())
    found = page_of(
        shown,
        sort=sort,
        cards=cards,
        search=search,
        number=page,
        titles={one.id: one.label for one in connections},
        uses=await run_in_threadpool(app_state.card_placements.uses, person.account),
    )
    if sort not in BY_VALUE:
        cards = await _cards(app_state, person, [line.metric for line in found.lines])
    now = app_state.clock.now()
    found = await with_values(
        app_state.metrics,
        app_state.result_renderer,
        actor,
        found,
        cards=cards,
        zone=zone,
        now=now,
    )
    used = [line.metric.id for line in found.lines if line.uses]
    name = "metric_list.html" if fragment_of(request) == "metric-list" else "metrics.html"
    return app_state.templates.page(
        request,
        name,
        found=found,
        total=len(shown),
        search=search,
        sort=sort,
        sorts=SORTS,
        workspace=workspace,
        workspaces={one.id: one.name for one in workspaces},
        connected=bool(connections),
        manual=await app_state.upload_storage.is_available(),
        maps=await run_in_threadpool(
            app_state.card_placements.maps_with_each, person.account, used
        ),
        saved=next((one for one in metrics if one.id == saved), None),
        deleted=deleted,
        number=number,
        answer=answer,
        texts=answer.texts(zone, now),
        refreshed=await _as_it_is(app_state, person, refreshed, metrics),
    )


@router.post("/{metric_id}/refresh")
async def refresh(
    request: Request, app_state: CurrentAppState, person: Editor, _form: CheckedForm, metric_id: str
) -> Response:
    """Refresh a metric now, at most once a minute for each survey."""
    metric = await app_state.metrics.metrics.show(person.actor, metric_id)

    async def work(job: Job) -> JobResult:
        load = partial(app_state.metrics.cards.load, person.actor, [metric_id])
        after, answer = await refresh_now(load)
        if answer.waits:
            after = await load(wait=REFRESH_SECONDS, progress=job.progress)
        zone = (await app_state.metrics.accounts.show(person.actor)).zone
        texts = answer.texts(zone, app_state.clock.now())
        html = app_state.templates.fragment(
            "metric_refreshed.html", card=after[0], answer=answer, texts=texts
        )
        return JobResult(f"/metrics?refreshed={metric_id}&{answer.query()}", html)

    job = app_state.jobs.start(person, f"Refreshing “{metric.name}”", work, back="/metrics")
    return started(request, job)


@router.get("/{metric_id}/delete")
async def ask(
    request: Request, app_state: CurrentAppState, person: Editor, metric_id: str
) -> Response:
    """Confirm the deletion, listing the maps that lose cards."""
    metric = await app_state.metrics.metrics.show(person.actor, metric_id)
    maps = await run_in_threadpool(app_state.card_placements.maps_with, person.account, metric_id)
    name = "metric_delete.html" if fragment_of(request) else "metric_delete_page.html"
    return app_state.templates.page(request, name, metric=metric, maps=maps)


@router.post("/{metric_id}/delete")
async def delete(
    request: Request, app_state: CurrentAppState, person: Editor, _form: CheckedForm, metric_id: str
) -> Response:
    """Delete a metric and its cards."""
    gone = await app_state.metrics.metrics.delete(person.actor, metric_id)
    cards = await run_in_threadpool(app_state.card_placements.take_off_all, person.account, gone.id)
    return moved(request, f"/metrics?deleted={cards}")


async def _cards(app_state: AppState, person: Person, metrics: Sequence[Metric]) -> dict[str, Card]:
    """Return the cards of metrics by id, without a refresh."""
    if not metrics:
        return {}
    ids = [one.id for one in metrics]
    loaded = await app_state.metrics.cards.load(person.actor, ids, refresh=False)
    return {card.metric_id: card for card in loaded}


async def _as_it_is(
    app_state: AppState, person: Person, metric_id: str, metrics: Sequence[Metric]
) -> Card | None:
    """Return the card of a refreshed metric, without another refresh."""
    refreshed = [one for one in metrics if one.id == metric_id]
    return (await _cards(app_state, person, refreshed)).get(metric_id)
