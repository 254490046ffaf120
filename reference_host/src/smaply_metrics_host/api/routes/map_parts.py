"""Contents of journey maps: stages, lanes, texts, and cards of metrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, TypeVar

from pydantic import Field, StringConstraints
from starlette.concurrency import run_in_threadpool

from smaply_metrics_core.host import Display
from smaply_metrics_host.api.models import (
    TRIM,
    ApiModel,
    Id,
    MapInPath,
    PreviousText,
    Title,
    example,
    id_in_path,
)
from smaply_metrics_host.api.responses import errors
from smaply_metrics_host.api.routes.maps import LaneView, PlacedCardView, StageView, TextView
from smaply_metrics_host.api.routing import Editor, api_router
from smaply_metrics_host.app_state import CurrentAppState
from smaply_metrics_host.store.map_models import Cell, Kind, Lane, PlacedCard, Stage
from smaply_metrics_host.store.map_rows import no_such
from smaply_metrics_host.store.maps import LONGEST_TEXT

if TYPE_CHECKING:
    from smaply_metrics_host.app_state import AppState
    from smaply_metrics_host.store.map_models import JourneyMap
    from smaply_metrics_host.store.people import Person

Part = TypeVar("Part", Stage, Lane, PlacedCard)

router = api_router("maps", "/maps/{map_id}")

StageInPath = Annotated[str, id_in_path("stage", "sta_4f1d2a9be07c")]
LaneInPath = Annotated[str, id_in_path("lane", "lan_4f1d2a9be07c")]
CardInPath = Annotated[str, id_in_path("placed card", "car_4f1d2a9be07c")]


class PartName(ApiModel):
    """The name of a new stage."""

    model_config = example(name="Compare")

    name: Title


class NewPartName(ApiModel):
    """The new name of a stage or lane."""

    model_config = example(name="Compare")

    name: Title
    was: PreviousText = None


class NewLane(ApiModel):
    """A lane to add."""

    model_config = example(name="How it went", kind="data")

    name: Title
    kind: Kind = Field(description="Whether its cells contain texts or metric cards.")


class CellText(ApiModel):
    """The text of a cell of a text lane."""

    model_config = example(
        lane="lan_4f1d2a9be07c", stage="sta_4f1d2a9be07c", text="Reads what others say."
    )

    lane: Id
    stage: Id
    text: Annotated[str, StringConstraints(max_length=LONGEST_TEXT), TRIM] = Field(
        description="An empty text clears the cell."
    )
    was: PreviousText = None


class NewPlacedCard(ApiModel):
    """A metric to place in a cell of a data lane."""

    model_config = example(
        lane="lan_4f1d2a9be07c", stage="sta_4f1d2a9be07c", metric="met_4f1d2a9be07c"
    )

    lane: Id
    stage: Id
    metric: Id
    display: Display | None = Field(
        default=None, description="The display of the card; by default a copy of the metric's."
    )


class NewDisplay(ApiModel):
    """The new display of a placed card."""

    model_config = example(display={"chart": "gauge", "heading": "Would recommend us"})

    display: Display
    was: Display | None = Field(
        default=None,
        description="The display that the change is based on. If the card has another one, the "
        "response is 409 and nothing is saved. Without it, any display is replaced.",
    )


@router.post("/stages", status_code=201)
async def add_stage(
    app_state: CurrentAppState, editor: Editor, map_id: MapInPath, body: PartName
) -> StageView:
    """Add a stage at the right of a map."""
    stage = await run_in_threadpool(app_state.maps.add_stage, editor.account, map_id, body.name)
    app_state.live_updates.nudge(editor.account, map_id)
    return StageView(id=stage, name=body.name)


@router.patch("/stages/{stage_id}", responses=errors(409))
async def rename_stage(
    app_state: CurrentAppState,
    editor: Editor,
    map_id: MapInPath,
    stage_id: StageInPath,
    body: NewPartName,
) -> StageView:
    """Rename a stage."""
    _one_of((await _show(app_state, editor, map_id)).stages, stage_id, "stage")
    await run_in_threadpool(
        app_state.maps.rename_stage, editor.account, stage_id, body.name, body.was
    )
    app_state.live_updates.nudge(editor.account, map_id)
    return StageView(id=stage_id, name=body.name)


@router.delete("/stages/{stage_id}", status_code=204)
async def remove_stage(
    app_state: CurrentAppState, editor: Editor, map_id: MapInPath, stage_id: StageInPath
) -> None:
    """Remove a stage with its texts and cards."""
    await run_in_threadpool(app_state.removals.remove, editor.account, map_id, "stage", stage_id)
    app_state.live_updates.nudge(editor.account, map_id)


@router.post("/lanes", status_code=201)
async def add_lane(
    app_state: CurrentAppState, editor: Editor, map_id: MapInPath, body: NewLane
) -> LaneView:
    """Add a lane at the bottom of a map."""
    lane = await run_in_threadpool(
        app_state.maps.add_lane, editor.account, map_id, body.name, body.kind
    )
    app_state.live_updates.nudge(editor.account, map_id)
    return LaneView(id=lane, name=body.name, kind=body.kind)


@router.patch("/lanes/{lane_id}", responses=errors(409))
async def rename_lane(
    app_state: CurrentAppState,
    editor: Editor,
    map_id: MapInPath,
    lane_id: LaneInPath,
    body: NewPartName,
) -> LaneView:
    """Rename a lane."""
    lane = _one_of((await _show(app_state, editor, map_id)).lanes, lane_id, "lane")
    await run_in_threadpool(
        app_state.maps.rename_lane, editor.account, lane_id, body.name, body.was
    )
    app_state.live_updates.nudge(editor.account, map_id)
    return LaneView(id=lane_id, name=body.name, kind=lane.kind)


@router.delete("/lanes/{lane_id}", status_code=204)
async def remove_lane(
    app_state: CurrentAppState, editor: Editor, map_id: MapInPath, lane_id: LaneInPath
) -> None:
    """Remove a lane with its texts and cards."""
    await run_in_threadpool(app_state.removals.remove, editor.account, map_id, "lane", lane_id)
    app_state.live_updates.nudge(editor.account, map_id)


@router.put("/texts", responses=errors(409))
async def write_text(
    app_state: CurrentAppState, editor: Editor, map_id: MapInPath, body: CellText
) -> TextView:
    """Replace the text of a cell of a text lane."""
    cell = Cell(map_id, body.lane, body.stage)
    await run_in_threadpool(app_state.maps.write, editor.account, cell, body.text, body.was)
    app_state.live_updates.nudge(editor.account, map_id)
    return TextView(lane=body.lane, stage=body.stage, text=body.text)


@router.post("/placed-cards", status_code=201)
async def place_card(
    app_state: CurrentAppState, editor: Editor, map_id: MapInPath, body: NewPlacedCard
) -> PlacedCardView:
    """Place a metric in a cell of a data lane."""
    metric = await app_state.metrics.metrics.show(editor.actor, body.metric)
    display = body.display or metric.display
    cell = Cell(map_id, body.lane, body.stage)
    card = await run_in_threadpool(
        app_state.card_placements.place, editor.account, cell, body.metric, display
    )
    app_state.live_updates.nudge(editor.account, map_id)
    return PlacedCardView(
        id=card, lane=body.lane, stage=body.stage, metric=body.metric, display=display
    )


@router.patch("/placed-cards/{card_id}", responses=errors(409))
async def restyle_card(
    app_state: CurrentAppState,
    editor: Editor,
    map_id: MapInPath,
    card_id: CardInPath,
    body: NewDisplay,
) -> PlacedCardView:
    """Change the display of a placed card.

    The metric's defaults and its other cards do not change.
    """
    card = _one_of((await _show(app_state, editor, map_id)).cards, card_id, "card")
    await run_in_threadpool(
        app_state.card_placements.restyle, editor.account, card_id, body.display, body.was
    )
    app_state.live_updates.nudge(editor.account, map_id)
    return PlacedCardView.of(replace(card, display=body.display))


@router.delete("/placed-cards/{card_id}", status_code=204)
async def take_card_off(
    app_state: CurrentAppState, editor: Editor, map_id: MapInPath, card_id: CardInPath
) -> None:
    """Remove a card from its map.

    The metric is not deleted.
    """
    card = _one_of((await _show(app_state, editor, map_id)).cards, card_id, "card")
    await run_in_threadpool(
        app_state.removals.remove, editor.account, map_id, "card", card_id, card.display.heading
    )
    app_state.live_updates.nudge(editor.account, map_id)


async def _show(app_state: AppState, editor: Person, map_id: str) -> JourneyMap:
    return await run_in_threadpool(app_state.maps.show, editor.account, map_id)


def _one_of(parts: Sequence[Part], part_id: str, what: str) -> Part:
    """Return the part of a map with an id; never a part of another map."""
    for part in parts:
        if part.id == part_id:
            return part
    raise no_such(what)
