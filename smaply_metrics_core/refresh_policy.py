"""The refresh policy: whether a metric is due, as a pure function of its state.

A metric is refreshed on load if its last refresh attempt is older than one hour. Nothing in this
module reads a clock or the store; see ``decide``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from smaply_metrics_core.models.base import Frozen
from smaply_metrics_core.models.metric import RefreshDecisionKind

TICK: Final = datetime.resolution
"""The smallest difference in time. An age of one hour plus one tick is older than one hour."""

SURVEY_NOT_CHOSEN: Final = (
    "The connection is restricted to chosen surveys, and the survey of this metric is not one of "
    "them."
)


class RefreshPolicy(Frozen):
    """The intervals of the policy.

    Attributes:
        max_age: A metric is due if its last attempt is older.
        force_interval: The minimum interval between refreshes of a survey on request.
        future_tolerance: Events dated further in the future are ignored, so that a clock that is
            set back never delays a metric by more than ``max_age``.
        max_retry_after: The longest ``Retry-After`` that is applied.
    """

    max_age: timedelta = timedelta(hours=1)
    force_interval: timedelta = timedelta(seconds=60)
    future_tolerance: timedelta = timedelta(minutes=2)
    max_retry_after: timedelta = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class RefreshState:
    """The state of a metric, its survey and its connection; every datetime has a time zone.

    Attributes:
        fingerprint: The metric's current fingerprint.
        attempt_fingerprint: The fingerprint at the last attempt; ``None`` without an attempt.
        last_attempt_started: Stored with the lease, which also resets ``last_attempt_ended``.
        last_attempt_ended: Stored with the outcome; ``None`` if there is none, as after a crash.
        last_attempt_failed: Whether the last attempt produced no value.
        running_until: When the lease on (connection, survey) expires; ``None`` without a lease.
        connection_refused_at: When the credentials were last rejected; not reset by a change.
        connection_recovered_at: When the credentials last changed or a check last passed.
        retry_not_before: The end of the connection's ``Retry-After``.
        retry_said_at: When the ``Retry-After`` was received; by default, the time of the decision.
        forced_requested: Whether an Editor requests a refresh now.
        survey_last_forced_at: When a refresh of this survey was last started on request.
        survey_chosen: Whether an Admin allows metrics of this survey.
    """

    fingerprint: str
    attempt_fingerprint: str | None = None
    last_attempt_started: datetime | None = None
    last_attempt_ended: datetime | None = None
    last_attempt_failed: bool = False
    running_until: datetime | None = None
    connection_refused_at: datetime | None = None
    connection_recovered_at: datetime | None = None
    retry_not_before: datetime | None = None
    retry_said_at: datetime | None = None
    forced_requested: bool = False
    survey_last_forced_at: datetime | None = None
    survey_chosen: bool = True


@dataclass(frozen=True, slots=True)
class RefreshDecision:
    """Whether to refresh a metric, why, and when it is due next.

    Attributes:
        reason: The reason, for people.
        next_at: When the metric is due if nothing else happens: ``now`` if it is due; for a metric
            in flight, as if the running refresh never ended; ``None`` if its survey is not chosen.
        probe: Whether the metric is due although the credentials were rejected. The connection may
            make one such attempt per ``max_age``.
    """

    kind: RefreshDecisionKind
    reason: str
    next_at: datetime | None
    probe: bool = False


@dataclass(frozen=True, slots=True)
class _PolicyResult:
    """The result of the first rule that matches, and when it stops matching."""

    kind: RefreshDecisionKind
    reason: str
    until: datetime


def decide(state: RefreshState, policy: RefreshPolicy, now: datetime) -> RefreshDecision:
    """Decide whether a metric is due.

    A metric whose survey an Admin has not chosen is never due, even on request. For all others, the
    first rule that matches applies:

    1. A refresh of its (connection, survey) is running: in flight.
    2. The connection's credentials were rejected within ``max_age``: resting.
    3. The survey tool's ``Retry-After`` is not over: resting.
    4. An Editor requests a refresh, and none of this survey was requested within a minute: due.
    5. There is no attempt for this fingerprint: due.
    6. The last attempt is older than ``max_age``: due.
    7. Otherwise: fresh, or failed and resting if the last attempt failed.

    Rule 2 ends when the credentials change or a check passes; metrics that failed before are then
    due immediately. The age of an attempt is counted from its end, or from its start if it never
    ended.

    Raises:
        ValueError: when ``now`` has no time zone.
    """
    if now.tzinfo is None:
        raise ValueError("now needs a time zone")
    if not state.survey_chosen:
        return RefreshDecision(RefreshDecisionKind.NOT_CHOSEN, SURVEY_NOT_CHOSEN, next_at=None)
    table = _Table(state, policy, asked_at=now)
    decision = table.decide(now)
    next_at, later = now, decision
    while later.kind is not RefreshDecisionKind.DUE:
        next_at = table.next_change(next_at, later.until)
        later = table.decide(next_at)
    due = decision.kind is RefreshDecisionKind.DUE
    return RefreshDecision(
        decision.kind, decision.reason, next_at, probe=due and table.refused(now)
    )


@dataclass(frozen=True, slots=True)
class _Table:
    """The rules, evaluated for any time from ``asked_at`` on."""

    state: RefreshState
    policy: RefreshPolicy
    asked_at: datetime

    def decide(self, now: datetime) -> _PolicyResult:
        return self._in_flight(now) or self._resting(now) or self._forced(now) or self._aged(now)

    def next_change(self, now: datetime, until: datetime) -> datetime:
        """Return when the decision may change: ``until``, or earlier.

        A recovery dated in the future, by a clock that was set back, ends a rest as soon as it is
        within ``future_tolerance``.
        """
        if self.state.connection_recovered_at is None:
            return until
        counts_from = self.state.connection_recovered_at - self.policy.future_tolerance
        return counts_from if now < counts_from < until else until

    def refused(self, now: datetime) -> bool:
        """Whether the credentials were rejected and the connection has not recovered since."""
        refused = self._happened(self.state.connection_refused_at, now)
        recovered = self._happened(self.state.connection_recovered_at, now)
        return refused is not None and (recovered is None or recovered < refused)

    def _in_flight(self, now: datetime) -> _PolicyResult | None:
        until = self.state.running_until
        if until is None or until <= now:
            return None
        reason = "A refresh of this survey is running."
        return _PolicyResult(RefreshDecisionKind.IN_FLIGHT, reason, until)

    def _resting(self, now: datetime) -> _PolicyResult | None:
        refused = self._happened(self.state.connection_refused_at, now)
        if refused is not None and self.refused(now) and now - refused <= self.policy.max_age:
            reason = (
                f"The credentials were rejected at {_clock(refused)}. Until they are changed or a "
                "check passes, the connection is tried once per "
                f"{_span(self.policy.max_age).removeprefix('one ')}."
            )
            return _PolicyResult(
                RefreshDecisionKind.RESTING, reason, refused + self.policy.max_age + TICK
            )
        until = self._retry_until(now)
        if until is not None and now < until:
            reason = f"The survey tool requested a pause until {_clock(until)}."
            return _PolicyResult(RefreshDecisionKind.RESTING, reason, until)
        return None

    def _forced(self, now: datetime) -> _PolicyResult | None:
        if not self.state.forced_requested or now < self._force_from(now):
            return None
        return _PolicyResult(RefreshDecisionKind.DUE, "A refresh was requested.", now)

    def _aged(self, now: datetime) -> _PolicyResult:
        attempt = self._attempt(now)
        if attempt is None:
            return _PolicyResult(RefreshDecisionKind.DUE, self._why_no_attempt(), now)
        max_age = self.policy.max_age
        if now - attempt > max_age:
            reason = (
                f"The last refresh attempt at {_clock(attempt)} is older than {_span(max_age)}."
            )
            return _PolicyResult(RefreshDecisionKind.DUE, reason, now)
        failed = self.state.last_attempt_failed or self.state.last_attempt_ended is None
        if failed and self._recovered_since(attempt, now):
            reason = "The last refresh attempt failed, and the connection was fixed since."
            return _PolicyResult(RefreshDecisionKind.DUE, reason, now)
        until = attempt + max_age + TICK
        reason = (
            f"The last refresh attempt {'failed' if failed else 'succeeded'} at {_clock(attempt)}, "
            f"within the last {_span(max_age).removeprefix('one ')}."
        )
        if self.state.forced_requested:
            force_from = self._force_from(now)
            until = min(until, force_from)
            reason = (
                "A refresh of this survey was requested less than "
                f"{_span(self.policy.force_interval)} ago. Try again in "
                f"{math.ceil((force_from - now).total_seconds())} s."
            )
        return _PolicyResult(
            RefreshDecisionKind.FAILED_RESTING if failed else RefreshDecisionKind.FRESH,
            reason,
            until,
        )

    def _happened(self, instant: datetime | None, now: datetime) -> datetime | None:
        """Return the instant, or ``None`` if it is too far in the future to be plausible."""
        if instant is None or instant - now > self.policy.future_tolerance:
            return None
        return instant

    def _attempt(self, now: datetime) -> datetime | None:
        """Return the start of the last attempt's age; ``None`` if the attempt does not count."""
        if self.state.attempt_fingerprint != self.state.fingerprint:
            return None
        return self._happened(self.state.last_attempt_ended or self.state.last_attempt_started, now)

    def _why_no_attempt(self) -> str:
        if self.state.attempt_fingerprint is None:
            return "The metric has never been refreshed."
        if self.state.attempt_fingerprint != self.state.fingerprint:
            return "The metric changed since the last refresh attempt."
        return "The last refresh attempt is dated in the future and is ignored."

    def _recovered_since(self, attempt: datetime, now: datetime) -> bool:
        refused = self._happened(self.state.connection_refused_at, now)
        recovered = self._happened(self.state.connection_recovered_at, now)
        return refused is not None and recovered is not None and max(refused, attempt) <= recovered

    def _retry_until(self, now: datetime) -> datetime | None:
        if self.state.retry_not_before is None:
            return None
        received = self._happened(self.state.retry_said_at or self.asked_at, now)
        if received is None:
            return None
        return min(self.state.retry_not_before, received + self.policy.max_retry_after)

    def _force_from(self, now: datetime) -> datetime:
        last = self._happened(self.state.survey_last_forced_at, now)
        return self.asked_at if last is None else last + self.policy.force_interval


_TO_SECONDS: Final = len("2026-03-01 12:00:00")


def _clock(instant: datetime) -> str:
    # A third of the time of strftime, and every card has such a sentence.
    return f"{str(instant)[:_TO_SECONDS]} {instant.tzname()}"


@lru_cache(maxsize=16)
def _span(span: timedelta) -> str:
    seconds = span.total_seconds()
    for size, unit in ((3600, "hour"), (60, "minute")):
        if seconds >= size and seconds % size == 0:
            count = int(seconds // size)
            return f"one {unit}" if count == 1 else f"{count} {unit}s"
    return f"{seconds:g} seconds"
