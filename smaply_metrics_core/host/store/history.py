"""Rows of past values: one for each successful refresh of a metric, for as long as it is kept."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime  # pydantic needs it at run time.

from sqlalchemy import Connection, delete, insert, or_, select

from smaply_metrics_core.host.store.dialect import in_list
from smaply_metrics_core.host.store.tables import history
from smaply_metrics_core.models.base import Frozen
from smaply_metrics_core.models.result import (
    Result,
    Unit,  # pydantic needs it.
)


class HistoryEntry(Frozen):
    """What a metric showed once.

    Attributes:
        as_of: When the data was read.
        value: The raw number in ``unit``, of the metric's present window then; ``None`` when there
            was nothing to calculate from.
        responses: Responses that counted.
        answered: Those whose answer entered the denominator.
    """

    as_of: datetime
    value: float | None
    unit: Unit
    responses: int
    answered: int


def add(
    db: Connection,
    account: str,
    results: Mapping[str, tuple[str, Result]],
    forget_before: datetime,
) -> None:
    """Add results, each with its fingerprint, and forget these metrics' values that are older.

    The metrics are there, and stay so until the transaction ends.
    """
    if not results:
        return
    instants = {result.as_of for _, result in results.values()}
    db.execute(
        delete(history).where(
            history.c.account == account,
            in_list(db, history.c.metric_id, tuple(results)),
            or_(history.c.as_of < forget_before, history.c.as_of.in_(instants)),
        )
    )
    rows = [
        {
            "metric_id": metric_id,
            "as_of": result.as_of,
            "account": account,
            "fingerprint": fingerprint,
            "unit": result.unit,
            "value": result.current.value,
            "responses": result.current.responses,
            "answered": result.current.answered,
        }
        for metric_id, (fingerprint, result) in results.items()
        if result.as_of >= forget_before
    ]
    if rows:
        db.execute(insert(history), rows)


def of_metric(
    db: Connection, account: str, metric_id: str, fingerprint: str, since: datetime | None
) -> tuple[HistoryEntry, ...]:
    """Give a metric's past values for what it measures now, oldest first."""
    statement = select(
        history.c.as_of,
        history.c.value,
        history.c.unit,
        history.c.responses,
        history.c.answered,
    ).where(
        history.c.account == account,
        history.c.metric_id == metric_id,
        history.c.fingerprint == fingerprint,
    )
    if since is not None:
        statement = statement.where(history.c.as_of >= since)
    rows = db.execute(statement.order_by(history.c.as_of)).mappings()
    return tuple(HistoryEntry.model_validate(dict(row)) for row in rows)
