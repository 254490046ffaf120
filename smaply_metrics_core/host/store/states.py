"""What a load reads, in one statement: metrics with their values, attempts, connections, leases."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from sqlalchemy import and_, delete, insert, select, update

from smaply_metrics_core.host.store.connections import same_connection
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

    from sqlalchemy import Connection, RowMapping

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
) -> tuple[MetricState, ...]:
    """Read the states of the metrics named, of one (source, survey), or of the whole account."""
    statement = select(*_COLUMNS).select_from(_JOINED).where(metrics.c.account == account)
    if metric_ids is not None:
        statement = statement.where(metrics.c.id.in_(metric_ids))
    if survey is not None:
        statement = statement.where(metrics.c.source == survey[0], metrics.c.survey_id == survey[1])
    rows = db.execute(statement.order_by(metrics.c.created_at, metrics.c.id)).mappings()
    return tuple(_state(row) for row in rows)


def begin_attempts(
    db: Connection, account: str, fingerprints: Mapping[str, str], now: datetime
) -> None:
    """Write that an attempt for these metrics begins."""
    drop_attempts(db, account, tuple(fingerprints))
    db.execute(
        insert(attempts),
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


def end_attempts(
    db: Connection, account: str, problems: Mapping[str, Problem | None], now: datetime
) -> None:
    """Write how the attempts ended; metrics deleted meanwhile are passed over."""
    for metric_id, problem in problems.items():
        db.execute(
            update(attempts)
            .where(attempts.c.account == account, attempts.c.metric_id == metric_id)
            .values(
                ended_at=now,
                failed=problem is not None,
                problem=problem.model_dump(mode="json") if problem else None,
            )
        )


def drop_attempts(db: Connection, account: str, metric_ids: Sequence[str]) -> None:
    """Forget attempts, as when their connection is deleted or they are written anew."""
    db.execute(
        delete(attempts).where(
            attempts.c.account == account, attempts.c.metric_id.in_(tuple(metric_ids))
        )
    )


def restore_attempts(db: Connection, account: str, states: Sequence[MetricState]) -> None:
    """Put back the attempts that were there before one that a clean shutdown cut short."""
    drop_attempts(db, account, [state.metric.id for state in states])
    rows = [
        {
            "metric_id": state.metric.id,
            "account": account,
            "fingerprint": state.attempt.fingerprint,
            "started_at": state.attempt.started_at,
            "ended_at": state.attempt.ended_at,
            "failed": state.attempt.failed,
            "problem": state.attempt.problem.model_dump(mode="json")
            if state.attempt.problem
            else None,
        }
        for state in states
        if state.attempt is not None
    ]
    if rows:
        db.execute(insert(attempts), rows)


def save_values(
    db: Connection,
    account: str,
    outcomes: Mapping[str, tuple[str, Result, Tally]],
) -> None:
    """Keep each metric's new value, with the fingerprint it was made for."""
    present = set(
        db.execute(
            select(metrics.c.id).where(
                metrics.c.account == account, metrics.c.id.in_(tuple(outcomes))
            )
        ).scalars()
    )
    if not present:
        return
    db.execute(
        delete(metric_values).where(
            metric_values.c.account == account, metric_values.c.metric_id.in_(tuple(present))
        )
    )
    db.execute(
        insert(metric_values),
        [
            {
                "metric_id": metric_id,
                "account": account,
                "fingerprint": fingerprint,
                "result": result.model_dump(mode="json"),
                "tally": tally.model_dump(mode="json"),
                "as_of": result.as_of,
            }
            for metric_id, (fingerprint, result, tally) in outcomes.items()
            if metric_id in present
        ],
    )


def drop_value(db: Connection, account: str, metric_id: str) -> None:
    """Forget the value of a metric that now measures something else."""
    db.execute(
        delete(metric_values).where(
            metric_values.c.account == account, metric_values.c.metric_id == metric_id
        )
    )


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
    )
