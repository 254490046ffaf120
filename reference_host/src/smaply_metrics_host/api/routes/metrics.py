"""Metrics: definitions, names and display defaults."""

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
from smaply_metrics_host.api.responses import created, errors
from smaply_metrics_host.api.routes.maps import MapListItem
from smaply_metrics_host.api.routing import PREFIX, Editor, Viewer, api_router
from smaply_metrics_host.app_state import CurrentAppState

if TYPE_CHECKING:
    from smaply_metrics_host.app_state import AppState

router = api_router("metrics", "/metrics")


class NewMetric(ApiModel):
    """A metric to create."""

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
    display: Display = Field(default=Display(), description="The display defaults of new cards.")


class MetricChange(ApiModel):
    """The parts of a metric to change. Omitted parts do not change."""

    model_config = example(version=1, name="NPS of all customers")

    version: Annotated[
        int,
        Field(
            ge=1,
            le=2**31 - 2,
            description="The version that the change is based on. If the metric has a newer "
            "version, the response is 409 and nothing is saved.",
        ),
    ]
    name: Title | None = None
    connection: ConnectionName | None = None
    definition: Definition | None = None
    display: Display | None = None


class MetricPage(ApiModel):
    """A page of metrics."""

    metrics: tuple[Metric, ...]
    total: int = Field(description="The number of metrics.")
    matching: int = Field(description="The number of metrics that match the search.")


class DeletedMetric(ApiModel):
    """A deleted metric and the maps that showed it, each with its number of removed cards."""

    id: str
    name: str
    maps: tuple[MapListItem, ...]


@router.get("", responses=errors(404))
async def list_metrics(  # noqa: PLR0913, PLR0917  # Each is a parameter of the call.
    app_state: CurrentAppState,
    person: Viewer,
    workspace: Annotated[Id | None, Query(description="Only metrics of this workspace.")] = None,
    search: Annotated[str, Query(max_length=300, description="Text that the name contains.")] = "",
    offset: Annotated[int, Query(ge=0, le=1_000_000, description="Number of metrics to skip.")] = 0,
    limit: Annotated[
        int, Query(ge=1, le=MOST_AT_ONCE, description="Maximum number of metrics.")
    ] = 50,
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
    responses=created(201, "show_metric", "metric_id") | errors(404, 409, 502),
)
async def create_metric(
    app_state: CurrentAppState, editor: Editor, body: NewMetric, response: Response
) -> Metric:
    """Create a metric.

    The definition is validated against its survey. A combination that is not valid returns 422, a
    survey that the connection cannot read returns 404.
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
    """Get the definition of a metric.

    Load its card for the value.
    """
    return await app_state.metrics.metrics.show(person.actor, metric_id)


@router.patch("/{metric_id}", responses=errors(409, 502))
async def edit_metric(
    app_state: CurrentAppState, editor: Editor, metric_id: MetricInPath, body: MetricChange
) -> Metric:
    """Update a metric.

    A new definition or connection deletes the value and makes the metric due. A new name or
    display keeps the value. Placed cards keep their display.
    """
    return await app_state.metrics.metrics.edit(
        editor.actor,
        metric_id,
        name=body.name,
        connection_id=body.connection,
        definition=body.definition,
        display=body.display,
        version=body.version,
    )


@router.delete("/{metric_id}")
async def delete_metric(
    app_state: CurrentAppState, editor: Editor, metric_id: MetricInPath
) -> DeletedMetric:
    """Delete a metric and its value.

    Its cards are removed from their maps. The response lists these maps.
    """
    maps = await _maps_with(app_state, editor.account, metric_id)
    metric = await app_state.metrics.metrics.delete(editor.actor, metric_id)
    await run_in_threadpool(app_state.card_placements.take_off_all, editor.account, metric_id)
    return DeletedMetric(id=metric.id, name=metric.name, maps=maps)


@router.get("/{metric_id}/maps")
async def list_metric_uses(
    app_state: CurrentAppState, person: Viewer, metric_id: MetricInPath
) -> tuple[MapListItem, ...]:
    """List the journey maps that show a metric."""
    await app_state.metrics.metrics.show(person.actor, metric_id)
    return await _maps_with(app_state, person.account, metric_id)


async def _maps_with(app_state: AppState, account: str, metric_id: str) -> tuple[MapListItem, ...]:
    found = await run_in_threadpool(app_state.card_placements.maps_with, account, metric_id)
    return tuple(MapListItem.of(one) for one in found)
