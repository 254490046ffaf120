"""Refresh attempts: begins, restores and deletes them, and saves their outcomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, bindparam, delete, insert, select, update

from smaply_metrics_core.host.store import history, past_attempts
from smaply_metrics_core.host.store.dialect import in_list
from smaply_metrics_core.host.store.leases import Lease
from smaply_metrics_core.host.store.metric_states import MetricState
from smaply_metrics_core.host.store.tables import attempts, metric_values, metrics
from smaply_metrics_core.models.problem import Problem
from smaply_metrics_core.models.result import Result
from smaply_metrics_core.models.tally import Tally


def begin_attempts(
    db: Connection, account: str, fingerprints: Mapping[str, str], now: datetime
) -> None:
    """Record the start of an attempt for each of these metrics."""
    drop_attempts(db, account, tuple(fingerprints))
    _insert(
        db,
        attempts,
        [
            {
                "metric_id": metric_id,
                "account": account,
                "fingerprint": fingerprint,
                "started_at": now,
                "failed": False,
            }
            for metric_id, fingerprint in fingerprints.items()
        ],
    )


def note_interrupted(db: Connection, account: str, states: Sequence[MetricState]) -> None:
    """Add the attempts whose process died to the past ones; the caller locked the metrics."""
    started = {
        state.id: state.attempt.started_at
        for state in states
        if state.attempt is not None and state.attempt.ended_at is None
    }
    past_attempts.add(db, account, started, {}, None)


def drop_attempts(db: Connection, account: str, metric_ids: Sequence[str]) -> set[str]:
    """Delete attempts, as when their connection is deleted or before new ones are inserted.

    Returns:
        The ids of the metrics that had one.
    """
    dropped = (
        delete(attempts)
        .where(attempts.c.account == account, in_list(db, attempts.c.metric_id, metric_ids))
        .returning(attempts.c.metric_id)
    )
    return set(db.execute(dropped).scalars())


def restore_attempts(db: Connection, lease: Lease, states: Sequence[MetricState]) -> None:
    """Restore the attempts that preceded a refresh cancelled by a clean shutdown.

    Metrics that a change has made due in the meantime have no attempt, and stay due.
    """
    account = lease.account
    existing = _lock_metrics(db, lease, [state.id for state in states])
    begun = drop_attempts(db, account, tuple(existing))
    _insert(
        db,
        attempts,
        [
            {
                "metric_id": state.id,
                "account": account,
                "fingerprint": state.attempt.fingerprint,
                "started_at": state.attempt.started_at,
                "ended_at": state.attempt.ended_at,
                "failed": state.attempt.failed,
                "problem": _dumped(state.attempt.problem),
            }
            for state in states
            if state.attempt is not None and state.id in begun
        ],
    )


def save_outcomes(  # noqa: PLR0913  # The outcome of a refresh.
    db: Connection,
    lease: Lease,
    problems: Mapping[str, Problem | None],
    values: Mapping[str, tuple[str, Result, Tally]],
    now: datetime,
    *,
    started_at: datetime,
    forget_before: datetime,
) -> set[str]:
    """Save the end of each metric's attempt, and its new value with the value's fingerprint.

    Attempts, which started at ``started_at``, are added to the past ones of their metrics. Values
    are added to the history of their metrics; entries older than ``forget_before`` are
    deleted. Metrics that were deleted, moved to another connection or made due in the meantime are
    skipped: what was read is old.

    Returns:
        The ids of the metrics that were not skipped.
    """
    account = lease.account
    existing = _lock_metrics(db, lease, tuple(problems))
    begun = select(attempts.c.metric_id).where(
        attempts.c.account == account, in_list(db, attempts.c.metric_id, tuple(existing))
    )
    existing = set(db.execute(begun).scalars())
    ended = [
        {
            "its_account": account,
            "its_metric": metric_id,
            "ended_at": now,
            "failed": problem is not None,
            "problem": _dumped(problem),
        }
        for metric_id, problem in problems.items()
        if metric_id in existing
    ]
    if ended:
        statement = update(attempts).where(
            attempts.c.account == bindparam("its_account"),
            attempts.c.metric_id == bindparam("its_metric"),
        )
        db.execute(
            statement.values({name: bindparam(name) for name in ("ended_at", "failed", "problem")}),
            ended,
        )
    past_attempts.add(db, account, dict.fromkeys(existing, started_at), problems, now)
    new = {metric_id: value for metric_id, value in values.items() if metric_id in existing}
    db.execute(
        delete(metric_values).where(
            metric_values.c.account == account, in_list(db, metric_values.c.metric_id, tuple(new))
        )
    )
    _insert(
        db,
        metric_values,
        [
            {
                "metric_id": metric_id,
                "account": account,
                "fingerprint": fingerprint,
                "result": result.model_dump(mode="json"),
                "tally": tally.model_dump(mode="json"),
                "as_of": result.as_of,
            }
            for metric_id, (fingerprint, result, tally) in new.items()
        ],
    )
    results = {metric_id: (value[0], value[1]) for metric_id, value in new.items()}
    history.add(db, account, results, forget_before)
    return existing


def _lock_metrics(db: Connection, lease: Lease, metric_ids: Sequence[str]) -> set[str]:
    """Lock the metrics that the connection still has until the transaction ends; return their ids.

    Every transaction that writes to metrics locks them first, in order, to avoid deadlocks.
    """
    locked = (
        select(metrics.c.id)
        .where(
            metrics.c.account == lease.account,
            metrics.c.connection_id == lease.connection_id,
            in_list(db, metrics.c.id, metric_ids),
        )
        .order_by(metrics.c.id)
        .with_for_update(read=True, key_share=True)
    )
    return set(db.execute(locked).scalars())


def drop_value(db: Connection, account: str, metric_id: str) -> None:
    """Delete the value of a metric, as when its definition or connection has changed."""
    db.execute(
        delete(metric_values).where(
            metric_values.c.account == account, metric_values.c.metric_id == metric_id
        )
    )


def _insert(db: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        db.execute(insert(table), rows)


def _dumped(problem: Problem | None) -> dict[str, Any] | None:
    return problem.model_dump(mode="json") if problem else None
