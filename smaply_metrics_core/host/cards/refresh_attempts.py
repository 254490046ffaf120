"""The last attempts to refresh a metric, as an operator or a page shows them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from smaply_metrics_core.host.store.metric_states import MetricState
from smaply_metrics_core.host.store.past_attempts import MOST_ATTEMPTS, PastAttempt
from smaply_metrics_core.models.base import Finite, Frozen
from smaply_metrics_core.models.metric import RefreshDecisionKind
from smaply_metrics_core.models.problem import Audience, Problem
from smaply_metrics_core.refresh_policy import RefreshDecision


class AttemptOutcome(StrEnum):
    """How an attempt ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    """Its process died."""


class RefreshAttempt(Frozen):
    """A past attempt to refresh a metric.

    Attributes:
        started_at: When it started.
        outcome: How it ended.
        seconds: How long it took; ``None`` if it was interrupted.
        problem: Why it failed, for the reader's role.
        correlation_id: The ID that the log records of the attempt have; empty if not known.
    """

    started_at: datetime
    outcome: AttemptOutcome
    seconds: Finite | None = None
    problem: Problem | None = None
    correlation_id: str = ""


def with_last_attempt(
    past: Sequence[PastAttempt], state: MetricState, decision: RefreshDecision | None
) -> tuple[PastAttempt, ...]:
    """Return the attempts of a metric with its last one, unless that is running.

    It is missing among the past ones if it was interrupted, or was made by an earlier release.

    Args:
        past: The stored attempts, the newest first.
        state: The metric with its last attempt.
        decision: The decision about it, which tells whether that attempt is running.
    """
    last = state.attempt
    running = decision is not None and decision.kind is RefreshDecisionKind.IN_FLIGHT
    if last is None or (running and last.ended_at is None):
        return tuple(past)
    if any(one.started_at == last.started_at for one in past):
        return tuple(past)
    missing = PastAttempt(state.source, last.started_at, last.ended_at, last.problem, "")
    return (missing, *past)[:MOST_ATTEMPTS]


def shown_attempt(past: PastAttempt, reader: Audience, source: str) -> RefreshAttempt:
    """Return an attempt for people.

    Args:
        past: The attempt.
        reader: Who reads its problem.
        source: The title of the source, for the problem.
    """
    seconds: float | None = None
    if past.ended_at is None:
        outcome = AttemptOutcome.INTERRUPTED
    else:
        outcome = AttemptOutcome.FAILED if past.problem else AttemptOutcome.SUCCEEDED
        # A clock that was set back must not show a negative duration.
        seconds = max(0.0, (past.ended_at - past.started_at).total_seconds())
    return RefreshAttempt(
        started_at=past.started_at,
        outcome=outcome,
        seconds=seconds,
        problem=past.problem and past.problem.for_reader(reader, source=source),
        correlation_id=past.correlation_id,
    )
