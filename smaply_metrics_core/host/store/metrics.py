"""Reads and writes metrics; every statement is restricted to an account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import ConfigDict, TypeAdapter, ValidationError
from sqlalchemy import JSON, Connection, Row, delete, insert, select, update

from smaply_metrics_core.errors import NotFound, StoreError
from smaply_metrics_core.host.store.dialect import in_list, json_text, row_not_found
from smaply_metrics_core.host.store.tables import metrics
from smaply_metrics_core.models.metric import Display, Metric
from smaply_metrics_core.models.query import Definition
from smaply_metrics_core.models.survey import KnownQuestion

COLUMNS: Final = tuple(
    json_text(column) if isinstance(column.type, JSON) else column for column in metrics.c
)
"""The columns that ``metric_of`` reads."""

_QUESTIONS: Final = TypeAdapter(Mapping[str, KnownQuestion], config=ConfigDict(defer_build=True))


def add(db: Connection, account: str, user: str, metric: Metric) -> None:
    """Insert a metric."""
    db.execute(insert(metrics).values(account=account, created_by=user, **_values(metric)))


def replace(db: Connection, account: str, metric: Metric) -> bool:
    """Update a metric from its previous version; ``False`` if that is no longer the stored one."""
    result = db.execute(
        update(metrics)
        .where(
            metrics.c.account == account,
            metrics.c.id == metric.id,
            metrics.c.version == metric.version - 1,
        )
        .values(_values(metric))
    )
    return result.rowcount == 1


def find(db: Connection, account: str, metric_id: str) -> Metric:
    """Return one metric.

    Raises:
        NotFound: when the account has no such metric.
    """
    row = db.execute(
        select(*COLUMNS).where(metrics.c.account == account, metrics.c.id == metric_id)
    ).one_or_none()
    if row is None:
        raise no_metric(metric_id)
    return metric_of(row)


def no_metric(metric_id: str) -> NotFound:
    """Return the error for a metric that is not in this account."""
    return row_not_found(
        "metric", metric_id, "It may have been deleted; choose a metric from the list."
    )


def of_account(
    db: Connection, account: str, *, source: str | None = None, workspace: str | None = None
) -> tuple[Metric, ...]:
    """Return the metrics of an account, or of one source or workspace, oldest first."""
    statement = select(*COLUMNS).where(metrics.c.account == account)
    if source is not None:
        statement = statement.where(metrics.c.source == source)
    if workspace is not None:
        statement = statement.where(metrics.c.workspace == workspace)
    rows = db.execute(statement.order_by(metrics.c.created_at, metrics.c.id))
    return tuple(metric_of(row) for row in rows)


def remove(db: Connection, account: str, metric_ids: Sequence[str]) -> None:
    """Delete metrics with their values, attempts and history."""
    db.execute(
        delete(metrics).where(metrics.c.account == account, in_list(db, metrics.c.id, metric_ids))
    )


def _values(metric: Metric) -> dict[str, Any]:
    return {
        **metric.model_dump(exclude={"definition", "display", "questions"}),
        "survey_id": metric.definition.survey_id,
        "definition": metric.definition.model_dump(mode="json"),
        "questions": metric.model_dump(mode="json", include={"questions"})["questions"],
        "display": metric.display.model_dump(mode="json"),
    }


def metric_of(row: Row[Any]) -> Metric:
    """Read a metric from a row that contains ``COLUMNS``.

    Raises:
        StoreError: when the row is damaged.
    """
    try:
        return _metric(row)
    except ValidationError:
        raise damaged_metric(row.id) from None


def damaged_metric(metric_id: str) -> StoreError:
    """Return the error for a metric whose row cannot be read."""
    return StoreError(
        f"The metric {metric_id} cannot be read: its row in the store is damaged.",
        remedy="Restore the store from a backup.",
        summary="A metric of this account cannot be read.",
    )


def _metric(row: Row[Any]) -> Metric:
    return Metric(
        id=row.id,
        workspace=row.workspace,
        name=row.name,
        source=row.source,
        definition=Definition.model_validate_json(row.definition),
        display=Display.model_validate_json(row.display),
        questions=_QUESTIONS.validate_json(row.questions),
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
