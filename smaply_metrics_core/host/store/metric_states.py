"""Reads metrics with their values, attempts, connections and leases in one statement."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pydantic import ValidationError
from sqlalchemy import Connection, Row, and_, select

from smaply_metrics_core.host.store.connections import same_connection
from smaply_metrics_core.host.store.dialect import in_list, json_text
from smaply_metrics_core.host.store.metrics import COLUMNS, metric_of
from smaply_metrics_core.host.store.tables import (
    attempts,
    connections,
    leases,
    metric_values,
    metrics,
)
from smaply_metrics_core.models.metric import Metric
from smaply_metrics_core.models.problem import Problem
from smaply_metrics_core.models.result import Result

logger = logging.getLogger(__name__)

_NO_PROBLEM: Final = frozenset({"null", "{}"})


@dataclass(frozen=True, slots=True)
class StoredValue:
    """The last good value and its fingerprint."""

    fingerprint: str
    result: Result
    as_of: datetime


@dataclass(frozen=True, slots=True)
class Attempt:
    """The last refresh attempt; ``ended_at`` is ``None`` while it runs or if its process died."""

    fingerprint: str
    started_at: datetime
    ended_at: datetime | None = None
    failed: bool = False
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class ConnectionState:
    """The columns of a connection that decide about refreshes."""

    id: str
    refused_at: datetime | None
    woken_at: datetime | None
    retry_not_before: datetime | None
    retry_said_at: datetime | None
    problem: Problem | None


@dataclass(frozen=True, slots=True)
class MetricState:
    """A metric with everything that the refresh policy and its card need."""

    metric: Metric
    value: StoredValue | None
    attempt: Attempt | None
    connection: ConnectionState | None
    lease_expires_at: datetime | None
    forced_at: datetime | None
    running_since: datetime | None = None
    percent: float | None = None


_COLUMNS = (
    *COLUMNS,
    metric_values.c.fingerprint.label("value_fingerprint"),
    json_text(metric_values.c.result),
    metric_values.c.as_of,
    attempts.c.fingerprint.label("attempt_fingerprint"),
    attempts.c.started_at,
    attempts.c.ended_at,
    attempts.c.failed,
    json_text(attempts.c.problem).label("attempt_problem"),
    connections.c.id.label("connection_id"),
    connections.c.refused_at,
    connections.c.woken_at,
    connections.c.retry_not_before,
    connections.c.retry_said_at,
    json_text(connections.c.problem).label("connection_problem"),
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
    """Return the states of these metrics, of one (source, survey), or of the whole account.

    ``keep`` locks the metrics, so that they are not deleted before the transaction ends.
    """
    statement = select(*_COLUMNS).select_from(_JOINED).where(metrics.c.account == account)
    if metric_ids is not None:
        statement = statement.where(in_list(db, metrics.c.id, metric_ids))
    if survey is not None:
        statement = statement.where(metrics.c.source == survey[0], metrics.c.survey_id == survey[1])
    if keep:
        statement = statement.with_for_update(read=True, key_share=True, of=metrics)
    rows = db.execute(statement.order_by(metrics.c.created_at, metrics.c.id))
    return tuple(_states(rows))


def _problem(text: str | None) -> Problem | None:
    """Return a stored problem; ``None`` when there is none or it cannot be read."""
    if text is None or text in _NO_PROBLEM:
        return None
    try:
        return Problem.model_validate_json(text)
    except ValidationError:
        logger.warning("A stored problem cannot be read.")
        return None


def _value(row: Row[Any]) -> StoredValue | None:
    if not row.value_fingerprint:
        return None
    try:
        result = Result.model_validate_json(row.result)
    except ValidationError:
        logger.warning("The stored value of metric %s cannot be read.", row.id)
        return None
    return StoredValue(row.value_fingerprint, result, row.as_of)


def _attempt(row: Row[Any]) -> Attempt | None:
    if not row.attempt_fingerprint:
        return None
    return Attempt(
        row.attempt_fingerprint,
        row.started_at,
        row.ended_at,
        row.failed,
        _problem(row.attempt_problem),
    )


def _connection(row: Row[Any]) -> ConnectionState:
    return ConnectionState(
        row.connection_id,
        row.refused_at,
        row.woken_at,
        row.retry_not_before,
        row.retry_said_at,
        _problem(row.connection_problem),
    )


def _states(rows: Iterable[Row[Any]]) -> Iterator[MetricState]:
    """Yield the states of rows; metrics of the same connection share its state."""
    connected: dict[str | None, ConnectionState | None] = {None: None}
    for row in rows:
        if row.connection_id not in connected:
            connected[row.connection_id] = _connection(row)
        yield MetricState(
            metric=metric_of(row),
            value=_value(row),
            attempt=_attempt(row),
            connection=connected[row.connection_id],
            lease_expires_at=row.expires_at if row.owner else None,
            forced_at=row.forced_at,
            running_since=row.running_since,
            percent=row.percent,
        )
