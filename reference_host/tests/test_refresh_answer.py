"""“Refresh now” always answers: what happened, or when it can happen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from reference_host.tests.map_factories import add_map, add_metric, measure, place
from reference_host.tests.metric_factories import make
from smaply_metrics_core.host import Card, Display, Freshness, RefreshDecisionKind, Role
from smaply_metrics_host.rendering.refresh_answer import RefreshAnswer, refresh_answer

if TYPE_CHECKING:
    from reference_host.tests.app_fixture import World

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
SOON = NOW + timedelta(seconds=42)
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def world(own_account: World) -> World:
    """An account of its own for each test, in one app."""
    return own_account


def card(
    number: int,
    freshness: Freshness,
    decision: RefreshDecisionKind | None,
    next_at: datetime | None = None,
) -> Card:
    """Return a card with a state."""
    return Card(
        metric_id=f"met_{number}",
        name="NPS",
        source="qualtrics",
        type="number",
        display=Display(),
        freshness=freshness,
        decision=decision,
        next_at=next_at,
    )


TOO_SOON = "1 card was not refreshed. A survey can be refreshed at most once a minute."
FRESH = card(1, Freshness.FRESH, RefreshDecisionKind.FRESH, SOON)
RUNNING = card(1, Freshness.REFRESHING, RefreshDecisionKind.IN_FLIGHT, LATER)


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        (FRESH, RUNNING, "Refreshing 1 card."),
        (RUNNING, RUNNING, "1 card is already being refreshed."),
        (
            FRESH,
            FRESH,
            f"{TOO_SOON} Refresh again at 13:00:42.",
        ),
        (
            FRESH,
            card(1, Freshness.FAILED, RefreshDecisionKind.FAILED_RESTING, NOW),
            TOO_SOON,
        ),
        (
            FRESH,
            card(1, Freshness.FAILED, RefreshDecisionKind.RESTING, LATER),
            "1 card was not refreshed. The connection rests until 14:00.",
        ),
        (
            FRESH,
            card(1, Freshness.NOT_CHOSEN, RefreshDecisionKind.NOT_CHOSEN),
            "1 card was not refreshed. The card states why.",
        ),
        (
            FRESH,
            card(1, Freshness.NOT_CONNECTED, None),
            "1 card was not refreshed. The card states why.",
        ),
    ],
)
def test_each_outcome_has_a_text(before: Card, after: Card, text: str) -> None:
    """The text survives the query of the next page, and has times of the account."""
    answer = refresh_answer([before], [after])
    pairs = dict(one.split("=") for one in answer.query().split("&"))
    again = RefreshAnswer.model_validate(
        {key: value.replace("%3A", ":").replace("%2B", "+") for key, value in pairs.items()}
    )

    assert again == answer
    assert answer.texts("Europe/Vienna", NOW) == (text,)


def test_outcomes_are_counted() -> None:
    """Cards with different outcomes have one sentence each, and the latest time counts."""
    before = [FRESH.model_copy(update={"metric_id": f"met_{n}"}) for n in range(5)]
    kind = RefreshDecisionKind.RESTING
    after = [
        card(0, Freshness.REFRESHING, RefreshDecisionKind.IN_FLIGHT),
        card(1, Freshness.REFRESHING, RefreshDecisionKind.IN_FLIGHT),
        card(2, Freshness.STALE, kind, SOON),
        card(3, Freshness.STALE, kind, LATER),
        card(4, Freshness.NOT_CONNECTED, None),
    ]

    assert refresh_answer(before, after).texts("UTC", NOW) == (
        "Refreshing 2 cards.",
        "2 cards were not refreshed. The connection rests until 13:00.",
        "1 card was not refreshed. The card states why.",
    )


@pytest.mark.parametrize("instant", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00"])
def test_instants_exist_in_every_time_zone(instant: str) -> None:
    """Anyone can write an address; an instant outside of the calendar is invalid input."""
    for name in ("again_at", "rests_until"):
        with pytest.raises(ValidationError):
            RefreshAnswer.model_validate({"limited": 1, "resting": 1, name: instant})


def test_a_map_answers_each_request(world: World) -> None:
    """The map states that it refreshes, that it is running, and then the limit of one minute."""
    corner = add_map(world)
    world.connect()
    place(world, corner, add_metric(world))
    measure(world)
    emil = world.client(Role.EDITOR)
    world.sandbox.state.add_fault("export_progress", kind="stuck", times=0)

    started = emil.submit(corner.path, f"{corner.path}/refresh", {}).text
    running = emil.submit(corner.path, f"{corner.path}/refresh", {}).text
    world.sandbox.state.clear_faults()
    measure(world)
    limited = emil.submit(corner.path, f"{corner.path}/refresh", {}).text

    assert "Refreshing 1 card." in started
    assert "1 card is already being refreshed." in running
    assert "A survey can be refreshed at most once a minute. Refresh again at" in limited
    assert 'id="refresh-answer"' not in emil.get(corner.path).text


def test_a_resting_connection_is_stated(world: World) -> None:
    """After a rejected token, the list of metrics states until when the connection rests."""
    world.connect()
    metric = make(world)
    measure(world)
    world.sandbox.state.set_token(None)
    address = f"/metrics/{metric.id}/refresh"
    emil = world.client(Role.EDITOR)

    failed = emil.finish("/metrics", address, {}).text
    rests = emil.finish("/metrics", address, {}).text

    assert "An Admin can fix it." in failed
    assert "not refreshed" not in failed
    assert "1 card was not refreshed. The connection rests until" in rests
    assert "An Admin can fix it." in rests


def test_an_invalid_answer_is_refused(world: World) -> None:
    """The query of the page is validated as all input."""
    corner = add_map(world)

    assert world.client(Role.VIEWER).get(f"{corner.path}?started=many").status_code == 422
