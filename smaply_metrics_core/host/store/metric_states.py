"""What a load reads, in one statement: metrics with their values, attempts, connections, leases."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from sqlalchemy import and_, bindparam, delete, insert, select, update

from smaply_metrics_core.host.store import history
from smaply_metrics_core.host.store.connections import same_connection
from smaply_metrics_core.host.store.dialect import in_list
from smaply_metrics_core.host.store.metrics import metric_of
from smaply_metrics_core.host.store.tables import (
    attempts,
    connections,
    leases,
    metric_values,
    metrics,
)
from smaply_metrics_core.models.problem import Problem
from smaply_metrics_core.models.result import Result

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection, RowMapping, Table

    from smaply_metrics_core.models.metric import Metric
    from smaply_metrics_core.models.tally import Tally

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class StoredValue:
    """The last good value and the fingerprint it was made for."""

    fingerprint: str
    result: Result
    as_of: datetime


@dataclass(frozen=True)
class Attempt:
    """The last update attempt; ``ended_at`` is None while it runs, or when it never ended."""

    fingerprint: str
    started_at: datetime
    ended_at: datetime | None = None
    failed: bool = False
    problem: Problem | None = None


@dataclass(frozen=True)
class ConnectionState:
    """What a connection says about refreshing."""

    id: str
    refused_at: datetime | None
    woken_at: datetime | None
    retry_not_before: datetime | None
    retry_said_at: datetime | None
    problem: Problem | None


@dataclass(frozen=True)
class MetricState:
    """Everything that deciding about one metric needs."""

    metric: Metric
    value: StoredValue | None
    attempt: Attempt | None
    connection: ConnectionState | None
    lease_expires_at: datetime | None
    forced_at: datetime | None
    running_since: datetime | None = None
    percent: float | None = None


_COLUMNS = (
    *metrics.c,
    metric_values.c.fingerprint.label("value_fingerprint"),
    metric_values.c.result,
    metric_values.c.as_of,
    attempts.c.fingerprint.label("attempt_fingerprint"),
    attempts.c.started_at,
    attempts.c.ended_at,
    attempts.c.failed,
    attempts.c.problem.label("attempt_problem"),
    connections.c.id.label("connection_id"),
    connections.c.refused_at,
    connections.c.woken_at,
    connections.c.retry_not_before,
    connections.c.retry_said_at,
    connections.c.problem.label("connection_problem"),
    leases.c.owner,
    leases.c.expires_at,
    leases.c.forced_at,
    leases.c.started_at.label("running_since"),
    leases.c.percent,
)

_JOINED = (
    metrics.outerjoin(
        metric_values,
        and_(
            metric_values.c.metric_id == metrics.c.id,
            metric_values.c.account == metrics.c.account,
        ),
    )
    .outerjoin(
        attempts,
        and_(attempts.c.metric_id == metrics.c.id, attempts.c.account == metrics.c.account),
    )
    .outerjoin(connections, same_connection(metrics.c.source, metrics.c.account))
    .outerjoin(
        leases,
        and_(
            leases.c.connection_id == connections.c.id,
            leases.c.survey_id == metrics.c.survey_id,
            leases.c.account == metrics.c.account,
        ),
    )
)


def read(
    db: Connection,
    account: str,
    *,
    metric_ids: Sequence[str] | None = None,
    survey: tuple[str, str] | None = None,
    keep: bool = False,
) -> tuple[MetricState, ...]:
    """Read the states of the metrics named, of one (source, survey), or of the whole account.

    ``keep`` lets nobody delete them before the transaction ends.
    """
    statement = select(*_COLUMNS).select_from(_JOINED).where(metrics.c.account == account)
    if metric_ids is not None:
        statement = statement.where(in_list(db, metrics.c.id, metric_ids))
    if survey is not None:
        statement = statement.where(metrics.c.source == survey[0], metrics.c.survey_id == survey[1])
    if keep:
        statement = statement.with_for_update(read=True, key_share=True, of=metrics)
    rows = db.execute(statement.order_by(metrics.c.created_at, metrics.c.id)).mappings()
    return tuple(_state(row) for row in rows)


def begin_attempts(
    db: Connection, account: str, fingerprints: Mapping[str, str], now: datetime
) -> None:
    """Write that an attempt for these metrics begins."""
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


def drop_attempts(db: Connection, account: str, metric_ids: Sequence[str]) -> None:
    """Forget attempts, as when their connection is deleted or they are written anew."""
    db.execute(
        delete(attempts).where(
            attempts.c.account == account, in_list(db, attempts.c.metric_id, metric_ids)
        )
    )


def restore_attempts(db: Connection, account: str, states: Sequence[MetricState]) -> None:
    """Put back the attempts that were there before one that a clean shutdown cut short."""
    there = hold(db, account, [state.metric.id for state in states])
    drop_attempts(db, account, tuple(there))
    _insert(
        db,
        attempts,
        [
            {
                "metric_id": state.metric.id,
                "account": account,
                "fingerprint": state.attempt.fingerprint,
                "started_at": state.attempt.started_at,
                "ended_at": state.attempt.ended_at,
                "failed": state.attempt.failed,
                "problem": _dumped(state.attempt.problem),
            }
            for state in states
            if state.attempt is not None and state.metric.id in there
        ],
    )


def save_outcomes(  # noqa: PLR0913  # All that a refresh ends with.
    db: Connection,
    account: str,
    problems: Mapping[str, Problem | None],
    values: Mapping[str, tuple[str, Result, Tally]],
    now: datetime,
    *,
    forget_before: datetime,
) -> None:
    """Write how each metric's attempt ended, and its new value with the fingerprint it is for.

    The value joins the metric's past, of which what is older than ``forget_before`` goes.

    Metrics deleted meanwhile are passed over.
    """
    there = hold(db, account, tuple(problems))
    ended = [
        {
            "its_account": account,
            "its_metric": metric_id,
            "ended_at": now,
            "failed": problem is not None,
            "problem": _dumped(problem),
        }
        for metric_id, problem in problems.items()
        if metric_id in there
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
    new = {metric_id: value for metric_id, value in values.items() if metric_id in there}
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


def hold(db: Connection, account: str, metric_ids: Sequence[str]) -> set[str]:
    """Give those of these metrics that are there, and keep them there until the transaction ends.

    Always the first of what is written to a metric, so that no two transactions block each other.
    """
    held = (
        select(metrics.c.id)
        .where(metrics.c.account == account, in_list(db, metrics.c.id, metric_ids))
        .order_by(metrics.c.id)
        .with_for_update(read=True, key_share=True)
    )
    return set(db.execute(held).scalars())


def drop_value(db: Connection, account: str, metric_id: str) -> None:
    """Forget the value of a metric that now measures something else."""
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


def _problem(value: Any) -> Problem | None:  # noqa: ANN401  # JSON of the database.
    return Problem.model_validate(value) if value else None


def _value(row: RowMapping) -> StoredValue | None:
    if not row["value_fingerprint"]:
        return None
    try:
        result = Result.model_validate(row["result"])
    except ValidationError:
        logger.warning("The stored value of metric %s cannot be read.", row["id"])
        return None
    return StoredValue(row["value_fingerprint"], result, row["as_of"])


def _state(row: RowMapping) -> MetricState:
    return MetricState(
        metric=metric_of(row),
        value=_value(row),
        attempt=Attempt(
            row["attempt_fingerprint"],
            row["started_at"],
            row["ended_at"],
            row["failed"],
            _problem(row["attempt_problem"]),
        )
        if row["attempt_fingerprint"]
        else None,
        connection=ConnectionState(
            row["connection_id"],
            row["refused_at"],
            row["woken_at"],
            row["retry_not_before"],
            row["retry_said_at"],
            _problem(row["connection_problem"]),
        )
        if row["connection_id"]
        else None,
        lease_expires_at=row["expires_at"] if row["owner"] else None,
        forced_at=row["forced_at"],
        running_since=row["running_since"],
        percent=row["percent"],
    )
