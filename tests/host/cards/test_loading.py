"""Loading and refreshing: the one-hour rule, last good values, one export per survey."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from smaply_metrics_core import (
    Issue,
    QuestionUnavailable,
    RateLimited,
    SourceUnavailable,
)
from smaply_metrics_core.errors import InputError, NotFound, RoleRequired
from smaply_metrics_core.host import Actor, Display, Freshness, RefreshDecisionKind, Role
from tests.host.conftest import (
    ADMIN,
    AVERAGE,
    EDITOR,
    OTHER,
    RESPONSES,
    TOKEN,
    VIEWER,
    load,
    on_both_stores,
    value_of,
    values,
)
from tests.host.fake_source import Hold, stars

if TYPE_CHECKING:
    from smaply_metrics_core.host import MetricsHost
    from tests.host.conftest import World

pytestmark = pytest.mark.postgresql_deep(reason="the same decisions on either store")


@on_both_stores
def test_the_one_hour_rule(world: World, connected: MetricsHost) -> None:
    """The first load starts an export, one an hour later does not, and one a second later does."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    assert values(connected) == [4.0]
    world.shop.answers["S1"] += stars("1")
    world.clock.forward(3600)
    (card,) = load(connected)
    assert (value_of(card), card.freshness) == (4.0, Freshness.FRESH)
    assert len(world.shop.fetches) == 1
    world.clock.forward(1)
    (card,) = load(connected)
    assert value_of(card) == 3.25
    assert card.as_of == world.clock.now()
    assert len(world.shop.fetches) == 2


def test_a_failed_attempt_counts_like_any_other(world: World, connected: MetricsHost) -> None:
    """After a failure the card shows the old value and the problem, and rests for an hour."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    first = load(connected)[0].as_of
    world.shop.failure = SourceUnavailable("The shop is closed.", request_id="r-1")
    world.clock.forward(3601)
    (card,) = connected.cards.load(ADMIN, wait=60)
    assert (value_of(card), card.as_of) == (4.0, first)
    assert card.freshness is Freshness.FAILED
    assert card.problem is not None
    assert (card.problem.issue, card.problem.request_id) == (Issue.CONNECTION, "r-1")
    (seen_by_viewer,) = load(connected)
    assert seen_by_viewer.problem is not None
    assert seen_by_viewer.problem.message == "The Shop cannot be read at the moment."
    world.shop.failure = None
    world.clock.forward(3600)
    assert load(connected)[0].freshness is Freshness.FAILED
    assert len(world.shop.fetches) == 2
    world.clock.forward(1)
    (card,) = load(connected)
    assert (card.freshness, card.problem) == (Freshness.FRESH, None)


@on_both_stores
def test_one_export_answers_every_metric_of_its_survey(
    world: World, connected: MetricsHost
) -> None:
    """Loading one metric refreshes all metrics of its survey and records an attempt for each."""
    one = connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    two = connected.metrics.add(EDITOR, "shop", "Responses", RESPONSES)
    connected.metrics.add(EDITOR, "shop", "Elsewhere", OTHER)
    connected.cards.load(VIEWER, [one.id], wait=60)
    ((survey, together),) = world.shop.fetches
    assert (survey, set(together)) == ("S1", {one.id, two.id})
    assert set(values(connected)) == {1.5, 4.0}
    assert [survey for survey, _ in world.shop.fetches] == ["S1", "S2"]


def test_a_deleted_question_does_not_affect_its_siblings(
    world: World, connected: MetricsHost
) -> None:
    """Each metric of an export has its own outcome."""
    stars_metric = connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    taste = AVERAGE.model_copy(update={"question_id": "taste"})
    taste_metric = connected.metrics.add(EDITOR, "shop", "Taste", taste)
    world.shop.questions.remove("taste")
    well, ill = connected.cards.load(VIEWER, [stars_metric.id, taste_metric.id], wait=60)
    assert (well.freshness, ill.freshness) == (Freshness.FRESH, Freshness.FAILED)
    assert ill.problem is not None
    assert (ill.problem.kind, ill.problem.issue) == (QuestionUnavailable.kind, Issue.DATA)


def test_a_load_returns_the_stored_values_at_once(world: World, connected: MetricsHost) -> None:
    """Without waiting, cards are returned while the export runs, and are marked as refreshing."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    load(connected)
    hold = world.shop.on_fetch = Hold()
    world.shop.answers["S1"] += stars("1")
    world.clock.forward(3601)
    (card,) = connected.cards.load(VIEWER)
    assert (value_of(card), card.freshness) == (4.0, Freshness.REFRESHING)
    (again,) = connected.cards.load(VIEWER)
    assert again.freshness is Freshness.REFRESHING
    hold.release()
    assert values(connected) == [3.25]
    assert len(world.shop.fetches) == 2


def test_stored_values_can_be_shown_without_refreshing(
    world: World, connected: MetricsHost
) -> None:
    """A process that ends at once shows cards and starts no refresh."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    (card,) = connected.cards.load(VIEWER, refresh=False)
    assert card.freshness is Freshness.NEVER
    load(connected)
    world.clock.forward(3601)
    (card,) = connected.cards.load(VIEWER, refresh=False)
    assert (value_of(card), card.freshness) == (4.0, Freshness.STALE)
    assert len(world.shop.fetches) == 1


@on_both_stores
@pytest.mark.parametrize("given", ["\x00", "\ud800", "long" * 200])
def test_text_that_cannot_be_stored_is_an_input_error(connected: MetricsHost, given: str) -> None:
    """Control characters, lone surrogates and endless names are reported as invalid input."""
    for call in (
        lambda: connected.cards.load(VIEWER, [given]),
        lambda: connected.connections.show(ADMIN, given),
        lambda: connected.metrics.list(Actor(given, "vera", Role.VIEWER)),
        lambda: connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE, workspace=given),
    ):
        with suppress(InputError, NotFound):
            call()
    assert connected.connections.show(ADMIN, "shop").source == "shop"


@on_both_stores
def test_a_second_process_waits_for_the_first(world: World, connected: MetricsHost) -> None:
    """A refresh of another process is waited for and not repeated."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    hold = world.shop.on_fetch = Hold()
    connected.cards.load(VIEWER)
    hold.wait_until_started()
    other = world.open()
    threading.Timer(0.05, hold.release).start()
    (card,) = other.cards.load(VIEWER, wait=60)
    assert card.freshness is Freshness.FRESH
    assert len(world.shop.fetches) == 1


def test_a_metric_created_during_an_export_gets_a_second_one(
    world: World, connected: MetricsHost
) -> None:
    """A joined refresh may lack the new metric, so the load decides again."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    hold = world.shop.on_fetch = Hold()
    connected.cards.load(VIEWER)
    hold.wait_until_started()
    taste = AVERAGE.model_copy(update={"question_id": "taste"})
    new = connected.metrics.add(EDITOR, "shop", "Taste", taste)
    threading.Timer(0.05, hold.release).start()
    (card,) = connected.cards.load(VIEWER, [new.id], wait=60)
    assert card.freshness is Freshness.FRESH
    assert len(world.shop.fetches) == 2


def test_replaced_data_is_shown_at_the_next_load(world: World, connected: MetricsHost) -> None:
    """A refresh that read the old data counts as no attempt; Viewers cannot make metrics due."""
    connection = connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE).connection_id
    hold = world.shop.on_fetch = Hold()
    connected.cards.load(VIEWER)
    hold.wait_until_started()
    with pytest.raises(RoleRequired):
        connected.cards.make_due(VIEWER, connection, "S1")
    connected.cards.make_due(EDITOR, connection, "S1")
    hold.release()
    load(connected)
    assert len(world.shop.fetches) == 2
    connected.cards.make_due(EDITOR, connection, "S2")
    load(connected)
    assert len(world.shop.fetches) == 2


def test_a_rejected_token_pauses_the_whole_connection(world: World, connected: MetricsHost) -> None:
    """After a rejection, the connection is tried once an hour, not once per survey."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    connected.metrics.add(EDITOR, "shop", "Elsewhere", OTHER)
    load(connected)
    world.shop.tokens = set()
    world.clock.forward(3601)
    connected.cards.load(VIEWER, [connected.metrics.list(EDITOR)[0].id], wait=60)
    refusals = len(world.shop.fetches)
    cards = load(connected)
    assert len(world.shop.fetches) == refusals
    for card in cards:
        assert card.result is not None
        assert card.problem is not None
        assert card.problem.issue is Issue.TOKEN_REVOKED
        assert card.decision is RefreshDecisionKind.RESTING
    world.clock.forward(3601)
    load(connected)
    assert len(world.shop.fetches) == refusals + 1


@on_both_stores
def test_new_credentials_resume_refreshes(world: World, connected: MetricsHost) -> None:
    """Replacing a revoked token makes the cards due at once."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    connected.metrics.add(EDITOR, "shop", "Elsewhere", OTHER)
    load(connected)
    world.shop.tokens = {"right-token-0002"}
    world.clock.forward(3601)
    load(connected)
    world.clock.forward(60)
    connected.connections.edit(ADMIN, "shop", {"api_token": "right-token-0002"})
    assert [card.freshness for card in load(connected)] == [Freshness.FRESH, Freshness.FRESH]
    assert connected.connections.show(ADMIN, "shop").problem is None


def test_a_passing_check_resumes_refreshes(world: World, connected: MetricsHost) -> None:
    """After an Admin's check has passed, the cards are due at once."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    world.shop.tokens = set()
    load(connected)
    world.shop.tokens = {TOKEN}
    world.clock.forward(60)
    assert load(connected)[0].freshness is Freshness.FAILED
    connected.connections.check(ADMIN, "shop")
    assert load(connected)[0].freshness is Freshness.FRESH


def test_retry_after_pauses_the_connection(world: World, connected: MetricsHost) -> None:
    """Until the survey tool's Retry-After, the connection sends no request."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    until = world.clock.now() + timedelta(hours=3)
    world.shop.failure = RateLimited("Too many requests.", retry_at=until)
    load(connected)
    world.shop.failure = None
    world.clock.forward(2 * 3600)
    (card,) = load(connected)
    assert card.next_at == until
    assert card.problem is not None
    assert len(world.shop.fetches) == 1
    world.clock.forward(3600)
    assert values(connected) == [4.0]


@on_both_stores
def test_an_editor_may_force_once_a_minute(world: World, connected: MetricsHost) -> None:
    """A forced refresh runs although the value is fresh, at most once a minute."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    load(connected)
    with pytest.raises(RoleRequired):
        connected.cards.load(VIEWER, wait=60, force=True)
    for _ in range(2):
        connected.cards.load(EDITOR, wait=60, force=True)
    assert len(world.shop.fetches) == 2
    world.clock.forward(60)
    connected.cards.load(EDITOR, wait=60, force=True)
    assert len(world.shop.fetches) == 3


def test_a_new_name_keeps_the_value_and_a_new_question_discards_it(
    world: World, connected: MetricsHost
) -> None:
    """A value is shown only for the definition it was calculated for."""
    metric = connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    load(connected)
    connected.metrics.edit(EDITOR, metric.id, name="Five stars", display=Display(prefix="~"))
    (card,) = connected.cards.load(VIEWER)
    assert (card.name, value_of(card)) == ("Five stars", 4.0)
    assert card.freshness is Freshness.FRESH
    connected.metrics.edit(EDITOR, metric.id, definition=RESPONSES)
    assert connected.metrics.show(VIEWER, metric.id).name == "Five stars"
    world.shop.failure = SourceUnavailable("Closed.")
    (card,) = load(connected)
    assert (card.result, card.freshness) == (None, Freshness.FAILED)


@on_both_stores
def test_a_late_result_for_an_old_definition_is_not_shown(
    world: World, connected: MetricsHost
) -> None:
    """A value of the definition before an edit is never shown after it."""
    metric = connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)

    def edit(_: object) -> None:
        world.shop.on_fetch = None
        connected.metrics.edit(EDITOR, metric.id, definition=RESPONSES)

    world.shop.on_fetch = edit
    assert values(connected) == [4.0]
    (card,) = load(connected)
    assert card.result is not None
    assert card.result.calculation == "responses"
    assert len(world.shop.fetches) == 2


def test_a_clean_shutdown_does_not_count_as_an_attempt(
    world: World, connected: MetricsHost
) -> None:
    """A refresh cancelled by closing the host is not recorded, and the next host runs it."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    begun = threading.Event()

    def hold(context: object) -> None:
        begun.set()
        context.pause(30)  # type: ignore[attr-defined]

    world.shop.on_fetch = hold
    connected.cards.load(VIEWER)
    assert begun.wait(60)
    connected.close()
    assert world.query("SELECT count(*) FROM leases WHERE owner IS NOT NULL") == [(0,)]
    assert world.query("SELECT count(*) FROM attempts") == [(0,)]
    world.shop.on_fetch = None
    assert values(world.open()) == [4.0]


def test_waiting_can_be_cancelled(world: World, connected: MetricsHost) -> None:
    """The load returns the stored values, and the refresh continues."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    hold = world.shop.on_fetch = Hold()
    stop = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(connected.cards.load, VIEWER, wait=600, cancelled=stop)
        hold.wait_until_started()
        stop.set()
        (card,) = waiting.result(60)
    assert (card.result, card.freshness) == (None, Freshness.REFRESHING)
    hold.release()
    assert values(connected) == [4.0]
    assert len(world.shop.fetches) == 1


def test_a_crash_counts_from_its_start(world: World, connected: MetricsHost) -> None:
    """A refresh of a dead process is retried once its lease has expired and the hour is over."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    hold = world.shop.on_fetch = Hold()
    connected.cards.load(VIEWER)
    hold.wait_until_started()
    other = world.open()
    world.clock.forward(3600)
    world.shop.on_fetch = None
    other.cards.load(VIEWER, wait=1)
    assert len(world.shop.fetches) == 1
    world.clock.forward(1)
    world.shop.answers["S1"] = stars("2")
    assert values(other) == [2.0]
    world.shop.answers["S1"] = stars("5")
    hold.release()
    connected.close()
    assert values(other) == [2.0], "the late result of the first process was kept"
