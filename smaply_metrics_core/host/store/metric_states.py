"""Reads metrics with their values, attempts, connections and leases in one statement."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

from pydantic import ValidationError
from sqlalchemy import Connection, Row, Select, and_, bindparam, select

from smaply_metrics_core.account_settings import AccountSettings
from smaply_metrics_core.host.store import chosen_surveys as choice
from smaply_metrics_core.host.store.bulk_read import paused_collector
from smaply_metrics_core.host.store.dialect import in_parameter, json_text, list_type, list_value
from smaply_metrics_core.host.store.metrics import (
    COLUMNS,
    damaged_metric,
    fingerprint_of,
    metric_of,
)
from smaply_metrics_core.host.store.model_cache import ModelCache
from smaply_metrics_core.host.store.tables import (
    attempts,
    chosen_surveys,
    connections,
    leases,
    metric_values,
    metrics,
)
from smaply_metrics_core.models.metric import Display, Metric
from smaply_metrics_core.models.problem import Problem
from smaply_metrics_core.models.query import Definition, MetricType
from smaply_metrics_core.models.result import Result

logger = logging.getLogger(__name__)

MAX_DEFINITIONS: Final = 16_384
"""The maximum number of cached summaries of definitions; with their texts they take some 10 MB."""

MAX_DISPLAYS: Final = 1_024

MAX_RESULTS: Final = 12_000_000
"""The maximum total length of cached results, as JSON; as objects, they take up to 105 MB.

This is enough for the results of 10,000 Numbers.
"""

_RESULTS: Final = ModelCache(Result, MAX_RESULTS)

LONGEST_CACHED: Final = 1_000
"""The maximum length of a cached definition or display; longer ones are parsed each time."""

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
    name: str
    refused_at: datetime | None
    woken_at: datetime | None
    retry_not_before: datetime | None
    retry_said_at: datetime | None
    problem: Problem | None
    left_problem: Problem | None = None


@dataclass(frozen=True)
class MetricState:
    """A metric with everything that the refresh policy and its card need.

    Attributes:
        connection_id: Its connection, which may have been deleted.
        fingerprint: The fingerprint of its definition with the settings of the account, and of its
            connection if it was moved.
        survey_chosen: Whether its connection allows metrics of its survey.
        minimum_group: The fewest answers of a group that the account shows; 0 shows all.
        row: The columns of the metric, of which ``metric`` is made when it is first used.
    """

    id: str
    name: str
    source: str
    connection_id: str
    survey_id: str
    type: MetricType
    display: Display
    fingerprint: str
    row: Row[Any]
    value: StoredValue | None
    attempt: Attempt | None
    connection: ConnectionState | None
    lease_expires_at: datetime | None
    forced_at: datetime | None
    running_since: datetime | None = None
    percent: float | None = None
    survey_chosen: bool = True
    minimum_group: int = 0

    @property
    def metric(self) -> Metric:
        """The metric.

        Raises:
            StoreError: when its row is damaged.
        """
        # In Python 3.11, `cached_property` has a lock, which a forked child may inherit locked.
        if "_metric" not in vars(self):
            vars(self)["_metric"] = metric_of(self.row)
        found: Metric = vars(self)["_metric"]
        return found


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
    connections.c.id.label("connected_id"),
    connections.c.name.label("connection_name"),
    connections.c.refused_at,
    connections.c.woken_at,
    connections.c.retry_not_before,
    connections.c.retry_said_at,
    json_text(connections.c.problem).label("connection_problem"),
    json_text(connections.c.left_problem).label("connection_left_problem"),
    leases.c.owner,
    leases.c.expires_at,
    leases.c.forced_at,
    leases.c.started_at.label("running_since"),
    leases.c.percent,
    choice.is_chosen_column().label("survey_chosen"),
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
    .outerjoin(
        connections,
        and_(
            connections.c.id == metrics.c.connection_id,
            connections.c.account == metrics.c.account,
        ),
    )
    .outerjoin(chosen_surveys, choice.joined_on(metrics.c.survey_id))
    .outerjoin(
        leases,
        and_(
            leases.c.connection_id == connections.c.id,
            leases.c.survey_id == metrics.c.survey_id,
            leases.c.account == metrics.c.account,
        ),
    )
)


def read(  # noqa: PLR0913  # Which metrics to read, and how.
    db: Connection,
    account: str,
    settings: AccountSettings,
    *,
    metric_ids: Sequence[str] | None = None,
    survey: tuple[str, str] | None = None,
    keep: bool = False,
) -> tuple[MetricState, ...]:
    """Return the states of these metrics, of one (connection, survey), or of the whole account.

    ``keep`` locks the metrics, so that they are not deleted before the transaction ends.
    """
    dialect = db.dialect.name
    given: dict[str, Any] = {"account": account}
    if metric_ids is not None:
        given["metric_ids"] = list_value(dialect, metric_ids)
    if survey is not None:
        given["connection_id"], given["survey_id"] = survey
    rows = db.execute(_statement(dialect, frozenset(given), keep=keep), given).all()
    with paused_collector(len(rows)):
        return tuple(_states(rows, settings))


@lru_cache(maxsize=16)
def _statement(dialect: str, given: frozenset[str], *, keep: bool) -> Select[Any]:
    """Return the statement of ``read`` with these parameters; building it takes a millisecond."""
    statement = (
        select(*_COLUMNS)
        .select_from(_JOINED)
        .where(metrics.c.account == bindparam("account"))
        .order_by(metrics.c.created_at, metrics.c.id)
    )
    if "metric_ids" in given:
        wanted = bindparam("metric_ids", type_=list_type(dialect))
        statement = statement.where(in_parameter(dialect, metrics.c.id, wanted))
    if "survey_id" in given:
        statement = statement.where(
            metrics.c.connection_id == bindparam("connection_id"),
            metrics.c.survey_id == bindparam("survey_id"),
        )
    if keep:
        statement = statement.with_for_update(read=True, key_share=True, of=metrics)
    return statement


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
        result = _RESULTS.parse(row.result)
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
        row.connected_id,
        row.connection_name,
        row.refused_at,
        row.woken_at,
        row.retry_not_before,
        row.retry_said_at,
        _problem(row.connection_problem),
        _problem(row.connection_left_problem),
    )


class _DefinitionSummary(NamedTuple):
    """What a card needs of a definition."""

    type: MetricType
    fingerprint: str


def _summarize(definition: str, settings: AccountSettings) -> _DefinitionSummary:
    parsed = Definition.model_validate_json(definition)
    return _DefinitionSummary(parsed.type, settings.fingerprint(parsed))


# Pure functions of immutable texts, so an entry cannot be outdated or differ between accounts.
_find_summary = lru_cache(maxsize=MAX_DEFINITIONS)(_summarize)
_find_display = lru_cache(maxsize=MAX_DISPLAYS)(Display.model_validate_json)


def _definition_summary(text: str, settings: AccountSettings) -> _DefinitionSummary:
    return (_find_summary if len(text) <= LONGEST_CACHED else _summarize)(text, settings)


def _display(text: str) -> Display:
    return _find_display(text) if len(text) <= LONGEST_CACHED else Display.model_validate_json(text)


def _states(rows: Iterable[Row[Any]], settings: AccountSettings) -> Iterator[MetricState]:
    """Yield the states of rows; metrics of the same connection share its state."""
    connected: dict[str | None, ConnectionState | None] = {None: None}
    for row in rows:
        if row.connected_id not in connected:
            connected[row.connected_id] = _connection(row)
        try:
            definition = _definition_summary(row.definition, settings)
            display = _display(row.display)
        except ValidationError:
            raise damaged_metric(row.id) from None
        yield MetricState(
            id=row.id,
            name=row.name,
            source=row.source,
            connection_id=row.connection_id,
            survey_id=row.survey_id,
            type=definition.type,
            display=display,
            fingerprint=fingerprint_of(definition.fingerprint, row.moved_to),
            row=row,
            value=_value(row),
            attempt=_attempt(row),
            connection=connected[row.connected_id],
            lease_expires_at=row.expires_at if row.owner else None,
            forced_at=row.forced_at,
            running_since=row.running_since,
            percent=row.percent,
            survey_chosen=bool(row.survey_chosen),
            minimum_group=settings.minimum_group,
        )


def fingerprints_of(states: Sequence[MetricState]) -> dict[str, str]:
    """Return the fingerprints by metric; raise for a damaged one."""
    return {state.metric.id: state.fingerprint for state in states}
