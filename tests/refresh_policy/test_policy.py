"""The rules of the refresh policy."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smaply_metrics_core.models.metric import RefreshDecisionKind
from smaply_metrics_core.refresh_policy import (
    TICK,
    RefreshDecision,
    RefreshPolicy,
    RefreshState,
    decide,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
POLICY = RefreshPolicy()
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)

DUE, FRESH = RefreshDecisionKind.DUE, RefreshDecisionKind.FRESH
RESTING, FAILED = RefreshDecisionKind.RESTING, RefreshDecisionKind.FAILED_RESTING
IN_FLIGHT = RefreshDecisionKind.IN_FLIGHT


def attempted(ago: timedelta, **more: Any) -> RefreshState:  # noqa: ANN401  # Any field.
    """Return the state of a metric whose last attempt took a minute and ended ``ago``."""
    values: dict[str, Any] = {
        "fingerprint": "now",
        "attempt_fingerprint": "now",
        "last_attempt_started": NOW - ago - MINUTE,
        "last_attempt_ended": NOW - ago,
    }
    return RefreshState(**{**values, **more})


def ask(state: RefreshState, at: datetime = NOW) -> RefreshDecision:
    """Decide with the default policy."""
    return decide(state, POLICY, at)


def test_a_metric_never_refreshed_is_due() -> None:
    """Without an attempt, a metric is due now."""
    decision = ask(RefreshState(fingerprint="now"))

    assert (decision.kind, decision.next_at) == (DUE, NOW)
    assert decision.reason == "The metric has never been refreshed."


def test_the_default_intervals_of_the_policy() -> None:
    """The defaults are one hour, one minute, two minutes and one day."""
    assert (POLICY.max_age, POLICY.force_interval) == (HOUR, MINUTE)
    assert (POLICY.future_tolerance, POLICY.max_retry_after) == (2 * MINUTE, 24 * HOUR)


@pytest.mark.parametrize("failed", [False, True])
@pytest.mark.parametrize(
    ("ago", "due"),
    [
        (0 * SECOND, False),
        (HOUR - TICK, False),
        (HOUR, False),
        (HOUR + TICK, True),
        (HOUR + SECOND, True),
        (1000 * HOUR, True),
    ],
    ids=str,
)
def test_an_attempt_older_than_one_hour_makes_it_due(
    ago: timedelta, *, due: bool, failed: bool
) -> None:
    """Exactly one hour is not older; failed attempts count as well."""
    decision = ask(attempted(ago, last_attempt_failed=failed))

    young = FAILED if failed else FRESH
    assert decision.kind is (DUE if due else young)
    assert decision.next_at == (NOW if due else NOW - ago + HOUR + TICK)


def test_the_age_counts_from_the_end_of_the_attempt() -> None:
    """The duration of the attempt does not shorten the hour."""
    state = attempted(30 * MINUTE, last_attempt_started=NOW - 3 * HOUR)

    assert ask(state).kind is FRESH


@pytest.mark.parametrize(("ago", "kind"), [(HOUR, FAILED), (HOUR + TICK, DUE)], ids=str)
def test_an_attempt_that_never_ended_counts_from_its_start(
    ago: timedelta, kind: RefreshDecisionKind
) -> None:
    """After a crash, the metric is due an hour after the start of the attempt."""
    state = attempted(ago, last_attempt_started=NOW - ago, last_attempt_ended=None)

    assert ask(state).kind is kind


def test_a_changed_metric_is_due() -> None:
    """An attempt for another fingerprint does not count."""
    decision = ask(attempted(0 * SECOND, attempt_fingerprint="before", last_attempt_failed=True))

    assert decision.kind is DUE
    assert "changed" in decision.reason


@pytest.mark.parametrize(
    ("ahead", "kind"),
    [(2 * MINUTE, FRESH), (2 * MINUTE + TICK, DUE), (999 * HOUR, DUE)],
    ids=str,
)
def test_an_attempt_dated_in_the_future_is_ignored(
    ahead: timedelta, kind: RefreshDecisionKind
) -> None:
    """Up to two minutes are a difference of clocks; more means a clock that was set back."""
    assert ask(attempted(-ahead)).kind is kind
    crashed = attempted(0 * SECOND, last_attempt_started=NOW + ahead, last_attempt_ended=None)
    assert ask(crashed).kind is (FAILED if kind is FRESH else DUE)


@given(ahead=st.timedeltas(min_value=-2 * HOUR, max_value=1000 * HOUR))
def test_a_clock_that_steps_does_not_delay_by_more_than_an_hour(ahead: timedelta) -> None:
    """With any date of the attempt, the metric is due within an hour and two minutes."""
    decision = ask(attempted(-ahead, connection_refused_at=NOW + ahead))

    assert decision.next_at is not None
    assert decision.next_at <= NOW + HOUR + 2 * MINUTE + TICK


def test_a_running_refresh_has_precedence() -> None:
    """While a lease is held, the metric is in flight, even if an Editor requests a refresh."""
    state = attempted(
        2 * HOUR,
        running_until=NOW + MINUTE,
        forced_requested=True,
        connection_refused_at=NOW,
        retry_not_before=NOW + HOUR,
        retry_said_at=NOW,
    )

    decision = ask(state)
    assert decision.kind is IN_FLIGHT
    assert ask(state, NOW + MINUTE).kind is RESTING


def test_an_expired_lease_is_ignored() -> None:
    """A lease is over at the time of its expiry."""
    assert ask(attempted(2 * HOUR, running_until=NOW)).kind is DUE
    assert ask(attempted(2 * HOUR, running_until=NOW + TICK)).kind is IN_FLIGHT


@pytest.mark.parametrize(
    "state",
    [
        RefreshState(fingerprint="never attempted"),
        attempted(2 * HOUR),
        attempted(0 * SECOND),
        attempted(0 * SECOND, forced_requested=True),
    ],
    ids=["never attempted", "old", "young", "requested"],
)
def test_rejected_credentials_pause_the_connection(state: RefreshState) -> None:
    """For an hour after the rejection, no metric of the connection is refreshed."""
    refused = replace(state, connection_refused_at=NOW)

    for later in (0 * SECOND, HOUR):
        decision = ask(refused, NOW + later)
        assert decision.kind is RESTING
        assert "rejected" in decision.reason
    after = ask(refused, NOW + HOUR + TICK)
    assert (after.kind, after.probe) == (DUE, True)


def test_a_rejection_dated_in_the_future_is_ignored() -> None:
    """A clock that was set back does not pause a connection."""
    assert ask(attempted(2 * HOUR, connection_refused_at=NOW + 2 * MINUTE + TICK)).kind is DUE


def test_a_due_metric_of_a_healthy_connection_is_not_a_probe() -> None:
    """Only rejected credentials limit a connection to single attempts."""
    assert not ask(attempted(2 * HOUR)).probe


@pytest.mark.parametrize("recovered", [NOW - MINUTE, NOW], ids=["a minute ago", "now"])
def test_failed_metrics_are_due_when_the_connection_recovers(recovered: datetime) -> None:
    """After new credentials or a passed check, metrics that failed before are due."""
    state = attempted(
        2 * MINUTE,
        last_attempt_failed=True,
        connection_refused_at=NOW - 2 * MINUTE,
        connection_recovered_at=recovered,
    )

    decision = ask(state)
    assert (decision.kind, decision.probe) == (DUE, False)
    assert "fixed" in decision.reason


def test_a_recovery_at_the_time_of_the_rejection_counts() -> None:
    """Credentials that changed at the time of the rejection are tried."""
    state = attempted(2 * HOUR, connection_refused_at=NOW, connection_recovered_at=NOW)

    assert (ask(state).kind, ask(state).probe) == (DUE, False)


def test_a_recovery_does_not_affect_fresh_metrics() -> None:
    """A current value is not fetched again when the connection recovers."""
    state = attempted(
        2 * MINUTE, connection_refused_at=NOW - MINUTE, connection_recovered_at=NOW - SECOND
    )

    assert ask(state).kind is FRESH


def test_a_failure_after_the_recovery_rests_for_an_hour() -> None:
    """A recovery only affects failures before it."""
    state = attempted(
        MINUTE,
        last_attempt_failed=True,
        connection_refused_at=NOW - 3 * MINUTE,
        connection_recovered_at=NOW - 2 * MINUTE,
    )

    assert ask(state).kind is FAILED


def test_a_rejection_after_the_recovery_pauses_the_connection_again() -> None:
    """The later of the two events counts."""
    state = attempted(
        2 * HOUR, connection_refused_at=NOW - MINUTE, connection_recovered_at=NOW - 2 * MINUTE
    )

    assert ask(state).kind is RESTING


def test_a_recovery_does_not_affect_other_failures() -> None:
    """Saving the connection again does not make a metric due that failed in an outage."""
    state = attempted(2 * MINUTE, last_attempt_failed=True, connection_recovered_at=NOW)

    assert ask(state).kind is FAILED


@pytest.mark.parametrize("forced", [False, True])
def test_retry_after_pauses_the_connection(*, forced: bool) -> None:
    """Nothing is refreshed before the end of ``Retry-After``."""
    state = attempted(
        2 * HOUR,
        retry_not_before=NOW + 3 * HOUR,
        retry_said_at=NOW,
        forced_requested=forced,
    )

    decision = ask(state)
    assert (decision.kind, decision.next_at) == (RESTING, NOW + 3 * HOUR)
    assert "2026-03-01 15:00:00 UTC" in decision.reason
    assert ask(state, NOW + 3 * HOUR - TICK).kind is RESTING
    assert ask(state, NOW + 3 * HOUR).kind is DUE


def test_retry_after_is_limited_to_a_day() -> None:
    """A ``Retry-After`` of any length ends after 24 hours."""
    state = attempted(0 * SECOND, retry_not_before=NOW + 99 * HOUR, retry_said_at=NOW - HOUR)

    assert ask(state).next_at == NOW + 23 * HOUR
    unsaid = replace(state, retry_said_at=None)
    assert ask(unsaid).next_at == NOW + 24 * HOUR


def test_a_retry_after_dated_in_the_future_is_ignored() -> None:
    """A clock that was set back does not pause a connection."""
    state = attempted(2 * HOUR, retry_not_before=NOW + 9 * HOUR, retry_said_at=NOW + 8 * HOUR)

    assert ask(state).kind is DUE


def test_the_end_of_a_pause_does_not_affect_fresh_metrics() -> None:
    """If a pause ends before the hour, the metric is due after the hour."""
    state = attempted(MINUTE, retry_not_before=NOW + 5 * MINUTE, retry_said_at=NOW)

    assert ask(state).next_at == NOW - MINUTE + HOUR + TICK


@pytest.mark.parametrize("failed", [False, True])
def test_an_editor_can_refresh_a_fresh_metric(*, failed: bool) -> None:
    """A request makes a metric due at any age."""
    state = attempted(MINUTE, forced_requested=True, last_attempt_failed=failed)

    decision = ask(state)
    assert (decision.kind, decision.reason) == (DUE, "A refresh was requested.")


@pytest.mark.parametrize(
    ("ago", "kind"),
    [(0 * SECOND, FRESH), (MINUTE - TICK, FRESH), (MINUTE, DUE), (-3 * MINUTE, DUE)],
    ids=str,
)
def test_a_survey_is_refreshed_on_request_once_a_minute(
    ago: timedelta, kind: RefreshDecisionKind
) -> None:
    """A second request within a minute has no effect, and the reason says when to try again."""
    state = attempted(MINUTE, forced_requested=True, survey_last_forced_at=NOW - ago)

    decision = ask(state)
    assert decision.kind is kind
    assert decision.next_at == (NOW if kind is DUE else NOW - ago + MINUTE)
    assert ("less than one minute ago" in decision.reason) == (kind is FRESH)


def test_a_request_does_not_delay_a_due_metric() -> None:
    """A request within a minute has no effect on a metric that is due."""
    state = attempted(2 * HOUR, forced_requested=True, survey_last_forced_at=NOW)

    assert ask(state).kind is DUE


def test_the_intervals_can_be_set() -> None:
    """The intervals of the policy apply to the decision and its reason."""
    policy = RefreshPolicy(max_age=timedelta(seconds=90))

    young = decide(attempted(90 * SECOND), policy, NOW)
    assert young.kind is FRESH
    assert "within the last 90 seconds" in young.reason
    assert decide(attempted(91 * SECOND), policy, NOW).kind is DUE
    assert "2 hours" in decide(attempted(3 * HOUR), RefreshPolicy(max_age=2 * HOUR), NOW).reason


def test_instants_of_any_zone_are_compared_as_instants() -> None:
    """Equal instants in different time zones are equal to the policy."""
    east = timezone(timedelta(hours=9))
    state = attempted(0 * SECOND, last_attempt_ended=(NOW - HOUR).astimezone(east))

    assert ask(state).kind is FRESH
    assert ask(state, (NOW + TICK).astimezone(timezone(timedelta(hours=-5)))).kind is DUE


def test_naive_datetimes_are_rejected() -> None:
    """A datetime without a time zone is an error of the caller."""
    with pytest.raises(ValueError, match="time zone"):
        ask(attempted(HOUR), datetime(2026, 3, 1, 12))  # noqa: DTZ001  # Deliberately naive.
    with pytest.raises(TypeError, match="offset-naive"):
        ask(attempted(HOUR, last_attempt_ended=datetime(2026, 3, 1, 12)))  # noqa: DTZ001  # As above.
