"""Events: recorded with the change that they are about, delivered in order and at least once."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from smaply_metrics_core.errors import InputError, NotFound, Unreachable
from smaply_metrics_core.host import Actor, EventKind, Role
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
)
from tests.host.fake_source import stars

if TYPE_CHECKING:
    from smaply_metrics_core.host import MetricsEvent, MetricsHost
    from tests.host.conftest import World

pytestmark = pytest.mark.postgresql_deep(reason="the same events on either store")

CONSUMER = "projection"
HOUR = 3601


def deliver(host: MetricsHost, consumer: str = CONSUMER) -> list[MetricsEvent]:
    """Return the pending events of a consumer."""
    received: list[MetricsEvent] = []
    assert host.events.deliver(consumer, received.append) == len(received)
    return received


def kinds(events: list[MetricsEvent]) -> list[str]:
    """Return the kinds of events."""
    return [event.kind.value for event in events]


@pytest.fixture
def consumed(connected: MetricsHost) -> MetricsHost:
    """A connected host with a metric and a consumer."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    assert deliver(connected) == []
    return connected


@on_both_stores
def test_the_first_value_is_a_change(consumed: MetricsHost, world: World) -> None:
    """The events name the account, the connection, the survey and the metric."""
    (card,) = load(consumed)
    changed, ended = deliver(consumed)
    assert kinds([changed, ended]) == ["value_changed", "refresh_ended"]
    assert (changed.account, changed.metric_id, changed.survey_id) == (
        "acme",
        card.metric_id,
        "S1",
    )
    assert changed.connection_id == ended.connection_id == card.connection_id
    assert (changed.at, changed.as_of) == (world.clock.at, card.as_of)
    assert (ended.metric_id, ended.updated, ended.failed, ended.problem) == ("", 1, 0, None)
    assert changed.id < ended.id
    assert deliver(consumed) == [], "each event is delivered once"


def test_an_equal_value_is_no_change(consumed: MetricsHost, world: World) -> None:
    """A refresh that finds the same answers only ends."""
    load(consumed)
    deliver(consumed)
    world.clock.forward(HOUR)
    load(consumed)
    assert kinds(deliver(consumed)) == ["refresh_ended"]
    world.clock.forward(HOUR)
    world.shop.answers["S1"] += stars("1")
    load(consumed)
    assert kinds(deliver(consumed)) == ["value_changed", "refresh_ended"]


def test_a_value_of_another_definition_is_a_change(consumed: MetricsHost) -> None:
    """Although the number of the metric may be the same."""
    (card,) = load(consumed)
    consumed.metrics.edit(EDITOR, card.metric_id, definition=RESPONSES)
    deliver(consumed)
    load(consumed)
    assert kinds(deliver(consumed)) == ["value_changed", "refresh_ended"]


@on_both_stores
def test_an_outage_and_its_end_are_events(consumed: MetricsHost, world: World) -> None:
    """Each of them is recorded once, whatever the number of refreshes."""
    load(consumed)
    deliver(consumed)
    world.shop.failure = Unreachable("The shop is closed.")
    for _ in range(2):
        world.clock.forward(HOUR)
        load(consumed)
    failed, ended, again = deliver(consumed)
    assert kinds([failed, ended, again]) == ["connection_failed", *["refresh_ended"] * 2]
    assert failed.problem is not None
    assert failed.problem.message == "The shop is closed."
    assert (ended.updated, ended.failed, ended.problem) == (0, 1, failed.problem)
    world.shop.failure = None
    world.clock.forward(HOUR)
    load(consumed)
    recovered, ended = deliver(consumed)
    assert kinds([recovered, ended]) == ["connection_recovered", "refresh_ended"]
    assert recovered.connection_id == failed.connection_id


def test_a_check_of_an_admin_finds_failures_and_recoveries(
    consumed: MetricsHost, world: World
) -> None:
    """No refresh has to fail first."""
    world.shop.tokens = set()
    consumed.connections.check(ADMIN, "shop")
    consumed.connections.check(ADMIN, "shop")
    world.shop.tokens = {TOKEN}
    consumed.connections.check(ADMIN, "shop")
    assert kinds(deliver(consumed)) == ["connection_failed", "connection_recovered"]


def test_nothing_is_recorded_without_a_consumer(connected: MetricsHost, world: World) -> None:
    """A host app that uses no events has no cost."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    load(connected)
    assert world.query("SELECT count(*) FROM events") == [(0,)]


def test_a_new_consumer_receives_what_happens_from_now_on(
    consumed: MetricsHost, world: World
) -> None:
    """Consumers do not depend on each other."""
    load(consumed)
    assert deliver(consumed, "late") == []
    world.clock.forward(HOUR)
    load(consumed)
    assert kinds(deliver(consumed, "late")) == ["refresh_ended"]
    assert len(deliver(consumed)) == 3


@on_both_stores
def test_events_that_all_consumers_have_processed_are_deleted(
    consumed: MetricsHost, world: World
) -> None:
    """The slowest consumer decides."""
    deliver(consumed, "slow")
    for _ in range(3):
        load(consumed)
        deliver(consumed)
        world.clock.forward(HOUR)
    assert world.query("SELECT count(*) FROM events") == [(4,)]
    deliver(consumed, "slow")
    load(consumed)
    assert world.query("SELECT count(*) FROM events") == [(1,)]
    assert len(deliver(consumed)) == len(deliver(consumed, "slow")) == 1


@on_both_stores
def test_ids_of_deleted_events_are_not_used_again(consumed: MetricsHost, world: World) -> None:
    """A consumer would skip an event with an id that it has passed."""
    load(consumed)
    last = deliver(consumed)[-1].id
    world.query("DELETE FROM events")
    world.clock.forward(HOUR)
    load(consumed)
    assert [event.id > last for event in deliver(consumed)] == [True]


def test_an_event_is_repeated_until_it_is_processed(consumed: MetricsHost) -> None:
    """Later events wait, so the order is kept."""
    load(consumed)
    received: list[str] = []

    def fail(event: MetricsEvent) -> None:
        received.append(event.kind.value)
        if event.kind is EventKind.REFRESH_ENDED:
            raise OSError("the queue of the host app is down")

    for _ in range(2):
        with pytest.raises(OSError, match="queue of the host app"):
            consumed.events.deliver(CONSUMER, fail)
    assert received == ["value_changed", "refresh_ended", "refresh_ended"]
    assert kinds(deliver(consumed)) == ["refresh_ended"]


def test_other_kinds_are_skipped(consumed: MetricsHost) -> None:
    """They are not delivered later either."""
    load(consumed)
    received: list[MetricsEvent] = []
    wanted = {EventKind.VALUE_CHANGED}
    assert consumed.events.deliver(CONSUMER, received.append, kinds=wanted) == 1
    assert kinds(received) == ["value_changed"]
    assert deliver(consumed) == []


@on_both_stores
def test_one_process_at_a_time_delivers_to_a_consumer(consumed: MetricsHost, world: World) -> None:
    """Another one goes on when the lease of a process that died has expired."""
    load(consumed)
    other = world.open()
    received: list[MetricsEvent] = []

    class DiedError(BaseException):
        """The process is killed: it stores nothing more."""

    def while_delivering(event: MetricsEvent) -> None:
        assert deliver(other) == []
        received.append(event)

    assert consumed.events.deliver(CONSUMER, while_delivering) == len(received) == 2
    world.clock.forward(HOUR)
    load(consumed)
    world.query("UPDATE event_consumers SET owner = 'dead', expires_at = '2026-04-01 13:01:31'")
    assert deliver(other) == []
    world.clock.forward(91)
    assert kinds(deliver(other)) == ["refresh_ended"]


@on_both_stores
def test_a_process_that_lost_its_lease_stops(consumed: MetricsHost, world: World) -> None:
    """It does not set back the position of the one that took over."""
    consumed.metrics.add(EDITOR, "shop", "Elsewhere", OTHER)
    load(consumed)
    other, mine, theirs = world.open(), [], []

    def sleep(event: MetricsEvent) -> None:
        mine.append(event.id)
        world.clock.forward(91)
        other.events.deliver(CONSUMER, lambda one: theirs.append(one.id))

    consumed.events.deliver(CONSUMER, sleep)
    assert theirs == sorted(theirs)
    assert len(theirs) == 4
    assert theirs[: len(mine)] == mine
    assert deliver(consumed) == deliver(other) == []


def test_expired_events_are_deleted_and_the_loss_is_stated(
    consumed: MetricsHost, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """A consumer that stopped does not fill the store."""
    load(consumed)
    lost = world.clock.at
    world.clock.forward(timedelta(days=8).total_seconds())
    load(consumed)
    assert f"before the consumer {CONSUMER} had processed them" in caplog.text
    (consumer,) = consumed.events.consumers()
    assert (consumer.name, consumer.pending, consumer.lost_until) == (CONSUMER, 1, lost)
    assert consumer.oldest == world.clock.at
    assert kinds(deliver(consumed)) == ["refresh_ended"]


def test_a_consumer_is_forgotten(consumed: MetricsHost, world: World) -> None:
    """Nothing is recorded for it any more."""
    consumed.events.forget(CONSUMER)
    load(consumed)
    assert consumed.events.consumers() == ()
    assert world.query("SELECT count(*) FROM events") == [(0,)]
    with pytest.raises(NotFound, match="no consumer of events"):
        consumed.events.forget(CONSUMER)


@on_both_stores
def test_the_events_of_a_deleted_account_are_deleted(consumed: MetricsHost) -> None:
    """Those of other accounts stay."""
    rival = Actor("rival", "rita", Role.ADMIN)
    consumed.connections.connect(rival, "shop", {"api_token": TOKEN})
    consumed.metrics.add(rival, "shop", "Stars", AVERAGE)
    load(consumed)
    consumed.cards.load(rival, wait=60)
    consumed.accounts.delete(ADMIN)
    assert {event.account for event in deliver(consumed)} == {"rival"}


def test_an_event_of_a_newer_release_is_skipped(
    consumed: MetricsHost, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """It does not stop the others."""
    load(consumed)
    world.query("UPDATE events SET kind = 'metric_renamed' WHERE kind = 'value_changed'")
    assert kinds(deliver(consumed)) == ["refresh_ended"]
    assert "cannot be read, and is skipped" in caplog.text


@pytest.mark.parametrize("name", ["", "x" * 201])
def test_the_name_of_a_consumer_is_checked(host: MetricsHost, name: str) -> None:
    """It is a key in the store."""
    with pytest.raises(InputError, match="name of the consumer"):
        host.events.deliver(name, print)


@on_both_stores
def test_a_subscription_needs_no_poll_of_the_host_app(
    consumed: MetricsHost, caplog: pytest.LogCaptureFixture
) -> None:
    """Its thread delivers events, and repeats those that fail."""
    received: list[MetricsEvent] = []
    complete = threading.Event()

    def receive(event: MetricsEvent) -> None:
        received.append(event)
        if len(received) == 1:
            raise OSError("the queue of the host app is down")
        if event.kind is EventKind.REFRESH_ENDED:
            complete.set()

    with consumed.events.subscribe(CONSUMER, receive) as subscription:
        load(consumed)
        assert complete.wait(60)
        assert subscription.is_running
    assert not subscription.is_running
    assert kinds(received) == ["value_changed", "value_changed", "refresh_ended"]
    assert "could not process an event; it is repeated" in caplog.text
    assert deliver(consumed) == []


@on_both_stores
def test_a_subscription_ends_with_its_host(consumed: MetricsHost, world: World) -> None:
    """A closed host accepts no further one."""
    other = world.open()
    subscription = other.events.subscribe(CONSUMER, print)
    other.close()
    assert not subscription.is_running
    with pytest.raises(InputError, match="closed"):
        other.events.subscribe(CONSUMER, print)


@on_both_stores
def test_a_subscription_ends_when_its_consumer_is_forgotten(consumed: MetricsHost) -> None:
    """It would receive nothing any more."""
    subscription = consumed.events.subscribe(CONSUMER, print)
    consumed.events.forget(CONSUMER)
    subscription._thread.join(60)  # type: ignore[union-attr]  # noqa: SLF001
    assert not subscription.is_running


@on_both_stores
def test_viewers_of_cards_are_not_delayed(consumed: MetricsHost) -> None:
    """A callback may call the host."""
    seen: list[float | None] = []

    def show(event: MetricsEvent) -> None:
        if event.kind is EventKind.VALUE_CHANGED:
            (card,) = consumed.cards.load(VIEWER, [event.metric_id], refresh=False)
            seen.append(value_of(card))

    load(consumed)
    consumed.events.deliver(CONSUMER, show)
    assert seen == [4.0]
