"""A journey map with its cards as they are now, made for everybody of an account alike."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from cachetools import LRUCache
from markupsafe import Markup
from starlette.concurrency import run_in_threadpool

from smaply_metrics_core.host import Actor, AsyncMetricsHost, Card, NotFound, Role, SingleFlight
from smaply_metrics_host.live_updates import MapSnapshot
from smaply_metrics_host.rendering.card_view import UPDATE_DUE, CardView, Notice, card_view
from smaply_metrics_host.rendering.result_renderer import RenderedResult, ResultRenderer
from smaply_metrics_host.rendering.templating import Templates
from smaply_metrics_host.store.map_models import JourneyMap
from smaply_metrics_host.store.maps import Maps

NOTICES: Final = "notices"
"""The part of a map that says what several cards have in common."""
MAX_MAPS: Final = 200
MAX_CARDS: Final = 2000
"""Cached cards as HTML: at some 3 kB each they take up to 6 MB."""
DIGEST_LENGTH: Final = 16


@dataclass(frozen=True)
class Notices:
    """What several cards of a map have in common.

    Attributes:
        shared: A notice, and how many cards it is on.
        due: How many cards wait for somebody to load the page.
    """

    shared: tuple[tuple[Notice, int], ...]
    due: int

    @property
    def version(self) -> str:
        """Give the digest of all that is shown."""
        return _digest(self)


@dataclass(frozen=True)
class RenderedMap:
    """A map as it is shown.

    Attributes:
        structure: The digest of all but what cards show: names, texts, where cards lie.
        cards: By id.
    """

    journey: JourneyMap
    structure: str
    cards: Mapping[str, CardView]
    notices: Notices

    @property
    def refreshing(self) -> bool:
        """Whether values are on their way."""
        return any(card.refreshing for card in self.cards.values())

    @property
    def versions(self) -> dict[str, str]:
        """Give the version of each part that changes by itself, by id."""
        cards = {card.id: card.version for card in self.cards.values()}
        return {NOTICES: self.notices.version, **cards}

    def places(self) -> dict[tuple[str, str], list[CardView]]:
        """Give the cards by lane and stage."""
        places: dict[tuple[str, str], list[CardView]] = {}
        for placed in self.journey.cards:
            places.setdefault((placed.lane, placed.stage), []).append(self.cards[placed.id])
        return places

    def charts(self) -> dict[str, RenderedResult]:
        """Return the results that are drawn as charts, by digest."""
        results = (card.rendered for card in self.cards.values())
        return {
            rendered.digest: rendered
            for rendered in results
            if rendered is not None and rendered.drawn
        }


class MapRenderer:
    """Makes the views of maps.

    Args:
        maps: The maps.
        metrics: The framework.
        result_renderer: Renders values.
        templates: Render parts of pages.
    """

    def __init__(
        self,
        maps: Maps,
        metrics: AsyncMetricsHost,
        result_renderer: ResultRenderer,
        templates: Templates,
    ) -> None:
        self._maps = maps
        self._metrics = metrics
        self._result_renderer = result_renderer
        self._templates = templates
        # A view must show what was changed before it, so it never joins one that is being made.
        self._views = SingleFlight[RenderedMap](join_running=False)
        self._recent = LRUCache[tuple[str, str], RenderedMap](MAX_MAPS)  # On the event loop only.
        self._cards = LRUCache[tuple[str, str], Markup](MAX_CARDS)
        self._cards_lock = threading.Lock()

    async def view(self, account: str, map_id: str, *, refresh: bool) -> RenderedMap:
        """Return a map at once, from what is stored; concurrent requests share it.

        Args:
            account: Whose it is.
            map_id: Which one.
            refresh: Whether what is due is refreshed behind it.

        Raises:
            NotFound: when the account has no such map.
        """
        make = partial(self._make, account, map_id, refresh=refresh)
        return await self._views.run_async((account, map_id, refresh), make)

    async def look(self, account: str, map_id: str) -> MapSnapshot:
        """Look at a map for all who have it open; starts no refresh.

        Raises:
            NotFound: when the account has no such map.
        """
        view = await self.view(account, map_id, refresh=False)
        return MapSnapshot(view.structure, view.versions, view.refreshing, partial(self.html, view))

    async def charts(
        self, account: str, map_id: str, digests: Sequence[str]
    ) -> dict[str, RenderedResult]:
        """Return the results that a map draws as charts, by digest; others are left out.

        Raises:
            NotFound: when the account has no such map.
        """
        recent = self._recent.get((account, map_id))
        known = recent.charts() if recent is not None else {}
        if not known.keys() >= set(digests):
            known = (await self.view(account, map_id, refresh=False)).charts()
        return {digest: known[digest] for digest in digests if digest in known}

    def html(self, view: RenderedMap, part: str) -> Markup:
        """Render a part of a map that changes by itself. Thread-safe."""
        if part == NOTICES:
            return self._templates.fragment("map_notices.html", notices=view.notices)
        card = view.cards[part]
        # The same card says “1 minute ago” at one time, and “2 minutes ago” at another.
        age = self._templates.ago(card.as_of) if card.as_of else ""
        key = (card.version, age)
        with self._cards_lock:
            html = self._cards.get(key)
        if html is None:
            html = self._templates.fragment("card.html", card=card)
            with self._cards_lock:
                self._cards[key] = html
        return html

    async def refresh_now(self, actor: Actor, map_id: str) -> None:
        """Refresh a map's cards although they are not due; at most once a minute for each survey.

        Raises:
            NotFound: when the account has no such map.
            RoleRequired: when it is not an Editor who asks.
        """
        journey = await run_in_threadpool(self._maps.show, actor.account, map_id)
        await self._load(actor, journey, force=True)

    async def _make(self, account: str, map_id: str, *, refresh: bool) -> RenderedMap:
        actor = Actor(account, "the map", Role.VIEWER)
        journey = await run_in_threadpool(self._maps.show, account, map_id)
        settings = await self._metrics.accounts.show(actor)
        loaded = await self._load(actor, journey, refresh=refresh)
        view = await run_in_threadpool(_view, journey, loaded, self._result_renderer, settings.zone)
        self._recent[account, map_id] = view
        return view

    async def _load(
        self, actor: Actor, journey: JourneyMap, *, refresh: bool = True, force: bool = False
    ) -> dict[str, Card]:
        ids = list(dict.fromkeys(placed.metric for placed in journey.cards))
        load = partial(self._metrics.cards.load, actor, refresh=refresh, force=force)
        try:
            cards = await load(ids)
        except NotFound:  # Metrics can be deleted while cards show them.
            there = {metric.id for metric in await self._metrics.metrics.list(actor)}
            cards = await load([metric for metric in ids if metric in there])
        return {card.metric_id: card for card in cards}


def _view(
    journey: JourneyMap, loaded: Mapping[str, Card], result_renderer: ResultRenderer, zone: str
) -> RenderedMap:
    cards = {
        placed.id: card_view(placed, loaded.get(placed.metric), result_renderer, zone)
        for placed in journey.cards
    }
    return RenderedMap(journey, _structure(journey), cards, _notices(cards.values()))


def _structure(journey: JourneyMap) -> str:
    places = tuple((placed.id, placed.lane, placed.stage) for placed in journey.cards)
    texts = tuple(sorted(journey.texts.items()))
    return _digest((journey.name, journey.stages, journey.lanes, texts, places))


def _notices(cards: Iterable[CardView]) -> Notices:
    cards = tuple(cards)
    # Each has the id of its own request; what it says is the same.
    notices = (replace(card.notice, request_id="") for card in cards if card.notice is not None)
    counted = Counter(notices)
    return Notices(
        shared=tuple((notice, number) for notice, number in counted.items() if number > 1),
        due=sum(card.status == UPDATE_DUE for card in cards),
    )


def _digest(shown: object) -> str:
    return hashlib.sha256(repr(shown).encode()).hexdigest()[:DIGEST_LENGTH]
