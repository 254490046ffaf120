"""The content of a card on a map: its value, its freshness and its problem."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cached_property
from typing import Final, Literal

from smaply_metrics_core.charts import instant_text
from smaply_metrics_core.host import Card, Freshness, Problem, RefreshAttempt
from smaply_metrics_host.rendering.result_renderer import RenderedResult, ResultRenderer
from smaply_metrics_host.store.map_models import PlacedCard
from smaply_metrics_host.web.text import clock_time

DIGEST_LENGTH: Final = 16
NOTHING_TO_COUNT: Final = "nothing_to_count"
"""The kind of the problem of a card whose refresh succeeded without any answers."""
NOTHING_TO_COUNT_TITLE: Final = "Nothing to count"
GONE_HEADING: Final = "Deleted metric"
GONE: Final = "The metric of this card was deleted. An Editor can remove the card."

UPDATE_DUE: Final = "update due"
"""The status of a card that is refreshed when someone opens the map."""

SHOWN_ATTEMPTS: Final = 5

Tone = Literal["bad", "warn"]


@dataclass(frozen=True)
class Notice:
    """A problem on a card, as one role reads it.

    Attributes:
        title: A short title, such as ``Not updated``.
        issue: The name of the issue on the Integrations page; empty if there is none.
        numbers_from: When the data of the shown value was read; empty if the value is current.
    """

    tone: Tone
    title: str
    message: str
    remedy: str = ""
    issue: str = ""
    request_id: str = ""
    numbers_from: str = ""


@dataclass(frozen=True)
class AttemptLine:
    """A past update of a card.

    Attributes:
        at: When it started, in the account's time zone.
        text: How it ended, after how long, and why.
    """

    at: str
    text: str


@dataclass(frozen=True)
class CardView:
    """The content of the card template. Only the notice depends on the role of the reader.

    Attributes:
        map: The id of the map; empty for a preview, and for a guest.
        guest: Whether the reader has a share link, and no account.
        name: The name of the metric; empty if it has none.
        connection: The name of the metric's connection; empty if it was deleted.
        rendered: The last good value; ``None`` without one.
        missing: Why there is no value.
        as_of: When the data was read.
        status: The text after “updated 12 minutes ago”; empty for a fresh card.
        refreshing: Whether a refresh is in progress.
        attempts: The last updates, the newest first.
        gone: Whether the metric was deleted.
        svg_url: The URL of a preview's chart as SVG; empty on a map.
    """

    id: str
    map: str
    heading: str
    name: str
    subheading: str
    connection: str = ""
    rendered: RenderedResult | None = None
    missing: str = ""
    as_of: datetime | None = None
    status: str = ""
    refreshing: bool = False
    svg_url: str = ""
    notice: Notice | None = None
    attempts: tuple[AttemptLine, ...] = ()
    gone: bool = False
    guest: bool = False

    @cached_property
    def version(self) -> str:
        """The digest of the content; it does not change as the card grows older."""
        shown = {one.name: getattr(self, one.name) for one in fields(self)}
        shown["rendered"] = self.rendered.digest if self.rendered else ""
        return hashlib.sha256(repr(shown).encode()).hexdigest()[:DIGEST_LENGTH]


def card_view(  # noqa: PLR0913, PLR0917  # What a card shows, and for whom.
    placed: PlacedCard,
    card: Card | None,
    result_renderer: ResultRenderer,
    zone: str,
    now: datetime,
    attempts: Sequence[RefreshAttempt] = (),
) -> CardView:
    """Return the content of a placed card.

    Args:
        placed: The position of the card and its display settings, which override the metric's.
        card: The card from the framework; ``None`` if the metric was deleted.
        result_renderer: Renders the value.
        zone: The account's time zone.
        now: The current instant.
        attempts: The last attempts to refresh the metric.
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
        connection=card.connection,
        rendered=result_renderer.render(card.result, display, zone) if card.result else None,
        missing="" if card.result else _missing(card),
        as_of=card.as_of,
        status=_status(card),
        refreshing=card.freshness is Freshness.REFRESHING,
        notice=_notice(card, zone, now),
        attempts=tuple(_attempt_line(one, zone) for one in attempts[:SHOWN_ATTEMPTS]),
    )


def _attempt_line(attempt: RefreshAttempt, zone: str) -> AttemptLine:
    after = "" if attempt.seconds is None else f" after {attempt.seconds:.1f} s"
    why = f": {attempt.problem.message}" if attempt.problem else "."
    return AttemptLine(instant_text(attempt.started_at, zone), f"{attempt.outcome}{after}{why}")


_STATUSES: Final = {
    Freshness.FRESH: "",
    Freshness.REFRESHING: "refreshing",
    Freshness.STALE: UPDATE_DUE,
    Freshness.FAILED: "update failed",
    Freshness.NEVER: "",
    Freshness.NOT_CONNECTED: "not connected",
    Freshness.NOT_CHOSEN: "no longer updated",
}
_TITLES: Final = {
    Freshness.FRESH: "Needs attention",
    Freshness.REFRESHING: "The last update failed",
    Freshness.STALE: "Not updated",
    Freshness.FAILED: "The last update failed",
    Freshness.NEVER: "No value yet",
    Freshness.NOT_CONNECTED: "Not connected",
    Freshness.NOT_CHOSEN: "Survey not chosen",
}


def _status(card: Card) -> str:
    if card.freshness is Freshness.STALE and card.problem is not None:
        return "not updated"
    return _STATUSES[card.freshness]


def _missing(card: Card) -> str:
    if card.freshness is Freshness.REFRESHING:
        return "Calculating…"
    if card.freshness is Freshness.NEVER and card.problem is None:
        return "No value yet. It is calculated when someone opens the map."
    return "No value yet."


def _notice(card: Card, zone: str, now: datetime) -> Notice | None:
    problem = card.problem
    if problem is None:
        return None
    empty = problem.kind == NOTHING_TO_COUNT
    current = empty or card.freshness is Freshness.FRESH
    mild = empty or card.freshness in {Freshness.NOT_CONNECTED, Freshness.NOT_CHOSEN}
    return Notice(
        tone="warn" if mild else "bad",
        title=NOTHING_TO_COUNT_TITLE if empty else _TITLES[card.freshness],
        message=problem.message,
        remedy=problem.remedy,
        issue=issue_texts(problem),
        request_id=problem.request_id or "",
        numbers_from="" if current or card.as_of is None else clock_time(card.as_of, zone, now),
    )


def issue_texts(problem: Problem) -> str:
    """Return the name of the issue, such as ``Token revoked``; empty if there is none."""
    return problem.issue.value.replace("_", " ").capitalize() if problem.issue else ""
