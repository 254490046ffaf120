"""Factories of journey maps and metrics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from smaply_metrics_core.host import Calculation, Definition, Display, Metric, Role
from smaply_metrics_host.store.map_models import Cell

if TYPE_CHECKING:
    from reference_host.tests.app_fixture import World

SURVEY = "SV_RelationshipA01"
NPS = Definition(survey_id=SURVEY, question_id="QID1", calculation=Calculation.NPS)


@dataclass(frozen=True)
class SmallMap:
    """A map with one stage, a text lane and a data lane."""

    map: str
    stage: str
    texts: str
    metrics: str

    @property
    def path(self) -> str:
        """The path of the map."""
        return f"/maps/{self.map}"

    @property
    def cell(self) -> Cell:
        """The cell for cards."""
        return Cell(self.map, self.metrics, self.stage)


def add_map(world: World, name: str = "Buying online", *, account: str = "") -> SmallMap:
    """Create a map in the account's first workspace."""
    app_state, account = world.app_state, account or world.account
    world.client(Role.VIEWER, account=account)  # Creates the account.
    workspace = app_state.people.workspaces(account)[0]
    map_id = app_state.maps.add(account, workspace.id, name)
    return SmallMap(
        map_id,
        app_state.maps.add_stage(account, map_id, "Discover"),
        app_state.maps.add_lane(account, map_id, "Customer does", "text"),
        app_state.maps.add_lane(account, map_id, "Experience", "data"),
    )


def add_metric(
    world: World, name: str = "NPS", definition: Definition = NPS, **display: object
) -> Metric:
    """Create a metric on the sandbox's relationship survey, which must be connected."""
    workspace = world.app_state.people.workspaces(world.account)[0]

    async def add() -> Metric:
        return await world.app_state.metrics.metrics.add(
            world.actor(Role.EDITOR),
            "qualtrics",
            name,
            definition,
            display=Display.model_validate(display),
            workspace=workspace.id,
        )

    return world.run(add())


def place(world: World, corner: SmallMap, metric: Metric) -> str:
    """Place a metric's card on a map and return the card's id."""
    return world.app_state.card_placements.place(
        world.account, corner.cell, metric.id, metric.display
    )


def measure(world: World) -> None:
    """Refresh every metric for the first time."""

    async def load() -> None:
        await world.app_state.metrics.cards.load(world.actor(Role.VIEWER), wait=120.0)

    world.run(load())
