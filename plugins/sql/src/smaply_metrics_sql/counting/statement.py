"""The statements that count: aggregates over combinations of key columns, never rows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Integer,
    Select,
    Subquery,
    func,
    literal_column,
    select,
)

from smaply_metrics_core import CalculationRefused, MetricsError
from smaply_metrics_sql.counting.cells import Cluster, ClusterPlanner
from smaply_metrics_sql.counting.counts import CellLayout, CombinationCounts
from smaply_metrics_sql.counting.grouping import SECONDS, Grouping, KeyColumns
from smaply_metrics_sql.counting.number_sums import number_sums
from smaply_metrics_sql.counting.relation import Relation
from smaply_metrics_sql.databases.database import SqlDatabase

MOST_COUNTS: Final = 200_000
"""The maximum number of combinations that are read: of one query, or of those of one statement."""
_PIECE: Final = "t"
_FLAGS: Final = "f"
_ONE: Final = literal_column("1", Integer)

Counted = dict[tuple[str, ...], CombinationCounts | MetricsError]
"""The counts of each grouping, or why there are none."""


class Counter:
    """Counts the responses of a survey, in as few statements as pay.

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
        self._planner = ClusterPlanner(database, columns, responses)

    def count(self, groupings: Sequence[tuple[str, ...]]) -> Counted:
        """Count responses by each of several groupings.

        A grouping with too many combinations has an error instead of counts.

        Raises:
            MetricsError: when the database fails.
        """
        found: Counted = {}
        for cluster in self._planner.plan(groupings):
            counted = self._count(cluster)
            if counted is not None:
                found |= counted
                continue
            for each in cluster.groupings:  # One of them has too many: which one?
                alone = self._count(Cluster([each], each)) if len(cluster.groupings) > 1 else None
                found |= {each: too_many_counts()} if alone is None else alone
        return found

    def add_up(self, grouping: Grouping) -> CombinationCounts | MetricsError:
        """Count responses by a grouping, and add up the numbers of each combination.

        Raises:
            MetricsError: when the database fails.
        """
        names = grouping.columns()
        counted = self._count(Cluster([names], names), grouping)
        return too_many_counts() if counted is None else counted[names]

    def _count(
        self, cluster: Cluster, totals: Grouping | None = None
    ) -> dict[tuple[str, ...], CombinationCounts] | None:
        """Return the counts of some groupings; ``None`` if there are too many cells.

        Args:
            cluster: The groupings.
            totals: The grouping, if it adds up numbers.
        """
        columns, names = self._columns, cluster.names
        layout = CellLayout(
            tuple(name for name in names if name not in columns.limits | columns.flags),
            {name: columns.limits[name] for name in names if name in columns.limits},
            {name: columns.flags[name] for name in names if name in columns.flags},
            tuple(name for name in names if name in columns.weights),
            numbers=totals is not None,
        )
        statement = self._statement(layout, totals)
        cells = self._database.rows(statement.limit(MOST_COUNTS + 1))
        if len(cells) > MOST_COUNTS:
            return None
        return {each: layout.add_up(cells, each) for each in cluster.groupings}

    def _statement(self, layout: CellLayout, totals: Grouping | None) -> Select[Any]:
        """Return the statement that counts the rows by all columns of a layout."""
        number = None if totals is None else totals.number
        rows = self._rows(layout, number)
        keys = [rows.c[name] for name in layout.keys]
        keys += [rows.c[_PIECE]] if layout.times else []
        keys += [rows.c[_FLAGS]] if layout.flags else []
        weights = [rows.c[f"w{name}"] for name in layout.weights]
        sums: list[ColumnElement[Any]] = [
            func.sum(each) for weight in weights for each in (weight, weight * weight)
        ]
        if totals is not None and number is not None:
            weight = None if totals.weight is None else rows.c[f"w{totals.weight}"]
            sums += number_sums(rows.c[number], weight)
        return select(*keys, func.count(), *sums).select_from(rows).group_by(*keys)

    def _rows(self, layout: CellLayout, number: str | None) -> Subquery:
        """Return the rows with the columns of a layout, computed in two steps."""
        columns = self._columns
        expressions = [*layout.keys, *([] if number is None else [number])]
        read = dict.fromkeys(
            label for name in (*expressions, *layout.flags) for label in columns.reads[name]
        )
        if layout.times:
            read[SECONDS] = None
        # Without any column, the rows are only counted.
        inputs = [columns.inputs[label].label(label) for label in read] or [_ONE.label("one")]
        responses = self._step(select(*inputs).select_from(self._relation.source), "responses")
        keyed = [columns.expressions[name].label(name) for name in expressions]
        source: FromClause = responses
        if layout.times:
            piece = self._database.piece(responses.c[SECONDS], layout.limits)
            keyed.append(piece.number.label(_PIECE))
            if piece.calendar is not None:
                source = responses.join(piece.calendar, piece.on)
        if layout.flags:
            keyed.append(self._flags(layout).label(_FLAGS))
        keyed += [columns.weights[name].label(f"w{name}") for name in layout.weights]
        keyed = keyed or [_ONE.label("one")]
        return self._step(select(*keyed).select_from(source), "keyed")  # “rows” is often reserved.

    def _flags(self, layout: CellLayout) -> ColumnElement[int]:
        """Return all flags as one number: few keys, in a range that the database knows."""
        parts, factor = [], 1
        for name, size in layout.flags.items():
            parts.append(self._columns.expressions[name] * literal_column(str(factor), Integer))
            factor *= size
        return reduce(add, parts)

    def _step(self, statement: Select[Any], label: str) -> Subquery:
        """Return a subquery whose expressions are computed once for each row."""
        if self._database.merges_subqueries:
            statement = statement.offset(literal_column("0"))
        return statement.subquery(label)


def too_many_counts() -> CalculationRefused:
    """Return the error for a grouping with too many combinations."""
    return CalculationRefused(
        f"The database found more than {MOST_COUNTS:,} different combinations to count.",
        remedy="Group by a longer period, or make a view in which numbers are rounded.",
    )
