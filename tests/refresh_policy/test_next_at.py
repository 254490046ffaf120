"""Properties of the refresh policy: ``next_at`` is correct for any state."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import example, given
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
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
DUE = RefreshDecisionKind.DUE


def ask(state: RefreshState, at: datetime = NOW) -> RefreshDecision:
    """Decide with the default policy."""
    return decide(state, RefreshPolicy(), at)


instants = st.one_of(
    st.none(),
    st.timedeltas(min_value=-3 * HOUR, max_value=3 * HOUR).map(lambda span: NOW + span),
    st.sampled_from(
        [-HOUR - TICK, -HOUR, -MINUTE, 0 * TICK, TICK, 2 * MINUTE, 2 * MINUTE + TICK, 30 * HOUR]
    ).map(lambda span: NOW + span),
)


@st.composite
def states(draw: st.DrawFn) -> RefreshState:
    """Draw any state, including impossible ones."""
    retry = draw(instants)
    received = draw(instants.filter(lambda instant: instant is not None))
    return RefreshState(
        fingerprint="now",
        attempt_fingerprint=draw(st.sampled_from(["now", "now", "before", None])),
        last_attempt_started=draw(instants),
        last_attempt_ended=draw(instants),
        last_attempt_failed=draw(st.booleans()),
        running_until=draw(instants),
        connection_refused_at=draw(instants),
        connection_recovered_at=draw(instants),
        retry_not_before=retry,
        retry_said_at=received if retry else None,
        forced_requested=draw(st.booleans()),
        survey_last_forced_at=draw(instants),
    )


@given(state=states(), part=st.floats(min_value=0, max_value=1, exclude_max=True))
@example(
    # Ignored now, since it is in the future, and applied after an hour.
    state=RefreshState(
        fingerprint="now",
        attempt_fingerprint="now",
        last_attempt_ended=NOW - MINUTE,
        connection_refused_at=NOW + 30 * MINUTE,
    ),
    part=0.9,
)
@example(
    # The rest ends within the hour, when a recovery dated in the future begins to count.
    state=RefreshState(
        fingerprint="now",
        connection_refused_at=NOW - MINUTE,
        connection_recovered_at=NOW + 10 * MINUTE,
    ),
    part=0.9,
)
def test_next_at_is_the_first_instant_at_which_it_is_due(state: RefreshState, part: float) -> None:
    """The metric is due at ``next_at``, but not one tick or any other time before."""
    decision = ask(state)

    assert decision.next_at is not None
    assert ask(state, decision.next_at).kind is DUE
    if decision.kind is DUE:
        assert decision.next_at == NOW
    else:
        assert decision.next_at > NOW
        assert ask(state, decision.next_at - TICK).kind is not DUE
        ticks = int((decision.next_at - NOW) / TICK * part)
        assert ask(state, NOW + ticks * TICK).kind is not DUE


@given(states())
def test_a_survey_that_is_not_chosen_is_never_due(state: RefreshState) -> None:
    """Whatever happened before, and whatever is requested."""
    decision = ask(replace(state, survey_chosen=False))

    assert decision.kind is RefreshDecisionKind.NOT_CHOSEN
    assert (decision.next_at, decision.probe) == (None, False)


@given(states())
def test_every_decision_has_a_reason(state: RefreshState) -> None:
    """The reason is a sentence, and only a decision to refresh can be a probe."""
    decision = ask(state)

    assert decision.reason.endswith(".")
    assert decision.kind is DUE or not decision.probe
