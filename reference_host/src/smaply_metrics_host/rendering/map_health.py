"""The health of maps for their tiles: targets met, cards that fail or are out of date."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from starlette.concurrency import run_in_threadpool

from smaply_metrics_core import charts
from smaply_metrics_core.host import Card, Display, Freshness
from smaply_metrics_host.rendering.card_loading import load_existing

if TYPE_CHECKING:
    from smaply_metrics_core.host import Actor, AsyncMetricsHost
    from smaply_metrics_host.store.card_placements import CardPlacements

FAILING: Final = frozenset({Freshness.FAILED, Freshness.NOT_CONNECTED, Freshness.NOT_CHOSEN})
OUTDATED: Final = frozenset({Freshness.STALE, Freshness.NEVER})


@dataclass(frozen=True)
class MapHealth:
    """The state of the cards of a map.

    Attributes:
        cards: The number of cards.
        targets: The number of cards with a value and a target.
        met: The number of these whose value meets the target.
        failing: The number of cards that cannot be updated.
        outdated: The number of cards that are updated when someone opens the map.
    """

    cards: int = 0
    targets: int = 0
    met: int = 0
    failing: int = 0
    outdated: int = 0


async def maps_health(
    metrics: AsyncMetricsHost, card_placements: CardPlacements, actor: Actor
) -> dict[str, MapHealth]:
    """Return the health of each map that has cards, by id, from stored values."""
    placed = await run_in_threadpool(card_placements.displays, actor.account)
    if not placed:
        return {}
    ids = {metric for several in placed.values() for metric, _ in several}
    loaded = await load_existing(metrics, actor, sorted(ids), refresh=False)
    cards = {card.metric_id: card for card in loaded}

    def every() -> dict[str, MapHealth]:
        return {map_id: map_health(several, cards) for map_id, several in placed.items()}

    return await run_in_threadpool(every)


def map_health(placed: Iterable[tuple[str, Display]], cards: Mapping[str, Card]) -> MapHealth:
    """Return the health of a map.

    Args:
        placed: The metric and the display settings of each of its cards.
        cards: The cards by metric; a deleted metric has none and counts as failing.
    """
    number = targets = met = failing = outdated = 0
    for metric, display in placed:
        number += 1
        card = cards.get(metric)
        if card is None or card.freshness in FAILING:
            failing += 1
        elif card.freshness in OUTDATED:
            outdated += 1
        if card is None or card.result is None or display.target is None:
            continue
        target_met = charts.headline(card.result, display).target_met
        targets += target_met is not None
        met += target_met is True
    return MapHealth(number, targets, met, failing, outdated)
