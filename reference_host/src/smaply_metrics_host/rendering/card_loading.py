"""The cards of metrics from the framework: without deleted metrics, and after “Refresh now”."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from smaply_metrics_core.host import Card, NotFound
from smaply_metrics_host.rendering.refresh_answer import RefreshAnswer, refresh_answer

if TYPE_CHECKING:
    from smaply_metrics_core.host import Actor, AsyncMetricsHost

CardLoader = Callable[..., Awaitable[tuple[Card, ...]]]
"""Loads some cards with the options of ``Cards.load``."""


async def load_existing(
    metrics: AsyncMetricsHost,
    actor: Actor,
    metric_ids: Sequence[str],
    *,
    refresh: bool = True,
    force: bool = False,
) -> tuple[Card, ...]:
    """Return the cards of those metrics that were not deleted.

    Args:
        metrics: The framework.
        actor: The person who reads them.
        metric_ids: The metrics.
        refresh: Whether to refresh due metrics in the background.
        force: Whether to refresh metrics that are not due yet.

    Raises:
        RoleRequired: ``force`` is set and the actor is a Viewer.
    """
    load = partial(metrics.cards.load, actor, refresh=refresh, force=force)
    try:
        return await load(metric_ids)
    except NotFound:  # A metric was deleted.
        there = {metric.id for metric in await metrics.metrics.list(actor)}
        return await load([one for one in metric_ids if one in there])


async def refresh_now(load: CardLoader) -> tuple[tuple[Card, ...], RefreshAnswer]:
    """Refresh cards now, and return them with what happens to them."""
    before = await load(refresh=False)
    after = await load(force=True)
    return after, refresh_answer(before, after)
