"""What a new map begins with, for those who do not want to begin with nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from smaply_metrics_host.store.journey import Kind
    from smaply_metrics_host.store.journeys import Journeys

STAGES: Final = ("Become aware", "Consider", "Buy", "Use", "Get help")
LANES: Final[tuple[tuple[str, Kind], ...]] = (
    ("What the customer does", "text"),
    ("Thinks and feels", "text"),
    ("Metrics", "data"),
)


def add_usual(journeys: Journeys, account: str, map_id: str) -> None:
    """Give a new map the usual stages and lanes."""
    for stage in STAGES:
        journeys.add_stage(account, map_id, stage)
    for lane, kind in LANES:
        journeys.add_lane(account, map_id, lane, kind)
