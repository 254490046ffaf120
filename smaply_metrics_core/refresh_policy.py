"""The refresh policy: whether a metric is due, as a pure function of what is known about it.

A metric is refreshed on load when its previous update attempt is older than one hour. Nothing
here reads a clock or a store: see ``decide``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from pydantic import AwareDatetime

from smaply_metrics_core.models.base import Frozen

TICK: Final = datetime.resolution
"""The smallest step of time: exactly one hour is not older than one hour, one tick more is."""


class RefreshDecisionKind(StrEnum):
    """What to do with a metric on load."""

    DUE = "due"
    """Refresh it."""
    FRESH = "fresh"
    """Its value is young enough."""
    RESTING = "resting"
    """Its whole connection is left alone for a while."""
    FAILED_RESTING = "failed_resting"
    """Its last attempt failed and is too young to be repeated."""
    IN_FLIGHT = "in_flight"
    """A refresh of its survey is running: wait for it, then decide again."""


class RefreshPolicy(Frozen):
    """The spans of time that the policy works with.

    Attributes:
        max_age: An attempt older than this makes a metric due.
        force_interval: A survey is refreshed on request at most once in this span.
        future_tolerance: What is dated further ahead than this counts as never having happened,
            so that a clock that steps back never makes a metric rest for longer than ``max_age``.
        max_retry_after: Longest rest that a survey tool can ask for.
    """

    max_age: timedelta = timedelta(hours=1)
    force_interval: timedelta = timedelta(seconds=60)
    future_tolerance: timedelta = timedelta(minutes=2)
    max_retry_after: timedelta = timedelta(hours=24)


class RefreshState(Frozen):
    """What is known about one metric, its survey and its connection.

    Attributes:
        fingerprint: Of the metric as it is now.
        attempt_fingerprint: Of the metric when its last attempt was made; ``None``: no attempt.
        last_attempt_started: Written with the lease, which also takes back the end before it.
        last_attempt_ended: Written with the outcome; ``None`` when it never ended, as in a crash.
        last_attempt_failed: Whether that attempt gave no value.
        running_until: When the lease on this (connection, survey) expires; ``None``: no lease.
        connection_refused_at: When the credentials were last refused; stays when they change.
        connection_woken_at: When the credentials last changed or an Admin's check last passed.
        retry_not_before: The survey tool's ``Retry-After``, for the connection.
        retry_said_at: When it said so; without it the cap of 24 h counts from the decision.
        forced_requested: An Editor asks for a refresh now.
        survey_last_forced_at: When a refresh on request of this survey was last begun.
    """

    fingerprint: str
    attempt_fingerprint: str | None = None
    last_attempt_started: AwareDatetime | None = None
    last_attempt_ended: AwareDatetime | None = None
    last_attempt_failed: bool = False
    running_until: AwareDatetime | None = None
    connection_refused_at: AwareDatetime | None = None
    connection_recovered_at: AwareDatetime | None = None
    retry_not_before: AwareDatetime | None = None
    retry_said_at: AwareDatetime | None = None
    forced_requested: bool = False
    survey_last_forced_at: AwareDatetime | None = None


@dataclass(frozen=True)
class RefreshDecision:
    """What to do with a metric, why, and when to ask again.

    Attributes:
        reason: A sentence for people.
        next_at: The first instant at which the metric is due if nothing else happens: now when
            it is due already; for one in flight, as if that refresh never ended.
        probe: The metric is due although its connection's credentials stand refused. One such
            attempt is all that the whole connection may make in ``max_age``.
    """

    kind: RefreshDecisionKind
    reason: str
    next_at: datetime
    probe: bool = False


@dataclass(frozen=True)
class _PolicyResult:
    """What the first matching row says, and when that row stops matching."""

    kind: RefreshDecisionKind
    reason: str
    until: datetime


def decide(state: RefreshState, policy: RefreshPolicy, now: datetime) -> RefreshDecision:
    """Decide whether a metric is due.

    The first row that matches decides:

    1. a refresh of its (connection, survey) is running: in flight;
    2. the connection's credentials were refused, not longer than ``max_age`` ago: resting;
    3. the survey tool's ``Retry-After`` is not over: resting;
    4. an Editor asks, and this survey was not refreshed on request within a minute: due;
    5. no attempt for this fingerprint: due;
    6. the last attempt is older than ``max_age``: due;
    7. it is younger: fresh; or failed and resting, when it failed.

    Row 2 ends when the credentials change or a check passes; what failed before that is then due
    at once. An attempt's age counts from its end, or from its start when it never ended.

    Raises:
        ValueError: when ``now`` has no time zone.
    """
    if now.tzinfo is None:
        raise ValueError("now needs a time zone")
    table = _Table(state, policy, asked_at=now)
    verdict = table.verdict(now)
    next_at, later = now, verdict
    while later.kind is not RefreshDecisionKind.DUE:
        next_at = table.next_look(next_at, later.until)
        later = table.verdict(next_at)
    due = verdict.kind is RefreshDecisionKind.DUE
    return RefreshDecision(verdict.kind, verdict.reason, next_at, probe=due and table.refused(now))


@dataclass(frozen=True)
class _Table:
    """The rows, which can be asked about any instant from ``asked_at`` on."""

    state: RefreshState
    policy: RefreshPolicy
    asked_at: datetime

    def verdict(self, now: datetime) -> _PolicyResult:
        return self._in_flight(now) or self._resting(now) or self._forced(now) or self._aged(now)

    def next_look(self, now: datetime, until: datetime) -> datetime:
        """Return the next instant at which the verdict may change: ``until``, or before it.

        A waking that was dated ahead, by a clock since set back, ends a rest once it counts.
        """
        if self.state.connection_recovered_at is None:
            return until
        counts_from = self.state.connection_recovered_at - self.policy.future_tolerance
        return counts_from if now < counts_from < until else until

    def refused(self, now: datetime) -> bool:
        """Whether the credentials stand refused: nothing has woken the connection since."""
        refused = self._happened(self.state.connection_refused_at, now)
        woken = self._happened(self.state.connection_recovered_at, now)
        return refused is not None and (woken is None or woken < refused)

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
                f"The credentials were refused at {_clock(refused)}; the connection rests until "
                "they are changed or a check passes, and is tried once in "
                f"{_span(self.policy.max_age)}."
            )
            return _PolicyResult(
                RefreshDecisionKind.RESTING, reason, refused + self.policy.max_age + TICK
            )
        until = self._retry_until(now)
        if until is not None and now < until:
            reason = f"The survey tool asked to be left alone until {_clock(until)}."
            return _PolicyResult(RefreshDecisionKind.RESTING, reason, until)
        return None

    def _forced(self, now: datetime) -> _PolicyResult | None:
        if not self.state.forced_requested or now < self._force_from(now):
            return None
        return _PolicyResult(RefreshDecisionKind.DUE, "A refresh was asked for.", now)

    def _aged(self, now: datetime) -> _PolicyResult:
        attempt = self._attempt(now)
        if attempt is None:
            return _PolicyResult(RefreshDecisionKind.DUE, self._why_no_attempt(), now)
        max_age = self.policy.max_age
        if now - attempt > max_age:
            reason = f"The last attempt, at {_clock(attempt)}, is older than {_span(max_age)}."
            return _PolicyResult(RefreshDecisionKind.DUE, reason, now)
        failed = self.state.last_attempt_failed or self.state.last_attempt_ended is None
        if failed and self._woken_since(attempt, now):
            reason = "The last attempt failed, and the connection was mended since."
            return _PolicyResult(RefreshDecisionKind.DUE, reason, now)
        until = attempt + max_age + TICK
        outcome = "failed" if failed else "was made"
        reason = f"The last attempt {outcome} at {_clock(attempt)}, not over {_span(max_age)} ago."
        if self.state.forced_requested:
            until = min(until, self._force_from(now))
            reason += (
                " A refresh was asked for, but one of this survey was begun on request less than "
                f"{_span(self.policy.force_interval)} ago."
            )
        return _PolicyResult(
            RefreshDecisionKind.FAILED_RESTING if failed else RefreshDecisionKind.FRESH,
            reason,
            until,
        )

    def _happened(self, instant: datetime | None, now: datetime) -> datetime | None:
        """Return an instant back unless it lies too far ahead to be true."""
        if instant is None or instant - now > self.policy.future_tolerance:
            return None
        return instant

    def _attempt(self, now: datetime) -> datetime | None:
        """Return the instant from which the last attempt's age counts, if it counts at all."""
        if self.state.attempt_fingerprint != self.state.fingerprint:
            return None
        return self._happened(self.state.last_attempt_ended or self.state.last_attempt_started, now)

    def _why_no_attempt(self) -> str:
        if self.state.attempt_fingerprint is None:
            return "It has never been refreshed."
        if self.state.attempt_fingerprint != self.state.fingerprint:
            return "What it measures was changed since the last attempt."
        return "Its last attempt is dated in the future, so it does not count."

    def _woken_since(self, attempt: datetime, now: datetime) -> bool:
        refused = self._happened(self.state.connection_refused_at, now)
        woken = self._happened(self.state.connection_recovered_at, now)
        return refused is not None and woken is not None and max(refused, attempt) <= woken

    def _retry_until(self, now: datetime) -> datetime | None:
        if self.state.retry_not_before is None:
            return None
        said = self._happened(self.state.retry_said_at or self.asked_at, now)
        if said is None:
            return None
        return min(self.state.retry_not_before, said + self.policy.max_retry_after)

    def _force_from(self, now: datetime) -> datetime:
        last = self._happened(self.state.survey_last_forced_at, now)
        return self.asked_at if last is None else last + self.policy.force_interval


def _clock(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S %Z}"


def _span(span: timedelta) -> str:
    seconds = span.total_seconds()
    for size, unit in ((3600, "hour"), (60, "minute")):
        if seconds >= size and seconds % size == 0:
            count = int(seconds // size)
            return f"one {unit}" if count == 1 else f"{count} {unit}s"
    return f"{seconds:g} seconds"
