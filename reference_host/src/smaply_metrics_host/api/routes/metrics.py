"""Metrics: what is measured, under which name, and how it is shown by default."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import Query, Response
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from smaply_metrics_core.host import Definition, Display, Metric
from smaply_metrics_host.api.models import (
    MOST_AT_ONCE,
    ApiModel,
    ConnectionName,
    Id,
    MetricInPath,
    Title,
    example,
)
from smaply_metrics_host.api.responses import made, refused
from smaply_metrics_host.api.routes.maps import MapEntry
from smaply_metrics_host.api.routing import PREFIX, Editor, Viewer, api_router
from smaply_metrics_host.app_state import CurrentAppState

if TYPE_CHECKING:
    from smaply_metrics_host.app_state import AppState

router = api_router("metrics", "/metrics")


class NewMetric(ApiModel):
    """A metric to keep."""

    model_config = example(
        connection="qualtrics",
        workspace="wor_4f1d2a9be07c",
        name="NPS by month",
        definition={
            "type": "series",
            "survey_id": "SV_1",
            "question_id": "QID1",
            "calculation": "nps",
            "group_by": {"kind": "period", "of": "month"},
        },
    )

    connection: ConnectionName
    workspace: Id
    name: Title
    definition: Definition
    display: Display = Field(
        default=Display(), description="How new cards show it; cards that are placed stay as is."
    )


class MetricChange(ApiModel):
    """What is to be different. Without a part, that part stays."""

    model_config = example(version=1, name="NPS of all customers")

    version: Annotated[
        int,
        Field(
            ge=1,
            le=2**31 - 2,
            description="The version that the change was made to: when somebody else came first, "
            "the answer is 409 and nothing is saved.",
        ),
    ]
    name: Title | None = None
    definition: Definition | None = None
    display: Display | None = None


class MetricPage(ApiModel):
    """Some of the metrics."""

    metrics: tuple[Metric, ...]
    total: int = Field(description="How many there are.")
    matching: int = Field(description="How many of them the search found.")


class DeletedMetric(ApiModel):
    """A metric that is gone, and the maps that showed it, each with how many of its cards."""

    id: str
    name: str
    maps: tuple[MapEntry, ...]


@router.get("", responses=refused(404))
async def list_metrics(  # noqa: PLR0913, PLR0917  # Each is a parameter of the call.
    app_state: CurrentAppState,
    person: Viewer,
    workspace: Annotated[Id | None, Query(description="Those of one workspace.")] = None,
    search: Annotated[str, Query(max_length=300, description="Text in the name.")] = "",
    offset: Annotated[int, Query(ge=0, le=1_000_000, description="How many to pass over.")] = 0,
    limit: Annotated[int, Query(ge=1, le=MOST_AT_ONCE, description="How many to give.")] = 50,
) -> MetricPage:
    """List metrics, oldest first."""
    if workspace is not None:
        await run_in_threadpool(app_state.people.workspace, person.account, workspace)
    listed = [
        metric
        for metric in await app_state.metrics.metrics.list(person.actor)
        if workspace in {None, metric.workspace}
    ]
    text = search.strip().casefold()
    found = [metric for metric in listed if text in metric.name.casefold()]
    return MetricPage(
        metrics=tuple(found[offset : offset + limit]), total=len(listed), matching=len(found)
    )


@router.post(
    "",
    status_code=201,
    responses=made(201, "show_metric", "metric_id") | refused(404, 502),
)
async def create_metric(
    app_state: CurrentAppState, editor: Editor, body: NewMetric, response: Response
) -> Metric:
    """Keep a definition as a metric.

    It is checked against its survey first: parts that do not go together answer 422 and say why,
    a survey that the connection cannot see 404.
    """
    await run_in_threadpool(app_state.people.workspace, editor.account, body.workspace)
    metric = await app_state.metrics.metrics.add(
        editor.actor,
        body.connection,
        body.name,
        body.definition,
        display=body.display,
        workspace=body.workspace,
    )
    response.headers["location"] = f"{PREFIX}/metrics/{metric.id}"
    return metric


@router.get("/{metric_id}")
async def show_metric(
    app_state: CurrentAppState, person: Viewer, metric_id: MetricInPath
) -> Metric:
    """Show what a metric measures. Its value is on its card."""
    return await app_state.metrics.metrics.show(person.actor, metric_id)


@router.patch("/{metric_id}", responses=refused(409, 502))
async def edit_metric(
    app_state: CurrentAppState, editor: Editor, metric_id: MetricInPath, body: MetricChange
) -> Metric:
    """Change a metric.

    A new definition discards its value, and makes it due; a new name or display keeps it. Cards
    that are placed keep their own display.
    """
    return await app_state.metrics.metrics.edit(
        editor.actor,
        metric_id,
        name=body.name,
        definition=body.definition,
        display=body.display,
        version=body.version,
    )


@router.delete("/{metric_id}")
async def delete_metric(
    app_state: CurrentAppState, editor: Editor, metric_id: MetricInPath
) -> DeletedMetric:
    """Delete a metric and its value.

    Its cards are taken off their maps: the answer names these.
    """
    maps = await _maps_with(app_state, editor.account, metric_id)
    metric = await app_state.metrics.metrics.delete(editor.actor, metric_id)
    await run_in_threadpool(app_state.card_placements.take_off_all, editor.account, metric_id)
    return DeletedMetric(id=metric.id, name=metric.name, maps=maps)


@router.get("/{metric_id}/maps")
async def list_metric_uses(
    app_state: CurrentAppState, person: Viewer, metric_id: MetricInPath
) -> tuple[MapEntry, ...]:
    """List the journey maps that show a metric, each with how many of its cards do."""
    await app_state.metrics.metrics.show(person.actor, metric_id)
    return await _maps_with(app_state, person.account, metric_id)


async def _maps_with(app_state: AppState, account: str, metric_id: str) -> tuple[MapEntry, ...]:
    found = await run_in_threadpool(app_state.card_placements.maps_with, account, metric_id)
    return tuple(MapEntry.of(one) for one in found)
