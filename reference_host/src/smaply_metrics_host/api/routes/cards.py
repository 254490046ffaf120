"""Cards: metrics with their latest value, refreshed when due."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Final

from fastapi import Query
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from smaply_metrics_core.host import Card, Freshness
from smaply_metrics_host.api.models import (
    LONGEST_WAIT,
    MOST_AT_ONCE,
    ApiModel,
    Id,
    WaitInQuery,
    example,
)
from smaply_metrics_host.api.rendered_result import Drawing, Theme, drawing
from smaply_metrics_host.api.responses import errors
from smaply_metrics_host.api.routing import Editor, Viewer, api_router
from smaply_metrics_host.app_state import CurrentAppState

if TYPE_CHECKING:
    from smaply_metrics_host.app_state import AppState
    from smaply_metrics_host.store.people import Person

router = api_router("cards", "/cards")

POLL_SECONDS: Final = 0.25
"""The polling interval while a request waits for a refresh. A blocking call would occupy a thread
of the framework."""

DrawFor = Annotated[
    Theme | None,
    Query(description="Add a rendering in this theme, with the metric's display defaults."),
]


class DrawnCard(Card):
    """A card, with a rendering if `draw` was set."""

    drawing: Drawing | None = None


class Refresh(ApiModel):
    """The metrics to refresh."""

    model_config = example(metrics=["met_4f1d2a9be07c"], wait=10)

    metrics: Annotated[tuple[Id, ...], Field(min_length=1, max_length=MOST_AT_ONCE)]
    wait: Annotated[float, Field(ge=0, le=LONGEST_WAIT)] = 0.0
    draw: Theme | None = None


@router.get("", responses=errors(404))
async def load_cards(  # noqa: PLR0913, PLR0917  # Each is a parameter of the call.
    app_state: CurrentAppState,
    person: Viewer,
    metric: Annotated[
        list[Id] | None,
        Query(
            max_length=MOST_AT_ONCE,
            description="IDs of metrics, in the order of the response; all metrics by default.",
        ),
    ] = None,
    wait: WaitInQuery = 0.0,
    refresh: Annotated[bool, Query(description="Whether to refresh metrics that are due.")] = True,  # noqa: FBT002
    draw: DrawFor = None,
) -> list[DrawnCard]:
    """Load cards.

    Returns the stored values immediately. Metrics whose last refresh attempt is older than one hour
    are refreshed in the background, and the freshness of their cards is `refreshing`. Use `wait` to
    wait for the new values.
    """
    cards = await app_state.metrics.cards.load(person.actor, metric, refresh=refresh)
    if refresh:
        cards = await _await_refresh(app_state, person, metric, cards, wait)
    return await _with_drawings(app_state, person, cards, draw)


@router.post("/refresh", responses=errors(404))
async def refresh_cards(
    app_state: CurrentAppState, editor: Editor, body: Refresh
) -> list[DrawnCard]:
    """Refresh metrics now.

    Each survey is refreshed at most once a minute. If that is exceeded, the card is returned
    unchanged; see its `explanation`.
    """
    cards = await app_state.metrics.cards.load(editor.actor, body.metrics, force=True)
    cards = await _await_refresh(app_state, editor, body.metrics, cards, body.wait)
    return await _with_drawings(app_state, editor, cards, body.draw)


async def _await_refresh(
    app_state: AppState,
    person: Person,
    ids: Sequence[str] | None,
    cards: tuple[Card, ...],
    seconds: float,
) -> tuple[Card, ...]:
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while any(card.freshness is Freshness.REFRESHING for card in cards) and loop.time() < until:
        await asyncio.sleep(POLL_SECONDS)
        cards = await app_state.metrics.cards.load(person.actor, ids)
    return cards


async def _with_drawings(
    app_state: AppState, person: Person, cards: tuple[Card, ...], theme: Theme | None
) -> list[DrawnCard]:
    if theme is None:
        return [DrawnCard.model_validate(dict(card)) for card in cards]
    zone = (await app_state.metrics.accounts.show(person.actor)).zone

    def draw() -> list[DrawnCard]:
        return [
            DrawnCard.model_validate(
                {
                    **dict(card),
                    "drawing": card.result
                    and drawing(app_state, card.result, card.display, theme, zone),
                }
            )
            for card in cards
        ]

    return await run_in_threadpool(draw)
