"""The history of values: one row per successful refresh of a metric."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime  # pydantic needs it at run time.
from typing import Final

from sqlalchemy import Connection, delete, func, insert, or_, select

from smaply_metrics_core.calculations.small_groups import must_hide
from smaply_metrics_core.errors import InputError
from smaply_metrics_core.host.store.dialect import in_list
from smaply_metrics_core.host.store.tables import history
from smaply_metrics_core.models.base import Frozen
from smaply_metrics_core.models.query import ENTERED, Definition
from smaply_metrics_core.models.question_change import QuestionChange  # pydantic needs it.
from smaply_metrics_core.models.result import (
    Result,
    Unit,  # pydantic needs it.
)
from smaply_metrics_core.models.uncertainty import Interval  # pydantic needs it.


class HistoryEntry(Frozen):
    """A past value of a metric.

    Attributes:
        as_of: When the data was read.
        value: The raw number in ``unit`` for the current window at that time; ``None`` when there
            were no answers to calculate from.
        responses: The number of counted responses; ``None`` if it is hidden or unknown.
        answered: The number of those whose answer is in the denominator.
        interval: The interval of the value, at the level of confidence of that time; ``None`` if it
            has none, or if it was stored before intervals.
        question_changes: The changes of the question since the entry before, which make the two
            values not comparable; recodes are included.
        hidden: Whether the value and the counts are removed, because they describe fewer
            respondents than the account allows to be shown.
    """

    as_of: datetime
    value: float | None
    unit: Unit
    responses: int | None
    answered: int | None
    interval: Interval | None = None
    question_changes: tuple[QuestionChange, ...] = ()
    hidden: bool = False


class PastValue(HistoryEntry):
    """A past value as it is stored, before small groups are hidden.

    Attributes:
        fewest_respondents: As in ``WindowResult``.
        filtered_out: As in ``WindowResult``.
    """

    responses: int
    answered: int
    fewest_respondents: int | None = None
    filtered_out: int | None = None

    def shown(self, definition: Definition, minimum: int) -> HistoryEntry:
        """Return the entry, without value and counts if it describes too few respondents."""
        if must_hide(self, definition, minimum):
            return HistoryEntry(
                as_of=self.as_of,
                value=None,
                unit=self.unit,
                responses=None,
                answered=None,
                hidden=True,
            )
        entry = HistoryEntry.model_validate(
            self.model_dump(exclude={"fewest_respondents", "filtered_out"})
        )
        if definition.calculation in ENTERED and not self.answered:
            return entry.model_copy(update={"responses": None, "answered": None})  # Unknown.
        return entry


_COLUMNS: Final = (
    history.c.metric_id,
    history.c.as_of,
    history.c.value,
    history.c.unit,
    history.c.responses,
    history.c.answered,
    history.c.interval,
    history.c.fewest_respondents,
    history.c.filtered_out,
)


def add(
    db: Connection,
    account: str,
    results: Mapping[str, tuple[str, Result]],
    forget_before: datetime,
) -> None:
    """Insert results, each with its fingerprint, and delete older values of these metrics.

    The caller has locked the metrics.
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
            "interval": result.current.model_dump(mode="json", include={"interval"})["interval"],
            "fewest_respondents": result.current.fewest_respondents,
            "filtered_out": result.current.filtered_out,
        }
        for metric_id, (fingerprint, result) in results.items()
        if result.as_of >= forget_before
    ]
    if rows:
        db.execute(insert(history), rows)


def of_metrics(
    db: Connection,
    account: str,
    fingerprints: Mapping[str, str],
    since: datetime | None,
    last: int | None,
) -> dict[str, tuple[PastValue, ...]]:
    """Return the past values of metrics, each oldest first, in one statement.

    Args:
        db: The connection to the store.
        account: The account of the metrics.
        fingerprints: The fingerprint of the current definition of each metric, by its id.
        since: Excludes values of older data.
        last: The maximum number of values of a metric, of which the newest are returned.

    Raises:
        InputError: when ``last`` is below 1.
    """
    if last is not None and last < 1:
        raise InputError(
            "The number of past values is not valid.", remedy="Use a number of 1 or more."
        )
    newest_first = func.row_number().over(
        partition_by=history.c.metric_id, order_by=history.c.as_of.desc()
    )
    # An earlier definition of one metric may be the current one of another.
    current = tuple(f"{metric_id} {one}" for metric_id, one in fingerprints.items())
    numbered = select(*_COLUMNS, newest_first.label("number")).where(
        history.c.account == account,
        in_list(db, history.c.metric_id, tuple(fingerprints)),
        in_list(db, history.c.metric_id + " " + history.c.fingerprint, current),
    )
    if since is not None:
        numbered = numbered.where(history.c.as_of >= since)
    found = numbered.subquery()
    statement = select(found).order_by(found.c.metric_id, found.c.as_of)
    if last is not None:
        statement = statement.where(found.c.number <= last)
    past: dict[str, list[PastValue]] = {metric_id: [] for metric_id in fingerprints}
    for row in db.execute(statement).mappings():
        values = {name: row[name] for name in PastValue.model_fields if name in row}
        past[row["metric_id"]].append(PastValue.model_validate(values))
    return {metric_id: tuple(values) for metric_id, values in past.items()}


def with_changes(
    entries: Sequence[HistoryEntry], changes: Sequence[QuestionChange]
) -> Iterator[HistoryEntry]:
    """Yield the entries, oldest first, each with the changes since the one before."""
    before: datetime | None = None
    for entry in entries:
        found = tuple(
            change
            for change in changes
            if before is not None and before < change.until <= entry.as_of
        )
        yield entry.model_copy(update={"question_changes": found}) if found else entry
        before = entry.as_of
