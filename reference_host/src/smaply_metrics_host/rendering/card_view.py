"""What a card on a map shows: its value, how fresh it is, and what to do when it is not."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cached_property
from typing import Final, Literal

from smaply_metrics_core.host import Card, Freshness, Problem
from smaply_metrics_host.rendering.result_renderer import RenderedResult, ResultRenderer
from smaply_metrics_host.store.map_models import PlacedCard

DIGEST_LENGTH: Final = 16
NOTHING_TO_COUNT: Final = "nothing_to_count"
"""The kind of the problem of a card whose update went well and found no answers."""
GONE_HEADING: Final = "Deleted metric"
GONE: Final = (
    "The metric of this card was deleted. An Editor can take the card off the map, or make a "
    "metric anew and place it."
)

UPDATE_DUE: Final = "update due"
"""The status of a card that waits for somebody to load the page."""

Tone = Literal["bad", "warn"]


@dataclass(frozen=True)
class Notice:
    """Why a card is not as it should be, with what to do about it.

    Attributes:
        title: In a few words, as in ``Last update failed``.
        issue: What the Integrations page calls it; empty for what is no issue.
    """

    tone: Tone
    title: str
    message: str
    remedy: str = ""
    issue: str = ""
    request_id: str = ""


@dataclass(frozen=True)
class CardView:
    """A card as its template shows it, to everybody alike.

    Attributes:
        map: The map that it lies on; empty for a preview.
        name: The metric's name; empty where it has none.
        rendered: The last good value; None when there is none.
        missing: Why there is no value.
        as_of: When the data was read.
        status: What follows “updated 12 minutes ago”; empty when it is fresh.
        refreshing: Whether a new value is on its way.
        gone: Whether the metric was deleted.
        svg_url: The drawing of a preview's chart; empty on a map, which has URLs of its own.
    """

    id: str
    map: str
    heading: str
    name: str
    subheading: str
    rendered: RenderedResult | None = None
    missing: str = ""
    as_of: datetime | None = None
    status: str = ""
    refreshing: bool = False
    svg_url: str = ""
    notice: Notice | None = None
    gone: bool = False

    @cached_property
    def version(self) -> str:
        """Give the digest of all that is shown, whatever the time is by which it is shown."""
        shown = {one.name: getattr(self, one.name) for one in fields(self)}
        shown["rendered"] = self.rendered.digest if self.rendered else ""
        return hashlib.sha256(repr(shown).encode()).hexdigest()[:DIGEST_LENGTH]


def card_view(
    placed: PlacedCard, card: Card | None, result_renderer: ResultRenderer, zone: str
) -> CardView:
    """Make the view of a placed card.

    Args:
        placed: Where and how it is shown: its own display, not the metric's.
        card: The metric as the framework tells it; None when the metric was deleted.
        result_renderer: Renders the value.
        zone: The account's time zone.
    """
    display = placed.display
    if card is None:
        return CardView(
            id=placed.id,
            map=placed.map,
            heading=display.heading or GONE_HEADING,
            name="",
            subheading=display.subheading,
            missing=GONE,
            gone=True,
        )
    return CardView(
        id=placed.id,
        map=placed.map,
        heading=display.heading or card.name,
        name=card.name,
        subheading=display.subheading,
        rendered=result_renderer.render(card.result, display, zone) if card.result else None,
        missing="" if card.result else _missing(card),
        as_of=card.as_of,
        status=_status(card),
        refreshing=card.freshness is Freshness.REFRESHING,
        notice=_notice(card),
    )


_STATUSES: Final = {
    Freshness.FRESH: "",
    Freshness.REFRESHING: "refreshing",
    Freshness.STALE: UPDATE_DUE,
    Freshness.FAILED: "update failed",
    Freshness.NEVER: "",
    Freshness.NOT_CONNECTED: "not connected",
}
_TITLES: Final = {
    Freshness.FRESH: "Take care",
    Freshness.REFRESHING: "The last update failed",
    Freshness.STALE: "Not updated",
    Freshness.FAILED: "The last update failed",
    Freshness.NEVER: "Not measured yet",
    Freshness.NOT_CONNECTED: "Not connected",
}


def _status(card: Card) -> str:
    if card.freshness is Freshness.STALE and card.problem is not None:
        return "not updated"
    return _STATUSES[card.freshness]


def _missing(card: Card) -> str:
    if card.freshness is Freshness.REFRESHING:
        return "Being measured now…"
    if card.freshness is Freshness.NEVER and card.problem is None:
        return "No value yet. The first measurement begins when the map is opened."
    return "No value yet."


def _notice(card: Card) -> Notice | None:
    problem = card.problem
    if problem is None:
        return None
    empty = problem.kind == NOTHING_TO_COUNT
    mild = empty or card.freshness is Freshness.NOT_CONNECTED
    return Notice(
        tone="warn" if mild else "bad",
        title="Nothing to count" if empty else _TITLES[card.freshness],
        message=problem.message,
        remedy=problem.remedy,
        issue=issue_texts(problem),
        request_id=problem.request_id or "",
    )


def issue_texts(problem: Problem) -> str:
    """Say what the Integrations page calls a problem: ``Token revoked``; empty for no issue."""
    return problem.issue.value.replace("_", " ").capitalize() if problem.issue else ""
