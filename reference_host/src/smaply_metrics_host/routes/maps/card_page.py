"""A card by itself: its trend, past values, definition, what is excluded, and who changed it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from smaply_metrics_core.charts import instant_text
from smaply_metrics_core.host import (
    AuditAction,
    HistoryEntry,
    NotFound,
    Role,
    format_value,
)
from smaply_metrics_host.app_state import AppState, CurrentAppState
from smaply_metrics_host.dependencies import Viewer
from smaply_metrics_host.metric_form.metric_text import definition_parts
from smaply_metrics_host.rendering.sparkline import history_sparkline
from smaply_metrics_host.store.map_rows import no_such
from smaply_metrics_host.store.people import Person

router = APIRouter(include_in_schema=False)

MOST_VALUES: Final = 100
"""The past values that are listed, the newest first."""
READ_ENTRIES: Final = 1000
"""The entries of the audit trail in which changes of the metric are searched."""
CHANGES: Final = {AuditAction.ADD_METRIC: "Created", AuditAction.EDIT_METRIC: "Changed"}


@dataclass(frozen=True)
class PastValueLine:
    """A past value of a card.

    Attributes:
        at: When its data was read, in the account's time zone.
        value: The value as text.
        answers: The number of answers.
        note: Why it has no value, or that the question was changed before it; may be empty.
    """

    at: str
    value: str
    answers: str
    note: str


@dataclass(frozen=True)
class MetricChangeLine:
    """A change of a metric, for Admins."""

    at: datetime
    what: str
    who: str


@router.get("/maps/{map_id}/cards/{card_id}")
async def show(
    request: Request, app_state: CurrentAppState, person: Viewer, map_id: str, card_id: str
) -> Response:
    """Show a card large, with its stored values and without a refresh."""
    view = await app_state.map_renderer.view(person.account, map_id, person.role, refresh=False)
    card = view.cards.get(card_id)
    placed = next((one for one in view.journey.cards if one.id == card_id), None)
    if card is None or placed is None:
        raise no_such("card")
    metrics = app_state.metrics
    try:
        metric = await metrics.metrics.show(person.actor, placed.metric)
        # One more than is listed: a change of the question is stated with the value after it.
        history = await metrics.metrics.history(person.actor, placed.metric, last=MOST_VALUES + 1)
    except NotFound:
        raise NotFound(
            "The metric of this card was deleted.", remedy="An Editor can remove the card."
        ) from None
    return app_state.templates.page(
        request,
        "card_page.html",
        journey=view.journey,
        card=card,
        html=await run_in_threadpool(app_state.map_renderer.html, view, card_id),
        metric=metric,
        parts=definition_parts(metric),
        spark=history_sparkline(history, view.zone),
        past=[_past_value(one, view.zone) for one in history[: -MOST_VALUES - 1 : -1]],
        changes=await _changes(app_state, person, metric.id),
    )


def _past_value(entry: HistoryEntry, zone: str) -> PastValueLine:
    note = "Too few answers to be shown." if entry.hidden else ""
    if entry.question_changes:
        note = "The question was changed before this value, so it is not comparable."
    return PastValueLine(
        instant_text(entry.as_of, zone),
        format_value(entry.unit, entry.value),
        ("hidden" if entry.hidden else "unknown")
        if entry.answered is None
        else f"{entry.answered:,}",
        note,
    )


async def _changes(
    app_state: AppState, person: Person, metric_id: str
) -> tuple[MetricChangeLine, ...]:
    """Return the changes of a metric, the newest first; only Admins read the audit trail."""
    if person.role < Role.ADMIN:
        return ()
    entries = await app_state.metrics.audit.list(person.actor, limit=READ_ENTRIES)
    return tuple(
        MetricChangeLine(entry.at, CHANGES[entry.action], entry.user)
        for entry in entries
        if entry.subject == metric_id and entry.action in CHANGES
    )
