"""Journey maps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import Query, Response
from starlette.concurrency import run_in_threadpool

from smaply_metrics_core.host import Display
from smaply_metrics_host.api.models import ApiModel, Id, MapInPath, Title, example
from smaply_metrics_host.api.responses import made, refused
from smaply_metrics_host.api.routing import PREFIX, Editor, Viewer, api_router
from smaply_metrics_host.app_state import CurrentAppState
from smaply_metrics_host.store.map_models import Kind

if TYPE_CHECKING:
    from smaply_metrics_host.store.map_models import JourneyMap, MapSummary, PlacedCard

router = api_router("maps", "/maps")


class MapEntry(ApiModel):
    """A journey map in a list."""

    id: str
    name: str
    workspace: str
    cards: int

    @classmethod
    def of(cls, summary: MapSummary) -> MapEntry:
        """Show a map in a list."""
        return cls(
            id=summary.id, name=summary.name, workspace=summary.workspace, cards=summary.cards
        )


class StageView(ApiModel):
    """A column."""

    id: str
    name: str


class LaneView(ApiModel):
    """A row, of texts or of metric cards."""

    id: str
    name: str
    kind: Kind


class TextView(ApiModel):
    """What is written in a cell of a text lane."""

    lane: str
    stage: str
    text: str


class PlacedCardView(ApiModel):
    """A metric's card in a cell of a data lane, shown as its own display says."""

    id: str
    lane: str
    stage: str
    metric: str
    display: Display

    @classmethod
    def of(cls, card: PlacedCard) -> PlacedCardView:
        """Show a placed card."""
        return cls(
            id=card.id, lane=card.lane, stage=card.stage, metric=card.metric, display=card.display
        )


class MapResource(ApiModel):
    """A map: stages from left to right, lanes from top to bottom, and what is in the cells."""

    id: str
    name: str
    workspace: str
    stages: tuple[StageView, ...]
    lanes: tuple[LaneView, ...]
    texts: tuple[TextView, ...]
    cards: tuple[PlacedCardView, ...]

    @classmethod
    def of(cls, journey: JourneyMap) -> MapResource:
        """Show a map."""
        return cls(
            id=journey.id,
            name=journey.name,
            workspace=journey.workspace,
            stages=tuple(StageView(id=one.id, name=one.name) for one in journey.stages),
            lanes=tuple(LaneView(id=one.id, name=one.name, kind=one.kind) for one in journey.lanes),
            texts=tuple(
                TextView(lane=lane, stage=stage, text=text)
                for (lane, stage), text in journey.texts.items()
            ),
            cards=tuple(PlacedCardView.of(one) for one in journey.cards),
        )


class NewMap(ApiModel):
    """A map to begin."""

    model_config = example(workspace="wor_4f1d2a9be07c", name="Buying online")

    workspace: Id
    name: Title


class MapName(ApiModel):
    """What a map is called from now on."""

    model_config = example(name="Buying online, 2026")

    name: Title


@router.get("", responses=refused(404))
async def list_maps(
    app_state: CurrentAppState,
    person: Viewer,
    workspace: Annotated[Id | None, Query(description="Those of one workspace.")] = None,
) -> list[MapEntry]:
    """List journey maps, oldest first."""
    if workspace is not None:
        await run_in_threadpool(app_state.people.workspace, person.account, workspace)
    found = await run_in_threadpool(app_state.maps.list, person.account, workspace)
    return [MapEntry.of(one) for one in found]


@router.post("", status_code=201, responses=made(201, "show_map", "map_id") | refused(404))
async def create_map(
    app_state: CurrentAppState, editor: Editor, body: NewMap, response: Response
) -> MapResource:
    """Begin a journey map, with nothing on it."""
    map_id = await run_in_threadpool(app_state.maps.add, editor.account, body.workspace, body.name)
    response.headers["location"] = f"{PREFIX}/maps/{map_id}"
    return MapResource.of(await run_in_threadpool(app_state.maps.show, editor.account, map_id))


@router.get("/{map_id}")
async def show_map(app_state: CurrentAppState, person: Viewer, map_id: MapInPath) -> MapResource:
    """Show what is on a journey map.

    Values are not part of it: load the cards of its metrics.
    """
    return MapResource.of(await run_in_threadpool(app_state.maps.show, person.account, map_id))


@router.patch("/{map_id}")
async def rename_map(
    app_state: CurrentAppState, editor: Editor, map_id: MapInPath, body: MapName
) -> MapResource:
    """Give a journey map another name."""
    await run_in_threadpool(app_state.maps.rename, editor.account, map_id, body.name)
    return MapResource.of(await run_in_threadpool(app_state.maps.show, editor.account, map_id))


@router.delete("/{map_id}", status_code=204)
async def delete_map(app_state: CurrentAppState, editor: Editor, map_id: MapInPath) -> None:
    """Delete a journey map with all that is on it; the metrics stay."""
    await run_in_threadpool(app_state.maps.delete, editor.account, map_id)
