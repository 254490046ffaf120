"""The refresh policy, row by row and as a whole."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from smaply_metrics_core.refresh_policy import (
    TICK,
    RefreshDecision,
    RefreshDecisionKind,
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
    """Make the state of a metric whose last attempt, of a minute, ended so long ago."""
    values: dict[str, Any] = {
        "fingerprint": "now",
        "attempt_fingerprint": "now",
        "last_attempt_started": NOW - ago - MINUTE,
        "last_attempt_ended": NOW - ago,
    }
    return RefreshState(**{**values, **more})


def ask(state: RefreshState, at: datetime = NOW) -> RefreshDecision:
    """Decide with the usual policy."""
    return decide(state, POLICY, at)


def test_a_metric_never_refreshed_is_due() -> None:
    """Without any attempt a metric is due now."""
    decision = ask(RefreshState(fingerprint="now"))

    assert (decision.kind, decision.next_at) == (DUE, NOW)
    assert decision.reason == "It has never been refreshed."


def test_the_policys_spans_are_those_of_the_design() -> None:
    """One hour, one minute, two minutes, one day."""
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
    """Exactly one hour is not older; a failed attempt counts like any other."""
    decision = ask(attempted(ago, last_attempt_failed=failed))

    young = FAILED if failed else FRESH
    assert decision.kind is (DUE if due else young)
    assert decision.next_at == (NOW if due else NOW - ago + HOUR + TICK)


def test_the_age_counts_from_the_end_of_the_attempt() -> None:
    """A long download does not shorten the hour."""
    state = attempted(30 * MINUTE, last_attempt_started=NOW - 3 * HOUR)

    assert ask(state).kind is FRESH


@pytest.mark.parametrize(("ago", "kind"), [(HOUR, FAILED), (HOUR + TICK, DUE)], ids=str)
def test_an_attempt_that_never_ended_counts_from_its_start(
    ago: timedelta, kind: RefreshDecisionKind
) -> None:
    """After a crash the metric rests until an hour after the attempt began."""
    state = attempted(ago, last_attempt_started=NOW - ago, last_attempt_ended=None)

    assert ask(state).kind is kind


def test_a_changed_metric_is_due_whatever_was_attempted_before() -> None:
    """An attempt for another fingerprint is no attempt for this one."""
    decision = ask(attempted(0 * SECOND, attempt_fingerprint="before", last_attempt_failed=True))

    assert decision.kind is DUE
    assert "changed" in decision.reason


@pytest.mark.parametrize(
    ("ahead", "kind"),
    [(2 * MINUTE, FRESH), (2 * MINUTE + TICK, DUE), (999 * HOUR, DUE)],
    ids=str,
)
def test_an_attempt_dated_too_far_ahead_counts_as_none(
    ahead: timedelta, kind: RefreshDecisionKind
) -> None:
    """Two minutes are a difference of clocks; more is a clock that was set back."""
    assert ask(attempted(-ahead)).kind is kind
    crashed = attempted(0 * SECOND, last_attempt_started=NOW + ahead, last_attempt_ended=None)
    assert ask(crashed).kind is (FAILED if kind is FRESH else DUE)


@given(ahead=st.timedeltas(min_value=-2 * HOUR, max_value=1000 * HOUR))
def test_a_clock_that_steps_never_makes_it_rest_for_longer_than_an_hour(ahead: timedelta) -> None:
    """Wherever the attempt's date lies, the metric is due an hour and two minutes from now."""
    decision = ask(attempted(-ahead, connection_refused_at=NOW + ahead))

    assert decision.next_at <= NOW + HOUR + 2 * MINUTE + TICK


def test_a_running_refresh_comes_before_everything() -> None:
    """While a lease is held nothing else is decided, not even an Editor's request."""
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


def test_a_lease_that_expired_holds_nothing() -> None:
    """At its last instant a lease is over."""
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
    ids=["never attempted", "old", "young", "asked for"],
)
def test_refused_credentials_rest_the_whole_connection(state: RefreshState) -> None:
    """For an hour after the refusal no metric of the connection is tried, asked for or not."""
    refused = state.model_copy(update={"connection_refused_at": NOW})

    for later in (0 * SECOND, HOUR):
        decision = ask(refused, NOW + later)
        assert decision.kind is RESTING
        assert "refused" in decision.reason
    after = ask(refused, NOW + HOUR + TICK)
    assert (after.kind, after.probe) == (DUE, True)


def test_a_refusal_dated_too_far_ahead_counts_as_none() -> None:
    """A clock that was set back does not keep a connection at rest."""
    assert ask(attempted(2 * HOUR, connection_refused_at=NOW + 2 * MINUTE + TICK)).kind is DUE


def test_a_due_metric_of_a_connection_in_order_is_no_probe() -> None:
    """Only after a refusal does a connection get a single try."""
    assert not ask(attempted(2 * HOUR)).probe


@pytest.mark.parametrize("woken", [NOW - MINUTE, NOW], ids=["a minute ago", "now"])
def test_what_failed_is_due_at_once_when_the_connection_wakes(woken: datetime) -> None:
    """New credentials, or a check that passes, end the rest of what failed before."""
    state = attempted(
        2 * MINUTE,
        last_attempt_failed=True,
        connection_refused_at=NOW - 2 * MINUTE,
        connection_recovered_at=woken,
    )

    decision = ask(state)
    assert (decision.kind, decision.probe) == (DUE, False)
    assert "mended" in decision.reason


def test_of_the_same_instant_the_waking_counts() -> None:
    """Credentials that changed as the old ones were refused are given their chance."""
    state = attempted(2 * HOUR, connection_refused_at=NOW, connection_recovered_at=NOW)

    assert (ask(state).kind, ask(state).probe) == (DUE, False)


def test_what_worked_stays_fresh_when_the_connection_wakes() -> None:
    """A young value is not fetched again only because another survey was refused."""
    state = attempted(
        2 * MINUTE, connection_refused_at=NOW - MINUTE, connection_recovered_at=NOW - SECOND
    )

    assert ask(state).kind is FRESH


def test_what_failed_after_the_connection_woke_rests_like_any_other() -> None:
    """Waking helps once: the next failure counts for an hour again."""
    state = attempted(
        MINUTE,
        last_attempt_failed=True,
        connection_refused_at=NOW - 3 * MINUTE,
        connection_recovered_at=NOW - 2 * MINUTE,
    )

    assert ask(state).kind is FAILED


def test_a_refusal_after_the_connection_woke_rests_it_again() -> None:
    """The later of the two counts."""
    state = attempted(
        2 * HOUR, connection_refused_at=NOW - MINUTE, connection_recovered_at=NOW - 2 * MINUTE
    )

    assert ask(state).kind is RESTING


def test_a_failure_without_a_refusal_is_not_woken() -> None:
    """Saving the connection again does not make an outage's failure due."""
    state = attempted(2 * MINUTE, last_attempt_failed=True, connection_recovered_at=NOW)

    assert ask(state).kind is FAILED


@pytest.mark.parametrize("forced", [False, True])
def test_retry_after_rests_the_connection_until_then(*, forced: bool) -> None:
    """Until the instant that the survey tool named nothing is tried; at it, what is due is."""
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


def test_retry_after_rests_for_a_day_at_most() -> None:
    """However long the survey tool asks for, after 24 hours it is tried again."""
    state = attempted(0 * SECOND, retry_not_before=NOW + 99 * HOUR, retry_said_at=NOW - HOUR)

    assert ask(state).next_at == NOW + 23 * HOUR
    unsaid = state.model_copy(update={"retry_said_at": None})
    assert ask(unsaid).next_at == NOW + 24 * HOUR


def test_a_retry_after_said_in_the_future_counts_as_none() -> None:
    """A clock that was set back does not keep a connection at rest."""
    state = attempted(2 * HOUR, retry_not_before=NOW + 9 * HOUR, retry_said_at=NOW + 8 * HOUR)

    assert ask(state).kind is DUE


def test_the_end_of_a_rest_leaves_a_young_value_alone() -> None:
    """When a rest is over before the hour, the metric is due only when the hour is over too."""
    state = attempted(MINUTE, retry_not_before=NOW + 5 * MINUTE, retry_said_at=NOW)

    assert ask(state).next_at == NOW - MINUTE + HOUR + TICK


@pytest.mark.parametrize("failed", [False, True])
def test_an_editor_gets_a_refresh_of_a_young_value(*, failed: bool) -> None:
    """A request makes a metric due whatever its age."""
    state = attempted(MINUTE, forced_requested=True, last_attempt_failed=failed)

    decision = ask(state)
    assert (decision.kind, decision.reason) == (DUE, "A refresh was asked for.")


@pytest.mark.parametrize(
    ("ago", "kind"),
    [(0 * SECOND, FRESH), (MINUTE - TICK, FRESH), (MINUTE, DUE), (-3 * MINUTE, DUE)],
    ids=str,
)
def test_a_survey_is_refreshed_on_request_once_a_minute(
    ago: timedelta, kind: RefreshDecisionKind
) -> None:
    """A second request within a minute changes nothing, and says when it would."""
    state = attempted(MINUTE, forced_requested=True, survey_last_forced_at=NOW - ago)

    decision = ask(state)
    assert decision.kind is kind
    assert decision.next_at == (NOW if kind is DUE else NOW - ago + MINUTE)
    assert ("less than one minute ago" in decision.reason) == (kind is FRESH)


def test_a_due_metric_needs_no_request() -> None:
    """A request that comes too soon does not hold up what is due anyway."""
    state = attempted(2 * HOUR, forced_requested=True, survey_last_forced_at=NOW)

    assert ask(state).kind is DUE


def test_spans_can_be_set_and_are_said() -> None:
    """Another policy gives other spans, in the decision and in its reason."""
    policy = RefreshPolicy(max_age=timedelta(seconds=90))

    young = decide(attempted(90 * SECOND), policy, NOW)
    assert young.kind is FRESH
    assert "not over 90 seconds ago" in young.reason
    assert decide(attempted(91 * SECOND), policy, NOW).kind is DUE
    assert "2 hours" in decide(attempted(3 * HOUR), RefreshPolicy(max_age=2 * HOUR), NOW).reason


def test_instants_of_any_zone_are_compared_as_instants() -> None:
    """What a store gives back in another zone means the same instant."""
    east = timezone(timedelta(hours=9))
    state = attempted(0 * SECOND, last_attempt_ended=(NOW - HOUR).astimezone(east))

    assert ask(state).kind is FRESH
    assert ask(state, (NOW + TICK).astimezone(timezone(timedelta(hours=-5)))).kind is DUE


def test_instants_without_a_zone_are_refused() -> None:
    """A time that could be anybody's is a mistake of the caller."""
    with pytest.raises(ValueError, match="time zone"):
        ask(attempted(HOUR), datetime(2026, 3, 1, 12))  # noqa: DTZ001  # The point of it.
    with pytest.raises(ValidationError):
        attempted(HOUR, last_attempt_ended=datetime(2026, 3, 1, 12))  # noqa: DTZ001  # As above.
