"""Cards: metrics with their last good value, refreshed when that is due."""

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
from smaply_metrics_host.api.responses import refused
from smaply_metrics_host.api.routing import Editor, Viewer, api_router
from smaply_metrics_host.app_state import CurrentAppState

if TYPE_CHECKING:
    from smaply_metrics_host.app_state import AppState
    from smaply_metrics_host.store.people import Person

router = api_router("cards", "/cards")

LOOK_AGAIN: Final = 0.25
"""Seconds between looks at a refresh. A look is short; a call that waits would take up one of the
framework's threads for as long."""

DrawFor = Annotated[
    Theme | None,
    Query(description="Add a drawing for a page of this theme, by the metric's display defaults."),
]


class DrawnCard(Card):
    """A card, and how to show its value where that was asked for."""

    drawing: Drawing | None = None


class Refresh(ApiModel):
    """The metrics to refresh now."""

    model_config = example(metrics=["met_4f1d2a9be07c"], wait=10)

    metrics: Annotated[tuple[Id, ...], Field(min_length=1, max_length=MOST_AT_ONCE)]
    wait: Annotated[float, Field(ge=0, le=LONGEST_WAIT)] = 0.0
    draw: Theme | None = None


@router.get("", responses=refused(404))
async def load_cards(  # noqa: PLR0913, PLR0917  # Each is a parameter of the call.
    app_state: CurrentAppState,
    person: Viewer,
    metric: Annotated[
        list[Id] | None,
        Query(
            max_length=MOST_AT_ONCE,
            description="Ids of metrics, in the order wanted; without any, all of the account.",
        ),
    ] = None,
    wait: WaitInQuery = 0.0,
    refresh: Annotated[bool, Query(description="False shows what is stored, no more.")] = True,  # noqa: FBT002
    draw: DrawFor = None,
) -> list[DrawnCard]:
    """Load cards: at once, from what is stored.

    What is due (its last update attempt is older than an hour) is refreshed in the background, and
    its card says ``refreshing``. ``wait`` is for clients that would rather wait for that.
    """
    cards = await app_state.metrics.cards.load(person.actor, metric, refresh=refresh)
    if refresh:
        cards = await _waited(app_state, person, metric, cards, wait)
    return await _drawn(app_state, person, cards, draw)


@router.post("/refresh", responses=refused(404))
async def refresh_cards(
    app_state: CurrentAppState, editor: Editor, body: Refresh
) -> list[DrawnCard]:
    """Refresh metrics although they are not due.

    At most once a minute for each survey: a card that was not refreshed for that says so in its
    ``explanation``, and is no error.
    """
    cards = await app_state.metrics.cards.load(editor.actor, body.metrics, force=True)
    cards = await _waited(app_state, editor, body.metrics, cards, body.wait)
    return await _drawn(app_state, editor, cards, body.draw)


async def _waited(
    app_state: AppState,
    person: Person,
    ids: Sequence[str] | None,
    cards: tuple[Card, ...],
    seconds: float,
) -> tuple[Card, ...]:
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while any(card.freshness is Freshness.REFRESHING for card in cards) and loop.time() < until:
        await asyncio.sleep(LOOK_AGAIN)
        cards = await app_state.metrics.cards.load(person.actor, ids)
    return cards


async def _drawn(
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
