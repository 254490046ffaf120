"""Rows that stand for several responses: those that a database has counted.

A database counts the combinations of a few columns. Each combination is one row here, so that the
same rules apply as to rows of one response.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from smaply_metrics_core.calculations.key_parts import roots_of
from smaply_metrics_core.calculations.weight_column import COUNT, KEY, SQUARE, WEIGHT, weight_codes
from smaply_metrics_core.models.query import MetricQuery


@dataclass(frozen=True)
class CombinedRows:
    """How many responses a row stands for, and the sums of their weights.

    All responses of a row are equal in everything that the query reads; one of them stands for all,
    also with its weight: missing, zero, negative, or positive.

    Attributes:
        responses: The number of responses, as an integer.
        weights: The sum of their weights, for a weighted query.
        squares: The sum of their squared weights, for a weighted query.
    """

    responses: pl.Expr
    weights: pl.Expr | None = None
    squares: pl.Expr | None = None


class CombinedColumns:
    """The columns of ``CombinedRows`` that a plan adds up.

    Attributes:
        named: The expression of each column.
        roots: The names of the columns that they read.
    """

    def __init__(self, rows: CombinedRows, query: MetricQuery, weight: pl.Expr | None) -> None:
        self.named = {COUNT: rows.responses.cast(pl.Int64)}
        self._weighted = query.definition.weight is not None
        if self._weighted:
            if weight is None or rows.weights is None or rows.squares is None:
                raise ValueError("combined rows of a weighted query require sums of weights")
            code = weight_codes(weight).alias(KEY)
            self.named |= {KEY: code, WEIGHT: rows.weights, SQUARE: rows.squares}
        self.roots = roots_of(self.named.values())

    @classmethod
    def of(
        cls, rows: CombinedRows | None, query: MetricQuery, weight: pl.Expr | None
    ) -> CombinedColumns | None:
        """Return the columns that a query adds up; ``None`` for rows of one response."""
        return None if rows is None else cls(rows, query, weight)

    def count(self, keys: pl.Series, values: pl.DataFrame) -> pl.DataFrame:
        """Add up the responses of equal keys, and the weights of those that have one.

        Args:
            keys: The key of each row.
            values: The values of ``named``.
        """
        if not self._weighted:
            return values.with_columns(keys.alias(KEY)).group_by(KEY).agg(pl.col(COUNT).sum())
        has_weight = pl.col(KEY) == 0
        sums = [
            pl.when(has_weight).then(pl.col(name).cast(pl.Float64)).otherwise(0.0).alias(name)
            for name in (WEIGHT, SQUARE)
        ]
        return (
            values.with_columns(*sums)
            .with_columns(pl.col(KEY) + keys)
            .group_by(KEY)
            .agg(pl.col(COUNT, WEIGHT, SQUARE).sum())
        )
