"""The statements that count: aggregates over combinations of key columns, never rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    CompoundSelect,
    FromClause,
    Integer,
    Select,
    Subquery,
    cast,
    func,
    literal,
    literal_column,
    null,
    select,
    tuple_,
    union_all,
)

from smaply_metrics_core import CalculationRefused, MetricsError
from smaply_metrics_sql.counting.cells import MOST_GROUPED, Cluster, ClusterPlanner
from smaply_metrics_sql.counting.grouping import SECONDS, Grouping, KeyColumns
from smaply_metrics_sql.counting.number_sums import NumberSums, number_sums
from smaply_metrics_sql.counting.relation import Relation
from smaply_metrics_sql.databases.database import SqlDatabase

MOST_COUNTS: Final = 200_000
"""The maximum number of combinations that are read: of one query, or of those of one statement."""
_RESPONSES: Final = "n"


@dataclass(frozen=True)
class CombinationCounts:
    """How many responses have the same values in all columns of a grouping.

    Each sequence has one entry for each combination.

    Attributes:
        keys: The values of each column.
        responses: How many responses there are.
        firsts: When the first of them was recorded, in seconds since 1970; ``None`` if unknown.
        weights: For each weight, the sums of the weights and of the squared weights.
        numbers: The sums of the numbers, where these were added up.
    """

    keys: Mapping[str, Sequence[Any]]
    responses: Sequence[int]
    firsts: Sequence[int | None]
    weights: Mapping[str, tuple[Sequence[float], Sequence[float]]]
    numbers: Sequence[NumberSums] | None = None


Counted = dict[tuple[str, ...], CombinationCounts | MetricsError]
"""The counts of each grouping, or why there are none."""


class Counter:
    """Counts the responses of a survey, in as few statements as the database needs.

    Args:
        database: The database.
        relation: The rows.
        columns: The columns that are counted by.
        responses: The number of responses.
    """

    def __init__(
        self, database: SqlDatabase, relation: Relation, columns: KeyColumns, responses: int
    ) -> None:
        self._database = database
        self._relation = relation
        self._columns = columns
        self._planner = ClusterPlanner(columns, responses)

    def count(self, groupings: Sequence[tuple[str, ...]]) -> Counted:
        """Count responses by each of several groupings.

        A grouping with too many combinations has an error instead of counts.

        Raises:
            MetricsError: when the database fails.
        """
        found: Counted = {}
        for statement, batch in self._statements(groupings):
            counted = self._read(statement, batch)
            if counted is None and len(batch) > 1:  # One of them has too many: which one?
                for each in batch:
                    found |= self._count_one(each)
            else:
                found |= dict.fromkeys(batch, too_many_counts()) if counted is None else counted
        return found

    def add_up(self, grouping: Grouping) -> CombinationCounts | MetricsError:
        """Count responses by a grouping, and add up the numbers of each combination.

        Raises:
            MetricsError: when the database fails.
        """
        names, number = grouping.columns(), grouping.number
        assert number is not None  # noqa: S101  # As ``KeyColumns.totals`` returns it.
        rows = self._rows((*names, number))
        weight = None if grouping.weight is None else rows.c[f"w{grouping.weight}"]
        sums = number_sums(rows.c[number], weight)
        counts = self._aggregates(rows, names)
        statement = _grouped(rows, [names], names, [*counts, *sums])
        found = self._read(statement, [names], more=len(sums))
        return too_many_counts() if found is None else found[names]

    def _count_one(self, grouping: tuple[str, ...]) -> Counted:
        counted = self._read(self._from_rows([grouping]), [grouping])
        return {grouping: too_many_counts()} if counted is None else dict(counted)

    def _statements(
        self, groupings: Sequence[tuple[str, ...]]
    ) -> Iterator[tuple[Select[Any] | CompoundSelect[Any], list[tuple[str, ...]]]]:
        """Yield statements, each with the groupings that it counts by."""
        database = self._database
        clusters = [Cluster([one], one) for one in groupings]
        if database.grouping_sets or database.reuses_subqueries:
            clusters = self._planner.plan(groupings)
        single = [one.groupings[0] for one in clusters if len(one.groupings) == 1]
        for cluster in clusters:
            if len(cluster.groupings) > 1:
                yield self._from_cells(cluster), cluster.groupings
        for batch in self._batches(single) if database.grouping_sets else ([one] for one in single):
            yield self._from_rows(batch), batch

    def _batches(self, groupings: Sequence[tuple[str, ...]]) -> Iterator[list[tuple[str, ...]]]:
        """Yield groupings that a statement can count by, and whose counts are likely to fit."""
        batch: list[tuple[str, ...]] = []
        combinations = 0
        for grouping in groupings:
            more = self._planner.combinations(grouping)
            if batch and (
                len(_names([*batch, grouping])) > MOST_GROUPED or combinations + more > MOST_COUNTS
            ):
                yield batch
                batch, combinations = [], 0
            batch.append(grouping)
            combinations += more
        if batch:
            yield batch

    def _from_rows(self, groupings: Sequence[tuple[str, ...]]) -> Select[Any]:
        """Return the statement that counts the rows by each grouping."""
        names = _names(groupings)
        rows = self._rows(names)
        return _grouped(rows, groupings, names, self._aggregates(rows, names))

    def _from_cells(self, cluster: Cluster) -> Select[Any] | CompoundSelect[Any]:
        """Return the statement that counts the rows once, by all columns, and then the cells."""
        names = cluster.names
        rows = self._rows(names)
        keys = [rows.c[name] for name in names]
        labels = [_RESPONSES, SECONDS, *self._sums(names)]
        aggregates = self._aggregates(rows, names)
        counted = select(
            *keys, *(each.label(label) for label, each in zip(labels, aggregates, strict=True))
        ).group_by(*keys)
        if self._database.grouping_sets:
            cells: FromClause = counted.subquery("cells")
            return _grouped(cells, cluster.groupings, names, self._totals(cells, names))
        cells = counted.cte("cells")
        totals = self._totals(cells, names)
        return union_all(
            *(_grouped(cells, [one], names, totals, others=True) for one in cluster.groupings)
        )

    def _rows(self, names: Sequence[str]) -> Subquery:
        """Return the rows with the columns of some groupings, computed in two steps."""
        columns = self._columns
        read = dict.fromkeys((SECONDS, *(label for name in names for label in columns.reads[name])))
        inputs = self._step(
            select(*(columns.inputs[label].label(label) for label in read)).select_from(
                self._relation.source
            ),
            "responses",
        )
        weights = [name for name in names if name in columns.weights]
        return self._step(
            select(
                inputs.c[SECONDS],
                *(columns.expressions[name].label(name) for name in names),
                *(columns.weights[name].label(f"w{name}") for name in weights),
            ).select_from(inputs),
            "keyed",  # Warehouses reserve the word “rows”.
        )

    def _step(self, statement: Select[Any], label: str) -> Subquery:
        """Return a subquery whose expressions are computed once for each row."""
        if self._database.merges_subqueries:
            statement = statement.offset(literal_column("0"))
        return statement.subquery(label)

    def _sums(self, names: Sequence[str]) -> list[str]:
        """Return the labels of the sums of weights of some columns, and of squared weights."""
        weights = [name for name in names if name in self._columns.weights]
        return [label for name in weights for label in (f"w{name}", f"q{name}")]

    def _aggregates(self, rows: FromClause, names: Sequence[str]) -> list[ColumnElement[Any]]:
        """Return what is counted of rows: responses, the first time, and sums of weights."""
        weights = [rows.c[f"w{name}"] for name in names if name in self._columns.weights]
        return [
            func.count(),
            func.min(rows.c[SECONDS], type_=BigInteger),
            *(func.sum(each) for weight in weights for each in (weight, weight * weight)),
        ]

    def _totals(self, cells: FromClause, names: Sequence[str]) -> list[ColumnElement[Any]]:
        """Return what is added up of cells: the same as of rows."""
        return [
            cast(func.sum(cells.c[_RESPONSES]), BigInteger),
            func.min(cells.c[SECONDS], type_=BigInteger),
            *(func.sum(cells.c[label]) for label in self._sums(names)),
        ]

    def _read(
        self,
        statement: Select[Any] | CompoundSelect[Any],
        groupings: Sequence[tuple[str, ...]],
        *,
        more: int = 0,
    ) -> dict[tuple[str, ...], CombinationCounts] | None:
        """Return the counts of some groupings; ``None`` if there are too many.

        Args:
            statement: The statement.
            groupings: What it counts by.
            more: How many columns with sums of numbers it ends with.
        """
        names = _names(groupings)
        by_mask: dict[int, list[tuple[Any, ...]]] = {_mask(one, names): [] for one in groupings}
        rows = self._database.rows(statement.limit(MOST_COUNTS + 1))
        if len(rows) > MOST_COUNTS:
            return None
        for row in rows:
            by_mask[int(row[0])].append(row)
        weights = [name for name in names if name in self._columns.weights]
        end = len(names) + 2 * len(weights)
        found = {}
        for grouping in groupings:
            read = [*zip(*by_mask[_mask(grouping, names)], strict=True)] or [()] * (3 + end + more)
            _, responses, firsts, *values = read
            keys = dict(zip(names, values, strict=False))
            sums = [[float(value or 0) for value in each] for each in values[len(names) : end]]
            found[grouping] = CombinationCounts(
                {name: keys[name] for name in grouping},
                [int(number) for number in responses],
                [None if first is None else int(first) for first in firsts],
                dict(zip(weights, zip(sums[::2], sums[1::2], strict=True), strict=True)),
                [NumberSums.of(each) for each in zip(*values[end:], strict=True)] if more else None,
            )
        return found


def too_many_counts() -> CalculationRefused:
    """Return the error for a grouping with too many combinations."""
    return CalculationRefused(
        f"The database found more than {MOST_COUNTS:,} different combinations to count.",
        remedy="Group by a longer period, or make a view in which numbers are rounded.",
    )


def _grouped(
    counted: FromClause,
    groupings: Sequence[tuple[str, ...]],
    names: Sequence[str],
    aggregates: Sequence[ColumnElement[Any]],
    *,
    others: bool = False,
) -> Select[Any]:
    """Return the statement that groups rows or cells.

    Args:
        counted: The rows or cells.
        groupings: The groupings; several for a database with grouping sets.
        names: All columns of the statement.
        aggregates: What is counted.
        others: Whether the only grouping lacks some of the columns, which are then null.
    """
    keys = [counted.c[name] for name in names]
    grouped = len(groupings) > 1
    mask = _grouping(keys) if grouped else literal(_mask(groupings[0], names))
    shown = [null() if others and name not in groupings[0] else counted.c[name] for name in names]
    count, first, *sums = aggregates
    statement = select(cast(mask, Integer), count, first, *shown, *sums)
    if grouped:
        sets = [tuple_(*(counted.c[name] for name in one)) for one in groupings]
        return statement.group_by(func.grouping_sets(*sets))
    return statement.group_by(*(counted.c[name] for name in groupings[0]))


def _grouping(keys: Sequence[ColumnElement[Any]]) -> ColumnElement[int]:
    """Return the expression of a row's mask, as ``_mask`` returns it.

    Of one ``GROUPING`` for each column, since several databases allow it one argument.
    """
    bits = [
        func.grouping(key, type_=Integer) * literal_column(str(1 << place), Integer)
        for place, key in enumerate(reversed(keys))
    ]
    return reduce(add, bits)


def _names(groupings: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """Return the columns of some groupings, each once."""
    return tuple(dict.fromkeys(name for grouping in groupings for name in grouping))


def _mask(grouping: tuple[str, ...], names: Sequence[str]) -> int:
    """Return a number with a bit for each column that is not in a set, the first one highest."""
    mask = 0
    for name in names:
        mask = mask << 1 | (name not in grouping)
    return mask
