"""The last refresh attempts of metrics: when, how long, and why they failed."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final, NamedTuple

from pydantic import ValidationError
from sqlalchemy import ColumnElement, Connection, Select, bindparam, delete, func, insert, select

from smaply_metrics_core.host.store.dialect import (
    in_list,
    in_parameter,
    json_text,
    list_type,
    list_value,
)
from smaply_metrics_core.host.store.tables import metrics, past_attempts
from smaply_metrics_core.models.problem import Problem
from smaply_metrics_core.observability.correlation import correlation_id

logger = logging.getLogger(__name__)

MOST_ATTEMPTS: Final = 10
"""The number of attempts that are stored for each metric."""


class PastAttempt(NamedTuple):
    """An attempt that ended, or whose process died: then ``ended_at`` is ``None``."""

    source: str
    started_at: datetime
    ended_at: datetime | None
    problem: Problem | None
    correlation_id: str


def add(
    db: Connection,
    account: str,
    started: Mapping[str, datetime],
    problems: Mapping[str, Problem | None],
    ended_at: datetime | None,
) -> None:
    """Insert an attempt of each metric, and delete the oldest ones. The caller locked the metrics.

    Args:
        db: The transaction.
        account: The account of the metrics.
        started: When the attempt of each metric started.
        problems: The problem of each metric that has one.
        ended_at: When it ended; ``None`` if it was interrupted.
    """
    if not started:
        return
    dialect = db.dialect.name
    given = {"account": account, "metric_ids": list_value(dialect, tuple(started))}
    # By a clock that was set back, an attempt may start at the same time as an earlier one.
    db.execute(
        delete(past_attempts).where(
            *_of_these(dialect), past_attempts.c.started_at.in_(set(started.values()))
        ),
        given,
    )
    known = correlation_id() if ended_at is not None else ""
    rows = [
        {
            "metric_id": metric_id,
            "started_at": started_at,
            "account": account,
            "ended_at": ended_at,
            "problem": problem.model_dump(mode="json") if problem is not None else None,
            "correlation_id": known,
        }
        for metric_id, started_at in started.items()
        for problem in (problems.get(metric_id),)
    ]
    db.execute(insert(past_attempts), rows)
    dropped = [
        {"its_account": account, "its_metric": metric_id, "its_start": started_at}
        for metric_id, started_at in db.execute(_oldest(dialect), given)
    ]
    if dropped:
        db.execute(
            delete(past_attempts).where(
                past_attempts.c.account == bindparam("its_account"),
                past_attempts.c.metric_id == bindparam("its_metric"),
                past_attempts.c.started_at == bindparam("its_start"),
            ),
            dropped,
        )


@cache
def _oldest(dialect: str) -> Select[Any]:
    """Return the statement for the attempts that are too many; building it takes a millisecond."""
    columns = past_attempts.c
    newest = (
        func.row_number()
        .over(partition_by=columns.metric_id, order_by=columns.started_at.desc())
        .label("number")
    )
    ranked = (
        select(columns.metric_id, columns.started_at, newest).where(*_of_these(dialect)).subquery()
    )
    return select(ranked.c.metric_id, ranked.c.started_at).where(ranked.c.number > MOST_ATTEMPTS)


def _of_these(dialect: str) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions for the attempts of some metrics, with parameters for both."""
    wanted = bindparam("metric_ids", type_=list_type(dialect))
    return (
        past_attempts.c.account == bindparam("account"),
        in_parameter(dialect, past_attempts.c.metric_id, wanted),
    )


def read(
    db: Connection, account: str, metric_ids: Sequence[str]
) -> dict[str, tuple[PastAttempt, ...]]:
    """Return the stored attempts of these metrics, the newest first; metrics without are absent."""
    columns = past_attempts.c
    statement = (
        select(
            columns.metric_id,
            metrics.c.source,
            columns.started_at,
            columns.ended_at,
            json_text(columns.problem),
            columns.correlation_id,
        )
        .join_from(
            past_attempts,
            metrics,
            (metrics.c.id == columns.metric_id) & (metrics.c.account == columns.account),
        )
        .where(columns.account == account, in_list(db, columns.metric_id, metric_ids))
        .order_by(columns.metric_id, columns.started_at.desc())
    )
    found: dict[str, list[PastAttempt]] = {}
    for row in db.execute(statement):
        problem = None
        if row.problem is not None:
            try:
                problem = Problem.model_validate_json(row.problem)
            except ValidationError:
                logger.warning("A stored problem cannot be read.")
        attempt = PastAttempt(row.source, row.started_at, row.ended_at, problem, row.correlation_id)
        found.setdefault(row.metric_id, []).append(attempt)
    return {metric_id: tuple(attempts) for metric_id, attempts in found.items()}
