"""Reads and writes metrics; every statement is restricted to an account."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import ConfigDict, TypeAdapter, ValidationError
from sqlalchemy import (
    JSON,
    ColumnElement,
    Connection,
    Row,
    and_,
    delete,
    exists,
    func,
    insert,
    select,
    update,
)

from smaply_metrics_core.account_settings import AccountSettings
from smaply_metrics_core.errors import NotFound, StoreError
from smaply_metrics_core.host.store.dialect import in_list, json_text, row_not_found
from smaply_metrics_core.host.store.tables import connections, metrics
from smaply_metrics_core.models.metric import Display, Metric
from smaply_metrics_core.models.query import Definition
from smaply_metrics_core.models.survey import KnownQuestion

COLUMNS: Final = tuple(
    json_text(column) if isinstance(column.type, JSON) else column for column in metrics.c
)
"""The columns that ``metric_of`` reads."""

_WITHOUT_CONNECTION: Final = ~exists().where(
    and_(connections.c.id == metrics.c.connection_id, connections.c.account == metrics.c.account)
)

_LIMIT_LOCK: Final = 0x5_3A_92
"""The first key of the advisory locks on the number of an account's metrics."""

_QUESTIONS: Final = TypeAdapter(Mapping[str, KnownQuestion], config=ConfigDict(defer_build=True))


def add(db: Connection, account: str, user: str, new: Sequence[Metric]) -> None:
    """Insert metrics."""
    if new:
        common = {"account": account, "created_by": user}
        db.execute(insert(metrics), [{**common, **_values(metric)} for metric in new])


def adopt(db: Connection, account: str, source: str, connection_id: str) -> None:
    """Assign the metrics of a source whose connection no longer exists to another connection."""
    db.execute(
        update(metrics)
        .where(metrics.c.account == account, metrics.c.source == source, _WITHOUT_CONNECTION)
        .values(connection_id=connection_id)
    )


def replace(db: Connection, account: str, metric: Metric, *, moved: bool = False) -> bool:
    """Update a metric from its previous version; ``False`` if that is no longer the stored one.

    ``moved`` changes its fingerprint, because its values are those of another connection. Otherwise
    the stored connection is kept: a new one may have adopted the metric since it was read.
    """
    values = _values(metric)
    if moved:
        values["moved_to"] = metric.connection_id
    else:
        del values["source"], values["connection_id"]
    result = db.execute(
        update(metrics)
        .where(
            metrics.c.account == account,
            metrics.c.id == metric.id,
            metrics.c.version == metric.version - 1,
        )
        .values(values)
    )
    return result.rowcount == 1


def find(db: Connection, account: str, metric_id: str, *, keep: bool = False) -> Metric:
    """Return one metric; ``keep`` locks it until the transaction ends.

    Raises:
        NotFound: when the account has no such metric.
    """
    statement = select(*COLUMNS).where(metrics.c.account == account, metrics.c.id == metric_id)
    row = db.execute(statement.with_for_update() if keep else statement).one_or_none()
    if row is None:
        raise no_metric(metric_id)
    return metric_of(row)


def fingerprint_of(definition: str, moved_to: str) -> str:
    """Return the fingerprint of a metric, from that of its definition.

    A metric that was moved to another connection has another fingerprint, so that the values and
    the history of the connection before are not shown.
    """
    if not moved_to:
        return definition
    return hashlib.sha256(f"{definition} {moved_to}".encode()).hexdigest()[:32]


def read_with_fingerprints(
    db: Connection, account: str, metric_ids: Sequence[str], settings: AccountSettings
) -> dict[str, tuple[Metric, str]]:
    """Return metrics with their fingerprints by id, with the settings of their account.

    Raises:
        NotFound: when the account does not have one of them.
    """
    wanted = metrics.c.account == account, in_list(db, metrics.c.id, metric_ids)
    found = {}
    for row in db.execute(select(*COLUMNS).where(*wanted)):
        metric = metric_of(row)
        definition = settings.fingerprint(metric.definition)
        found[metric.id] = metric, fingerprint_of(definition, row.moved_to)
    for metric_id in metric_ids:
        if metric_id not in found:
            raise no_metric(metric_id)
    return found


def no_metric(metric_id: str) -> NotFound:
    """Return the error for a metric that is not in this account."""
    return row_not_found(
        "metric", metric_id, "It may have been deleted; choose a metric from the list."
    )


def of_account(
    db: Connection,
    account: str,
    *,
    connection_id: str | None = None,
    workspace: str | None = None,
    metric_ids: Sequence[str] | None = None,
) -> tuple[Metric, ...]:
    """Return the metrics of an account, or some of them, oldest first."""
    wanted = _conditions(account, connection_id, workspace, None)
    if metric_ids is not None:
        wanted.append(in_list(db, metrics.c.id, metric_ids))
    return _select(db, *wanted)


def read_names(
    db: Connection,
    account: str,
    *,
    connection_id: str | None,
    workspace: str | None,
    survey_id: str | None,
) -> list[tuple[str, str]]:
    """Return the ids and names of the metrics of an account, or of some, oldest first."""
    statement = (
        select(metrics.c.id, metrics.c.name)
        .where(*_conditions(account, connection_id, workspace, survey_id))
        .order_by(metrics.c.created_at, metrics.c.id)
    )
    return [(row.id, row.name) for row in db.execute(statement)]


def _conditions(
    account: str, connection_id: str | None, workspace: str | None, survey_id: str | None
) -> list[ColumnElement[bool]]:
    given = {"connection_id": connection_id, "workspace": workspace, "survey_id": survey_id}
    return [
        metrics.c.account == account,
        *(metrics.c[name] == value for name, value in given.items() if value is not None),
    ]


def without_connection(db: Connection, account: str, source: str) -> tuple[Metric, ...]:
    """Return the metrics of a source whose connection no longer exists, oldest first."""
    return _select(
        db, metrics.c.account == account, metrics.c.source == source, _WITHOUT_CONNECTION
    )


def count_metrics(db: Connection, account: str) -> int:
    """Return the number of metrics of an account."""
    counted = select(func.count()).select_from(metrics).where(metrics.c.account == account)
    return int(db.execute(counted).scalar_one())


def lock_metrics(db: Connection, account: str) -> None:
    """Wait for other transactions that count and add metrics of an account.

    In SQLite, writing transactions exclude each other anyway.
    """
    if db.dialect.name == "postgresql":
        db.execute(select(func.pg_advisory_xact_lock(_LIMIT_LOCK, func.hashtext(account))))


def _select(db: Connection, *wanted: ColumnElement[bool]) -> tuple[Metric, ...]:
    statement = select(*COLUMNS).where(*wanted).order_by(metrics.c.created_at, metrics.c.id)
    return tuple(metric_of(row) for row in db.execute(statement))


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
        connection_id=row.connection_id,
        definition=Definition.model_validate_json(row.definition),
        display=Display.model_validate_json(row.display),
        questions=_QUESTIONS.validate_json(row.questions),
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
