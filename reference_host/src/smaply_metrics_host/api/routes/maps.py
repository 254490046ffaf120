"""Journey maps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import Query, Response
from starlette.concurrency import run_in_threadpool

from smaply_metrics_core.host import Display
from smaply_metrics_host.api.models import ApiModel, Id, MapInPath, PreviousText, Title, example
from smaply_metrics_host.api.responses import created, errors
from smaply_metrics_host.api.routing import PREFIX, Editor, Viewer, api_router
from smaply_metrics_host.app_state import CurrentAppState
from smaply_metrics_host.store.map_models import Kind

if TYPE_CHECKING:
    from smaply_metrics_host.store.map_models import JourneyMap, MapSummary, PlacedCard

router = api_router("maps", "/maps")


class MapListItem(ApiModel):
    """A journey map in a list."""

    id: str
    name: str
    workspace: str
    cards: int

    @classmethod
    def of(cls, summary: MapSummary) -> MapListItem:
        """Return the list item of a map."""
        return cls(
            id=summary.id, name=summary.name, workspace=summary.workspace, cards=summary.cards
        )


class StageView(ApiModel):
    """A stage, which is a column of a map."""

    id: str
    name: str


class LaneView(ApiModel):
    """A lane, which is a row of texts or of metric cards."""

    id: str
    name: str
    kind: Kind


class TextView(ApiModel):
    """The text of a cell of a text lane."""

    lane: str
    stage: str
    text: str


class PlacedCardView(ApiModel):
    """A card of a metric in a cell of a data lane, with its own display."""

    id: str
    lane: str
    stage: str
    metric: str
    display: Display

    @classmethod
    def of(cls, card: PlacedCard) -> PlacedCardView:
        """Return the view of a placed card."""
        return cls(
            id=card.id, lane=card.lane, stage=card.stage, metric=card.metric, display=card.display
        )


class MapResource(ApiModel):
    """A map with stages from left to right, lanes from top to bottom, and the cells' contents."""

    id: str
    name: str
    workspace: str
    stages: tuple[StageView, ...]
    lanes: tuple[LaneView, ...]
    texts: tuple[TextView, ...]
    cards: tuple[PlacedCardView, ...]

    @classmethod
    def of(cls, journey: JourneyMap) -> MapResource:
        """Return the view of a map."""
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
    """A map to create."""

    model_config = example(workspace="wor_4f1d2a9be07c", name="Buying online")

    workspace: Id
    name: Title


class MapName(ApiModel):
    """The new name of a map."""

    model_config = example(name="Buying online, 2026")

    name: Title
    was: PreviousText = None


@router.get("", responses=errors(404))
async def list_maps(
    app_state: CurrentAppState,
    person: Viewer,
    workspace: Annotated[Id | None, Query(description="Only maps of this workspace.")] = None,
) -> list[MapListItem]:
    """List journey maps, oldest first."""
    if workspace is not None:
        await run_in_threadpool(app_state.people.workspace, person.account, workspace)
    found = await run_in_threadpool(app_state.maps.list, person.account, workspace)
    return [MapListItem.of(one) for one in found]


@router.post("", status_code=201, responses=created(201, "show_map", "map_id") | errors(404))
async def create_map(
    app_state: CurrentAppState, editor: Editor, body: NewMap, response: Response
) -> MapResource:
    """Create an empty journey map."""
    map_id = await run_in_threadpool(app_state.maps.add, editor.account, body.workspace, body.name)
    response.headers["location"] = f"{PREFIX}/maps/{map_id}"
    return MapResource.of(await run_in_threadpool(app_state.maps.show, editor.account, map_id))


@router.get("/{map_id}")
async def show_map(app_state: CurrentAppState, person: Viewer, map_id: MapInPath) -> MapResource:
    """Get the contents of a journey map.

    It contains no values. Load these with `GET /api/cards`.
    """
    return MapResource.of(await run_in_threadpool(app_state.maps.show, person.account, map_id))


@router.patch("/{map_id}", responses=errors(409))
async def rename_map(
    app_state: CurrentAppState, editor: Editor, map_id: MapInPath, body: MapName
) -> MapResource:
    """Rename a journey map."""
    await run_in_threadpool(app_state.maps.rename, editor.account, map_id, body.name, body.was)
    return MapResource.of(await run_in_threadpool(app_state.maps.show, editor.account, map_id))


@router.delete("/{map_id}", status_code=204)
async def delete_map(app_state: CurrentAppState, editor: Editor, map_id: MapInPath) -> None:
    """Delete a journey map with its contents.

    Its metrics are not deleted.
    """
    await run_in_threadpool(app_state.maps.delete, editor.account, map_id)
