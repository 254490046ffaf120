"""Applies the refresh policy to the stored states of metrics, and explains its decisions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, TypeAlias

from smaply_metrics_core.host.cards.refresh_attempts import RefreshAttempt
from smaply_metrics_core.host.runtime import Runtime
from smaply_metrics_core.host.store import leases
from smaply_metrics_core.host.store import metric_states as state_rows
from smaply_metrics_core.host.store import metrics as metric_rows
from smaply_metrics_core.host.store.accounts import read_account
from smaply_metrics_core.host.store.bulk_read import paused_collector
from smaply_metrics_core.host.store.metric_states import MetricState
from smaply_metrics_core.host.store.stored_confidence import at_confidence
from smaply_metrics_core.models.base import Frozen
from smaply_metrics_core.models.metric import RefreshDecisionKind
from smaply_metrics_core.refresh_policy import RefreshDecision, RefreshState, decide

NOT_CONNECTED: Final = "This metric is not connected to its source."

Decided: TypeAlias = tuple[MetricState, RefreshDecision | None]
"""A metric's state and the decision about it; ``None`` when its connection was deleted."""


def read_decisions(
    runtime: Runtime,
    account: str,
    *,
    metric_ids: Sequence[str] | None = None,
    survey: tuple[str, str] | None = None,
    forced: bool = False,
) -> tuple[Decided, ...]:
    """Return the states of an account's metrics with the decisions about them.

    Args:
        runtime: The shared parts of the host.
        account: The account.
        metric_ids: The metrics, in the order of the result; all of the account when ``None``.
        survey: The connection and survey of the metrics; all surveys when ``None``.
        forced: Whether an Editor requested the refresh.

    Raises:
        NotFound: when a metric is not in this account.
    """
    with runtime.store.reading() as db:
        settings = read_account(db, account)
        states = state_rows.read(db, account, settings, metric_ids=metric_ids, survey=survey)
        states = at_confidence(db, account, settings.confidence, states)
    if metric_ids is not None:
        found = {state.id: state for state in states}
        for metric_id in metric_ids:
            if metric_id not in found:
                raise metric_rows.no_metric(metric_id)
        states = tuple(found[metric_id] for metric_id in metric_ids)
    with paused_collector(len(states)):
        return tuple(
            (
                state,
                decide_for_metric(runtime, state, forced=forced) if state.connection else None,
            )
            for state in states
        )


def decide_for_metric(
    runtime: Runtime, state: MetricState, *, forced: bool = False
) -> RefreshDecision:
    """Return the decision of the refresh policy about one metric that is connected."""
    now = runtime.now()
    left = None
    if state.lease_expires_at is not None:
        left = leases.time_left(
            state.lease_expires_at, runtime.lease_now() or now, runtime.lease_length
        )
    attempt, connection = state.attempt, state.connection
    return decide(
        RefreshState(
            fingerprint=state.fingerprint,
            attempt_fingerprint=attempt.fingerprint if attempt else None,
            last_attempt_started=attempt.started_at if attempt else None,
            last_attempt_ended=attempt.ended_at if attempt else None,
            last_attempt_failed=attempt.failed if attempt else False,
            running_until=None if left is None else now + left,
            connection_refused_at=connection.refused_at if connection else None,
            connection_recovered_at=connection.woken_at if connection else None,
            retry_not_before=connection.retry_not_before if connection else None,
            retry_said_at=connection.retry_said_at if connection else None,
            forced_requested=forced,
            survey_last_forced_at=state.forced_at,
            survey_chosen=state.survey_chosen,
        ),
        runtime.settings.policy,
        now,
    )


class RefreshExplanation(Frozen):
    """The decision of the refresh policy about a metric, explained.

    Attributes:
        kind: The decision; ``None`` when the metric's connection was deleted.
        sentence: Why it was made, and when the metric is refreshed next.
        next_at: The first instant at which a load refreshes the metric, if nothing else happens.
        attempts: The last attempts, the newest first, without the one that is running.
    """

    metric_id: str
    name: str
    kind: RefreshDecisionKind | None
    sentence: str
    next_at: datetime | None
    attempts: tuple[RefreshAttempt, ...] = ()


def explain_decision(
    state: MetricState, decision: RefreshDecision | None, attempts: tuple[RefreshAttempt, ...]
) -> RefreshExplanation:
    """Return the explanation of a decision, with the last attempts."""
    return RefreshExplanation(
        metric_id=state.id,
        name=state.name,
        kind=decision.kind if decision else None,
        sentence=f"{decision.reason} {_next(state, decision)}"
        if decision
        else f"{NOT_CONNECTED} It is refreshed on the first load after the source is connected, or "
        "after the metric is edited to use another connection.",
        next_at=decision.next_at if decision else None,
        attempts=attempts,
    )


def _next(state: MetricState, decision: RefreshDecision) -> str:
    if decision.kind is RefreshDecisionKind.DUE:
        return "The next load refreshes it."
    if decision.next_at is None:
        return "It is refreshed on the first load after an Admin has chosen its survey."
    when = f"{decision.next_at:%Y-%m-%d %H:%M:%S %Z}"
    if decision.kind is not RefreshDecisionKind.IN_FLIGHT:
        return f"The first load after {when} refreshes it."
    retried = f"If it hangs, it is retried after {when}."
    if state.running_since is None:
        return retried
    done = "" if state.percent is None else f" and is {state.percent:g}% done"
    return f"It started at {state.running_since:%H:%M:%S %Z}{done}. {retried}"
