"""Reads and writes the surveys that an Admin has chosen for the metrics of a connection.

Every function takes the connection; no other module decides whether a survey is chosen.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, or_, select, update

from smaply_metrics_core.host.store.connections import ConnectionRow
from smaply_metrics_core.host.store.dialect import in_list
from smaply_metrics_core.host.store.tables import attempts, chosen_surveys, connections, metrics


def is_chosen_column() -> ColumnElement[bool]:
    """Return whether the metrics of a survey may be refreshed, for rows joined by ``joined_on``."""
    return or_(connections.c.chosen_count.is_(None), chosen_surveys.c.survey_id.is_not(None))


def joined_on(survey_id: ColumnElement[str] | str) -> ColumnElement[bool]:
    """Return the condition that joins connections to their chosen survey with this id."""
    return and_(
        chosen_surveys.c.connection_id == connections.c.id,
        chosen_surveys.c.account == connections.c.account,
        chosen_surveys.c.survey_id == survey_id,
    )


def is_chosen(db: Connection, row: ConnectionRow, survey_id: str) -> bool:
    """Whether metrics may use a survey of a connection; ``True`` if it has been deleted."""
    found = db.execute(
        select(is_chosen_column())
        .select_from(connections.outerjoin(chosen_surveys, joined_on(survey_id)))
        .where(connections.c.account == row.account, connections.c.id == row.id)
    ).scalar()
    return found is None or bool(found)


def of_connection(db: Connection, row: ConnectionRow) -> dict[str, str] | None:
    """Return the names of the chosen surveys by id; ``None`` when all surveys may be used."""
    if row.chosen_count is None:
        return None
    rows = db.execute(
        select(chosen_surveys.c.survey_id, chosen_surveys.c.name)
        .where(chosen_surveys.c.account == row.account, chosen_surveys.c.connection_id == row.id)
        .order_by(chosen_surveys.c.survey_id)
    )
    return {one.survey_id: one.name for one in rows}


def count_metrics(db: Connection, row: ConnectionRow) -> dict[str, int]:
    """Return the number of metrics of a connection by survey."""
    rows = db.execute(
        select(metrics.c.survey_id, func.count().label("metrics"))
        .where(_uses(row))
        .group_by(metrics.c.survey_id)
    )
    return {one.survey_id: one.metrics for one in rows}


def lock(db: Connection, row: ConnectionRow) -> bool:
    """Lock the choice until the transaction ends; ``False`` if it is not the one that was read.

    A refresh locks the connection for share before it reads the choice. It has therefore either
    recorded its attempts before the choice changes, or sees the new choice.
    """
    version = db.execute(
        select(connections.c.choice_version)
        .where(connections.c.account == row.account, connections.c.id == row.id)
        .with_for_update()
    ).scalar()
    return version == row.choice_version


def replace(db: Connection, row: ConnectionRow, chosen: Mapping[str, str] | None) -> None:
    """Replace the choice of a connection; ``lock`` locked it.

    Args:
        db: The transaction.
        row: The connection.
        chosen: The names of the surveys by id; ``None`` for all surveys.
    """
    db.execute(
        update(connections)
        .where(connections.c.account == row.account, connections.c.id == row.id)
        .values(
            chosen_count=None if chosen is None else len(chosen),
            choice_version=row.choice_version + 1,
        )
    )
    db.execute(
        delete(chosen_surveys).where(
            chosen_surveys.c.account == row.account, chosen_surveys.c.connection_id == row.id
        )
    )
    if chosen:
        values = {"account": row.account, "connection_id": row.id}
        db.execute(
            insert(chosen_surveys),
            [{**values, "survey_id": one, "name": name} for one, name in chosen.items()],
        )


def drop_attempts(db: Connection, row: ConnectionRow, survey_ids: Collection[str]) -> None:
    """Delete the attempts of the metrics of these surveys, so that the next load refreshes them.

    A refresh that is running is then no attempt either, if ``lock`` locked the connection.
    """
    of_surveys = select(metrics.c.id).where(
        _uses(row), in_list(db, metrics.c.survey_id, tuple(survey_ids))
    )
    db.execute(
        delete(attempts).where(
            attempts.c.account == row.account, attempts.c.metric_id.in_(of_surveys)
        )
    )


def _uses(row: ConnectionRow) -> ColumnElement[bool]:
    """Return the condition that a metric uses a connection."""
    return and_(metrics.c.account == row.account, metrics.c.connection_id == row.id)
