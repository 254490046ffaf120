"""Models of journey maps: stages are columns, lanes are rows, cells hold texts or cards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from smaply_metrics_core.host import Display

Kind = Literal["text", "data"]
Axis = Literal["stages", "lanes"]
"""The columns or the rows of a map."""


class Cell(NamedTuple):
    """A cell of a map, by ids."""

    map: str
    lane: str
    stage: str


@dataclass(frozen=True)
class MapSummary:
    """A map in a list, with its number of cards."""

    id: str
    name: str
    workspace: str
    cards: int


@dataclass(frozen=True)
class Stage:
    """A column."""

    id: str
    name: str


@dataclass(frozen=True)
class Lane:
    """A row: of texts, or of metric cards."""

    id: str
    name: str
    kind: Kind


@dataclass(frozen=True)
class PlacedCard:
    """A metric in a cell, with its own ``display`` instead of the metric's defaults."""

    id: str
    map: str
    lane: str
    stage: str
    metric: str
    display: Display


@dataclass(frozen=True)
class JourneyMap:
    """A map with its contents; ``texts`` are keyed by lane and stage."""

    id: str
    name: str
    workspace: str
    stages: tuple[Stage, ...]
    lanes: tuple[Lane, ...]
    texts: dict[tuple[str, str], str]
    cards: tuple[PlacedCard, ...]


@dataclass(frozen=True)
class Removal:
    """A stage, lane or card that was removed from a map and can be restored.

    Attributes:
        name: The name of the stage or lane, or the heading of the card; may be empty.
        texts: The number of its texts.
        cards: The number of its cards.
    """

    id: int
    kind: Literal["stage", "lane", "card"]
    name: str
    texts: int
    cards: int
