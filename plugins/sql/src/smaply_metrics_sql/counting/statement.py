"""The statements that count: aggregates over combinations of key columns, never rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    cast,
    func,
    literal,
    select,
    tuple_,
)

from smaply_metrics_core import CalculationRefused, MetricsError
from smaply_metrics_sql.counting.grouping import KeyColumns
from smaply_metrics_sql.counting.relation import Relation
from smaply_metrics_sql.databases.database import SqlDatabase

MOST_COUNTS: Final = 200_000
"""The maximum number of combinations that are read: of one query, or of those of one statement."""
_MOST_GROUPED: Final = 30
"""How many columns one ``GROUPING`` takes, and a statement groups by."""


class CombinationCount(NamedTuple):
    """How many responses have the same values in all columns of a grouping.

    Attributes:
        values: The value of each column.
        responses: How many responses there are.
        first: When the first of them was recorded, in seconds since 1970; ``None`` if unknown.
        weights: For each weight, the sum of the weights and of the squared weights.
    """

    values: Mapping[str, Any]
    responses: int
    first: int | None
    weights: Mapping[str, tuple[float, float]]


def count_all(
    database: SqlDatabase,
    relation: Relation,
    columns: KeyColumns,
    groupings: Sequence[tuple[str, ...]],
) -> dict[tuple[str, ...], list[CombinationCount] | MetricsError]:
    """Count responses by each of several groupings, in as few statements as the database needs.

    A grouping with too many combinations has an error instead of counts.

    Raises:
        MetricsError: when the database fails.
    """
    found: dict[tuple[str, ...], list[CombinationCount] | MetricsError] = {}
    for batch in _batches(groupings) if database.grouping_sets else ([one] for one in groupings):
        counted = _count(database, relation, columns, batch)
        if counted is None and len(batch) > 1:  # One of them has too many: which one?
            found |= {each: _count_one(database, relation, columns, each) for each in batch}
        else:
            found |= dict.fromkeys(batch, too_many_counts()) if counted is None else counted
    return found


def too_many_counts() -> CalculationRefused:
    """Return the error for a grouping with too many combinations."""
    return CalculationRefused(
        f"The database found more than {MOST_COUNTS:,} different combinations to count.",
        remedy="Group by a longer period, or make a view in which numbers are rounded.",
    )


def _count_one(
    database: SqlDatabase, relation: Relation, columns: KeyColumns, grouping: tuple[str, ...]
) -> list[CombinationCount] | MetricsError:
    counted = _count(database, relation, columns, [grouping])
    return too_many_counts() if counted is None else counted[grouping]


def _batches(groupings: Sequence[tuple[str, ...]]) -> Iterator[list[tuple[str, ...]]]:
    """Yield groupings that together have no more columns than a statement groups by."""
    batch: list[tuple[str, ...]] = []
    for grouping in groupings:
        if batch and len({*grouping, *(one for each in batch for one in each)}) > _MOST_GROUPED:
            yield batch
            batch = []
        batch.append(grouping)
    if batch:
        yield batch


def _count(
    database: SqlDatabase,
    relation: Relation,
    columns: KeyColumns,
    groupings: list[tuple[str, ...]],
) -> dict[tuple[str, ...], list[CombinationCount]] | None:
    """Count responses by some groupings in one statement; ``None`` if there are too many."""
    names = [*dict.fromkeys(name for grouping in groupings for name in grouping)]
    statement = _statement(relation, columns, groupings, names).limit(MOST_COUNTS + 1)
    rows = database.rows(statement)
    if len(rows) > MOST_COUNTS:
        return None
    found: dict[tuple[str, ...], list[CombinationCount]] = {each: [] for each in groupings}
    by_mask = {_mask(grouping, names): grouping for grouping in groupings}
    weights = [name for name in names if name in columns.weights]
    for mask, responses, first, *values in rows:
        grouping = by_mask[int(mask)]
        given = dict(zip(names, values, strict=False))
        sums = [float(value or 0) for value in values[len(names) :]]
        found[grouping].append(
            CombinationCount(
                {name: given[name] for name in grouping},
                int(responses),
                None if first is None else int(first),
                {
                    name: (sums[2 * place], sums[2 * place + 1])
                    for place, name in enumerate(weights)
                },
            )
        )
    return found


def _statement(
    relation: Relation, columns: KeyColumns, groupings: list[tuple[str, ...]], names: Sequence[str]
) -> Select[Any]:
    weights = [name for name in names if name in columns.weights]
    rows = (
        select(
            *(columns.expressions[name].label(name) for name in names),
            columns.seconds.label("s"),
            *(columns.weights[name].label(f"w{name}") for name in weights),
        )
        .select_from(relation.source)
        .subquery("rows")
    )
    keys = [rows.c[name] for name in names]
    grouped = len(groupings) > 1
    mask = func.grouping(*keys) if grouped else literal(_mask(groupings[0], names))
    statement = select(
        cast(mask, Integer),
        func.count(),
        func.min(rows.c.s, type_=BigInteger),
        *keys,
        *(func.sum(each) for name in weights for each in _with_square(rows.c[f"w{name}"])),
    )
    if not grouped:
        return statement.group_by(*keys)
    sets = [tuple_(*(rows.c[name] for name in grouping)) for grouping in groupings]
    return statement.group_by(func.grouping_sets(*sets))


def _with_square(weight: ColumnElement[Any]) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    return weight, weight * weight


def _mask(grouping: tuple[str, ...], names: Sequence[str]) -> int:
    """Return what ``GROUPING`` gives for a set: a bit for each column that is not in it."""
    mask = 0
    for name in names:
        mask = mask << 1 | (name not in grouping)
    return mask
