"""The answer to “Refresh now”: what happens to each of the cards."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Final
from urllib.parse import urlencode

from pydantic import AwareDatetime, BaseModel, Field

from smaply_metrics_core.host import Card, Freshness, RefreshDecisionKind
from smaply_metrics_host.web.text import clock_time, count

Count = Annotated[int, Field(ge=0, le=1_000_000)]
Instant = Annotated[
    AwareDatetime, Field(ge=datetime(2000, 1, 1, tzinfo=UTC), le=datetime(3000, 1, 1, tzinfo=UTC))
]
"""An instant of an address that anyone can write: it exists in every time zone."""

_LIMITED: Final = (RefreshDecisionKind.FRESH, RefreshDecisionKind.FAILED_RESTING)
"""The decisions about metrics if “Refresh now” was selected too soon."""


class RefreshAnswer(BaseModel):
    """What happens to cards after “Refresh now”; also the query of the page that states it.

    Attributes:
        started: The number of cards whose refresh was started.
        running: Those that were already being refreshed.
        limited: Those whose survey was refreshed on request less than a minute ago.
        again_at: When all of these can be refreshed again.
        resting: Those whose connection rests.
        rests_until: When the last of these connections is tried again.
        impossible: Those that cannot be refreshed, for the reason that the card states.
    """

    started: Count = 0
    running: Count = 0
    limited: Count = 0
    again_at: Instant | None = None
    resting: Count = 0
    rests_until: Instant | None = None
    impossible: Count = 0

    @property
    def waits(self) -> bool:
        """Whether a refresh is in progress."""
        return bool(self.started or self.running)

    def query(self) -> str:
        """Return the answer as the query of an address."""
        return urlencode(self.model_dump(mode="json", exclude_defaults=True))

    def texts(self, zone: str, now: datetime) -> tuple[str, ...]:
        """Return the answer as sentences; empty if there were no cards.

        Args:
            zone: The time zone of the account.
            now: The current instant.
        """
        texts = []
        if self.started:
            texts.append(f"Refreshing {count(self.started, 'card')}.")
        if self.running:
            texts.append(f"{count(self.running, 'card is', 'cards are')} already being refreshed.")
        if self.limited:
            again = (
                f" Refresh again at {clock_time(self.again_at, zone, now, seconds=True)}."
                if self.again_at is not None and self.again_at > now
                else ""
            )
            texts.append(
                f"{_not_refreshed(self.limited)} A survey can be refreshed at most once a minute."
                f"{again}"
            )
        if self.resting:
            until = (
                f" until {clock_time(self.rests_until, zone, now)}"
                if self.rests_until is not None
                else ""
            )
            texts.append(f"{_not_refreshed(self.resting)} The connection rests{until}.")
        if self.impossible:
            reason = "The card states why." if self.impossible == 1 else "The cards state why."
            texts.append(f"{_not_refreshed(self.impossible)} {reason}")
        return tuple(texts)


def refresh_answer(before: Iterable[Card], after: Iterable[Card]) -> RefreshAnswer:
    """Return what happened to cards.

    Args:
        before: The cards before the request.
        after: The same cards, as the request returned them.
    """
    ran = {card.metric_id for card in before if card.freshness is Freshness.REFRESHING}
    cards = tuple(after)
    in_flight = [card.metric_id for card in cards if card.freshness is Freshness.REFRESHING]
    waiting = [card for card in cards if card.freshness is not Freshness.REFRESHING]
    limited = [card for card in waiting if card.decision in _LIMITED]
    resting = [card for card in waiting if card.decision is RefreshDecisionKind.RESTING]
    return RefreshAnswer(
        started=sum(one not in ran for one in in_flight),
        running=sum(one in ran for one in in_flight),
        limited=len(limited),
        again_at=_latest(limited),
        resting=len(resting),
        rests_until=_latest(resting),
        impossible=len(waiting) - len(limited) - len(resting),
    )


def _latest(cards: Iterable[Card]) -> datetime | None:
    return max((card.next_at for card in cards if card.next_at is not None), default=None)


def _not_refreshed(number: int) -> str:
    return f"{count(number, 'card was', 'cards were')} not refreshed."
