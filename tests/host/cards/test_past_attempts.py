"""The last attempts of a metric: when, how long, how they ended and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from smaply_metrics_core import SourceUnavailable
from smaply_metrics_core.host import Actor, AttemptOutcome, Role
from smaply_metrics_core.observability.correlation import correlated
from tests.host.conftest import AVERAGE, EDITOR, VIEWER, load, on_both_stores

if TYPE_CHECKING:
    from smaply_metrics_core.host import MetricsHost
    from tests.host.conftest import World

pytestmark = pytest.mark.postgresql_deep(reason="the same attempts on either store")


def outcomes(host: MetricsHost, metric_id: str) -> list[str]:
    """Return the outcomes of the attempts, the newest first."""
    return [one.outcome.value for one in host.cards.explain(VIEWER, metric_id).attempts]


@on_both_stores
def test_attempts_are_listed_with_their_outcome_and_reason(
    world: World, connected: MetricsHost
) -> None:
    """The newest is first; the reason is worded for the reader, the ID is that of the log."""
    metric = connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    assert connected.cards.explain(VIEWER, metric.id).attempts == ()
    with correlated("first"):
        load(connected)
    world.clock.forward(3_601)
    world.shop.failure = SourceUnavailable("The shop is closed.")
    with correlated("second"):
        load(connected)

    failed, succeeded = connected.cards.explain(VIEWER, metric.id).attempts
    assert (succeeded.outcome, failed.outcome) == (
        AttemptOutcome.SUCCEEDED,
        AttemptOutcome.FAILED,
    )
    assert (succeeded.correlation_id, failed.correlation_id) == ("first", "second")
    assert (failed.started_at - succeeded.started_at).total_seconds() == 3_601
    assert succeeded.seconds == 0
    assert succeeded.problem is None
    assert failed.problem is not None
    admin = connected.cards.explain(Actor("acme", "ada", Role.ADMIN), metric.id)
    assert admin.attempts[0].problem is not None
    assert admin.attempts[0].problem.message == "The shop is closed."
    assert connected.cards.attempts(VIEWER, [metric.id, "met_gone"]) == {
        metric.id: (failed, succeeded),
        "met_gone": (),
    }
    assert connected.cards.attempts(Actor("other", "eve", Role.ADMIN), [metric.id]) == {
        metric.id: ()
    }


def test_only_the_last_ten_are_stored(world: World, connected: MetricsHost) -> None:
    """The oldest ones are deleted, of each metric; a deleted metric has none."""
    first = connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    for _ in range(8):
        load(connected)
        world.clock.forward(3_601)
    second = connected.metrics.add(EDITOR, "shop", "Late", AVERAGE)
    for _ in range(4):
        load(connected)
        world.clock.forward(3_601)

    attempts = connected.cards.attempts(VIEWER, [first.id, second.id])
    assert [len(found) for found in attempts.values()] == [10, 4]
    times = [one.started_at for one in attempts[first.id]]
    assert times == sorted(times, reverse=True)
    assert (world.clock.at - times[0]).total_seconds() == 3_601
    connected.metrics.delete(EDITOR, first.id)
    assert world.query("SELECT count(*) FROM past_attempts") == [(4,)]


def test_an_attempt_whose_process_died_is_interrupted(world: World, connected: MetricsHost) -> None:
    """It is listed before and after the next attempt."""
    metric = connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    load(connected)
    world.query("DELETE FROM past_attempts")
    world.query("UPDATE attempts SET ended_at = NULL")
    assert outcomes(connected, metric.id) == ["interrupted"]
    world.clock.forward(3_601)
    load(connected)
    assert outcomes(connected, metric.id) == ["succeeded", "interrupted"]
    newest, interrupted = connected.cards.attempts(VIEWER, [metric.id])[metric.id]
    assert interrupted.seconds is None
    assert interrupted.correlation_id == ""
    assert newest.correlation_id


def test_the_last_attempt_of_an_earlier_release_is_listed(
    world: World, connected: MetricsHost
) -> None:
    """Its row has no past attempts yet; a damaged problem hides no other attempt."""
    metric = connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    world.shop.failure = SourceUnavailable("The shop is closed.")
    load(connected)
    world.query("DELETE FROM past_attempts")
    assert outcomes(connected, metric.id) == ["failed"]
    world.clock.forward(3_601)
    world.shop.failure = None
    load(connected)
    world.query("""UPDATE past_attempts SET problem = '{"kind": 1}'""")
    assert outcomes(connected, metric.id) == ["succeeded"]


@on_both_stores
def test_a_clock_that_is_set_back_adds_no_second_row(world: World, connected: MetricsHost) -> None:
    """Two attempts that start at the same time are one entry, and no duration is negative."""
    metric = connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    load(connected)
    world.clock.forward(-7_200)
    connected.cards.load(EDITOR, wait=60, force=True)
    world.clock.forward(7_200)
    connected.cards.load(EDITOR, wait=60, force=True)
    found = connected.cards.attempts(VIEWER, [metric.id])[metric.id]
    assert len({one.started_at for one in found}) == len(found) >= 1
    assert all((one.seconds or 0) >= 0 for one in found)
