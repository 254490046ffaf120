"""Journey maps with their current cards, rendered once per role and cached."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Final, NamedTuple

from cachetools import LRUCache
from markupsafe import Markup
from starlette.concurrency import run_in_threadpool

from smaply_metrics_core.host import (
    Actor,
    AsyncMetricsHost,
    Card,
    RefreshAttempt,
    Role,
    SingleFlight,
)
from smaply_metrics_host.live_updates import MapSnapshot
from smaply_metrics_host.map_readers import Guest, MapReader, role_of
from smaply_metrics_host.rendering.card_loading import load_existing, refresh_now
from smaply_metrics_host.rendering.card_view import UPDATE_DUE, CardView, Notice, card_view
from smaply_metrics_host.rendering.guest_cards import guest_card
from smaply_metrics_host.rendering.refresh_answer import RefreshAnswer
from smaply_metrics_host.rendering.result_renderer import RenderedResult, ResultRenderer
from smaply_metrics_host.rendering.templating import Templates
from smaply_metrics_host.store.map_models import JourneyMap
from smaply_metrics_host.store.maps import Maps

NOTICES: Final = "notices"
"""The id of the part of a map with the notices that several cards share."""
MAX_MAPS: Final = 200
MAX_CARDS: Final = 2000
"""Cards cached as HTML, about 3 kB each: up to 6 MB."""
DIGEST_LENGTH: Final = 16


class SharedNotice(NamedTuple):
    """A notice that several cards of a map share.

    Attributes:
        cards: The number of cards.
        numbers_from: When the data of their values was read: a time, or the first and last one.
    """

    notice: Notice
    cards: int
    numbers_from: str


@dataclass(frozen=True)
class Notices:
    """The notices that several cards of a map share.

    Attributes:
        shared: The shared notices.
        due: The number of cards that are refreshed when someone opens the map.
        may_connect: Whether the reader may open the page of a connection.
        guest: Whether the reader has a share link, and no account.
    """

    shared: tuple[SharedNotice, ...]
    due: int
    may_connect: bool
    guest: bool

    @property
    def version(self) -> str:
        """The digest of the content."""
        return _digest(self)


@dataclass(frozen=True)
class RenderedMap:
    """A map as readers with one role, or all guests, read it.

    Attributes:
        structure: The digest of the names, the texts and the positions of the cards.
        cards: The cards by id.
        zone: The time zone of the account.
    """

    journey: JourneyMap
    structure: str
    cards: Mapping[str, CardView]
    notices: Notices
    zone: str

    @property
    def refreshing(self) -> bool:
        """Whether a refresh is in progress."""
        return any(card.refreshing for card in self.cards.values())

    @property
    def versions(self) -> dict[str, str]:
        """The version of each part that is updated live, by id."""
        cards = {card.id: card.version for card in self.cards.values()}
        return {NOTICES: self.notices.version, **cards}

    def places(self) -> dict[tuple[str, str], list[CardView]]:
        """Return the cards by lane and stage."""
        places: dict[tuple[str, str], list[CardView]] = {}
        for placed in self.journey.cards:
            places.setdefault((placed.lane, placed.stage), []).append(self.cards[placed.id])
        return places

    def charts(self) -> dict[str, RenderedResult]:
        """Return the results drawn as charts, by digest."""
        results = (card.rendered for card in self.cards.values())
        return {
            rendered.digest: rendered
            for rendered in results
            if rendered is not None and rendered.drawn
        }


class MapRenderer:
    """Renders maps: once for all people of a role and once for all guests.

    Args:
        maps: The store of the maps.
        metrics: The framework.
        result_renderer: Renders values.
        templates: Renders parts of pages.
        now: Returns the current instant.
    """

    def __init__(
        self,
        maps: Maps,
        metrics: AsyncMetricsHost,
        result_renderer: ResultRenderer,
        templates: Templates,
        now: Callable[[], datetime],
    ) -> None:
        self._maps = maps
        self._metrics = metrics
        self._result_renderer = result_renderer
        self._templates = templates
        self._now = now
        # A view must include all earlier changes, so it never joins a call in progress.
        self._views = SingleFlight[RenderedMap](join_running=False)
        self._recent = LRUCache[tuple[str, str], RenderedMap](MAX_MAPS)  # On the event loop only.
        self._cards = LRUCache[tuple[str, str], Markup](MAX_CARDS)
        self._attempts = LRUCache[tuple[str, str, Role], tuple[object, tuple[RefreshAttempt, ...]]](
            MAX_CARDS
        )
        self._cards_lock = threading.Lock()

    async def view(
        self, account: str, map_id: str, reader: MapReader, *, refresh: bool
    ) -> RenderedMap:
        """Return a map with its stored values; concurrent requests of a role share the result.

        Args:
            account: The account of the map.
            map_id: The id of the map.
            reader: For whom the cards and their problems are rendered.
            refresh: Whether to refresh due metrics in the background.

        Raises:
            NotFound: The account has no such map.
        """
        make = partial(self._make, account, map_id, reader, refresh=refresh)
        return await self._views.run_async((account, map_id, reader, refresh), make)

    async def look(self, account: str, map_id: str, reader: MapReader) -> MapSnapshot:
        """Return the current state of a map for the live updates of a reader, without a refresh.

        Raises:
            NotFound: The account has no such map.
        """
        view = await self.view(account, map_id, reader, refresh=False)
        return MapSnapshot(view.structure, view.versions, view.refreshing, partial(self.html, view))

    async def charts(
        self, account: str, map_id: str, digests: Sequence[str]
    ) -> dict[str, RenderedResult]:
        """Return the results that a map draws as charts, by digest; unknown digests are skipped.

        Raises:
            NotFound: The account has no such map.
        """
        recent = self._recent.get((account, map_id))
        known = recent.charts() if recent is not None else {}
        if not known.keys() >= set(digests):
            # Charts are the same for every role.
            known = (await self.view(account, map_id, Role.VIEWER, refresh=False)).charts()
        return {digest: known[digest] for digest in digests if digest in known}

    def html(self, view: RenderedMap, part: str) -> Markup:
        """Render a part of a map that is updated live. Thread-safe."""
        if part == NOTICES:
            return self._templates.fragment("map_notices.html", notices=view.notices)
        card = view.cards[part]
        # The text changes with time too: “1 minute ago”, then “2 minutes ago”.
        age = self._templates.ago(card.as_of) if card.as_of else ""
        key = (card.version, age)
        with self._cards_lock:
            html = self._cards.get(key)
        if html is None:
            html = self._templates.fragment("card.html", card=card)
            with self._cards_lock:
                self._cards[key] = html
        return html

    async def refresh_now(self, actor: Actor, map_id: str) -> RefreshAnswer:
        """Refresh all cards of a map now, at most once a minute for each survey.

        Returns:
            What happens to the cards.

        Raises:
            NotFound: The account has no such map.
            RoleRequired: The actor is not an Editor.
        """
        journey = await run_in_threadpool(self._maps.show, actor.account, map_id)
        load = partial(load_existing, self._metrics, actor, _metric_ids(journey))
        _, answer = await refresh_now(load)
        return answer

    async def _make(
        self, account: str, map_id: str, reader: MapReader, *, refresh: bool
    ) -> RenderedMap:
        actor = Actor(account, "the map", role_of(reader))
        journey = await run_in_threadpool(self._maps.show, account, map_id)
        settings = await self._metrics.accounts.show(actor)
        cards = await load_existing(self._metrics, actor, _metric_ids(journey), refresh=refresh)
        loaded = {card.metric_id: card for card in cards}
        attempts = await self._attempts_of(actor, loaded)
        view = await run_in_threadpool(
            _view,
            journey,
            loaded,
            attempts,
            self._result_renderer,
            settings.zone,
            self._now(),
            reader,
        )
        self._recent[account, map_id] = view
        return view

    async def _attempts_of(
        self, actor: Actor, cards: Mapping[str, Card]
    ) -> dict[str, tuple[RefreshAttempt, ...]]:
        """Return the last attempts of each metric; those of unchanged cards are cached.

        An attempt that ends changes when its card is due next, or its value. Reading the attempts
        of all cards takes longer than loading them.
        """
        found: dict[str, tuple[RefreshAttempt, ...]] = {}
        states = {one: (card.as_of, card.next_at, card.freshness) for one, card in cards.items()}
        for one, state in states.items():
            known = self._attempts.get((actor.account, one, actor.role))
            if known is not None and known[0] == state:
                found[one] = known[1]
        missing = [one for one in cards if one not in found]
        if missing:
            read = await self._metrics.cards.attempts(actor, missing)
            for one, attempts in read.items():
                self._attempts[actor.account, one, actor.role] = (states[one], attempts)
            found |= read
        return found


def _metric_ids(journey: JourneyMap) -> list[str]:
    return list(dict.fromkeys(placed.metric for placed in journey.cards))


def _view(  # noqa: PLR0913, PLR0917  # The parts of a map.
    journey: JourneyMap,
    loaded: Mapping[str, Card],
    attempts: Mapping[str, Sequence[RefreshAttempt]],
    result_renderer: ResultRenderer,
    zone: str,
    now: datetime,
    reader: MapReader,
) -> RenderedMap:
    cards = {
        placed.id: card_view(
            placed,
            loaded.get(placed.metric),
            result_renderer,
            zone,
            now,
            attempts.get(placed.metric, ()),
        )
        for placed in journey.cards
    }
    if isinstance(reader, Guest):
        cards = {card_id: guest_card(card) for card_id, card in cards.items()}
    notices = _notices(cards.values(), reader)
    return RenderedMap(journey, _structure(journey), cards, notices, zone)


def _structure(journey: JourneyMap) -> str:
    places = tuple((placed.id, placed.lane, placed.stage) for placed in journey.cards)
    texts = tuple(sorted(journey.texts.items()))
    return _digest((journey.name, journey.stages, journey.lanes, texts, places))


def _notices(cards: Iterable[CardView], reader: MapReader) -> Notices:
    cards = tuple(cards)
    shared: dict[Notice, list[CardView]] = {}
    for card in cards:
        if card.notice is not None:
            # Notices of one problem differ by the ID of the request and the age of the value.
            alike = replace(card.notice, request_id="", numbers_from="")
            shared.setdefault(alike, []).append(card)
    return Notices(
        shared=tuple(
            SharedNotice(notice, len(several), _numbers_from(several))
            for notice, several in shared.items()
            if len(several) > 1
        ),
        due=sum(card.status == UPDATE_DUE for card in cards),
        may_connect=reader is Role.ADMIN,
        guest=isinstance(reader, Guest),
    )


def _numbers_from(cards: Sequence[CardView]) -> str:
    """Return when the values of cards with a notice were read: a time, or the first and last."""
    times = [
        card.notice.numbers_from
        for card in sorted(cards, key=lambda one: one.as_of.timestamp() if one.as_of else 0.0)
        if card.notice is not None and card.notice.numbers_from
    ]
    return " to ".join(dict.fromkeys((times[0], times[-1]))) if times else ""


def _digest(shown: object) -> str:
    return hashlib.sha256(repr(shown).encode()).hexdigest()[:DIGEST_LENGTH]
