"""Counting rows by the cells that queries look at, before anybody asks what these mean.

A categorical, Boolean or date cell is a number. The cells of several such columns make one
number, and counting how often each number comes is many times faster than grouping rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Final

import polars as pl

from smaply_metrics_core.calculations.count_plan import (
    ROWS,
    CountedRows,
    CountPlan,
    TimestampColumns,
)

MOST_BYTES: Final = 8 * 2**20
"""So much may the combinations of one set of columns take before they are worked out."""

_LARGEST_KEY: Final = 2**63
_SMALL_KEY: Final = 2**32
_FIRST_DAY: Final = -(2**16)
_DAYS: Final = 2**18
_FEWEST_CODES: Final = 16
_KEY: Final = "\0key"


@dataclass(frozen=True)
class _Code:
    """How the cells of one column are numbers from 0 to ``size`` - 2; ``size`` - 1 is null."""

    name: str
    dtype: pl.DataType
    size: int
    lowest: int = 0

    @classmethod
    def of(cls, column: pl.Series) -> _Code | None:
        """Return the numbers of a column of codes, days or Booleans; of others ``None``."""
        match column.dtype:
            case pl.Categorical():
                highest = column.to_physical().max()
                codes = highest + 2 if isinstance(highest, int) else 1
                # In steps, so that it stays the same while more rows bring more codes.
                return cls(column.name, column.dtype, max(_FEWEST_CODES, 1 << codes.bit_length()))
            case pl.Boolean():
                return cls(column.name, column.dtype, 3)
            case pl.Date():
                return cls(column.name, column.dtype, _DAYS, _FIRST_DAY)
            case _:
                return None

    def encode(self) -> pl.Expr:
        """Turn cells into numbers."""
        number = pl.col(self.name).to_physical()
        if self.lowest:
            number = number - self.lowest
        return number.cast(pl.UInt32).fill_null(self.size - 1).alias(self.name)

    def decode(self, number: pl.Expr) -> pl.Expr:
        """Turn numbers into the cells again, codes into text."""
        physical = pl.when(number < self.size - 1).then(number + self.lowest)
        if isinstance(self.dtype, pl.Categorical):
            cell = physical.cast(pl.UInt32).cat.to(self.dtype).cast(pl.String)
        elif isinstance(self.dtype, pl.Boolean):
            cell = physical.cast(pl.Boolean)
        else:
            cell = physical.cast(pl.Int32).cast(pl.Date)
        return cell.alias(self.name)


@dataclass(frozen=True)
class _CellKey:
    """One number for each combination of the cells of some columns."""

    codes: tuple[_Code, ...]

    @property
    def fits(self) -> bool:
        """Whether there are few enough combinations for a number."""
        return len(self.codes) > 0 and prod(code.size for code in self.codes) < _LARGEST_KEY

    def encode(self) -> pl.Expr:
        """Turn the numbers of cells into one."""
        small = prod(code.size for code in self.codes) < _SMALL_KEY
        key = pl.lit(0, dtype=pl.UInt32 if small else pl.Int64)
        for code in self.codes:
            key = key * code.size + pl.col(code.name)
        return key.alias(_KEY)

    def decode(self, counted: Sequence[pl.DataFrame]) -> pl.DataFrame:
        """Add up counted numbers, and turn them into combinations of cells."""
        summed = pl.concat(counted).group_by(_KEY).agg(pl.col(ROWS).sum())
        cells: list[pl.Expr] = []
        rest = pl.col(_KEY).cast(pl.Int64)
        for code in reversed(self.codes):
            cells.append(code.decode(rest % code.size))
            rest = rest // code.size
        return summed.select(*reversed(cells), ROWS)


class _CellTable:
    """What was found in some columns: how many rows have each combination of cells."""

    def __init__(self) -> None:
        self._numbers: dict[_CellKey, list[pl.DataFrame]] = {}
        self._cells: list[pl.DataFrame] = []

    def add_numbers(self, key: _CellKey, counted: pl.DataFrame) -> None:
        self._numbers.setdefault(key, []).append(counted)

    def add_cells(self, counted: pl.DataFrame) -> None:
        self._cells.append(counted)

    def size(self) -> float:
        """Return the bytes that it takes."""
        every = [*self._cells, *(each for several in self._numbers.values() for each in several)]
        return sum(each.estimated_size() for each in every)

    def take(self) -> pl.DataFrame | None:
        """Return the combinations of cells, if there were any rows to find them in, and forget."""
        cells = [*self._cells, *(key.decode(found) for key, found in self._numbers.items())]
        self._cells.clear()
        self._numbers.clear()
        return pl.concat(cells) if cells else None


class CellCounts:
    """How many rows have which combination of cells, for each set of columns that a plan looks at.

    Args:
        plans: How the windows of all queries are counted.
        moments: What they ask about when rows were recorded.

    Attributes:
        columns: What is read of the rows.
    """

    def __init__(self, plans: Sequence[CountPlan], moments: TimestampColumns) -> None:
        self._plans = plans
        self._moments = moments
        self._cells = [tuple(sorted(each.cells)) for each in plans]
        self._found = {names: _CellTable() for names in self._cells}
        self._counted: list[CountedRows | None] = [None for _ in plans]
        self._dtypes: list[pl.DataFrame] = []
        own = {name for names in self._found for name in names if name.startswith("\0")}
        self.columns = ({*moments.sources()}.union(*self._found)) - own

    def add(self, rows: pl.DataFrame) -> None:
        """Count some rows."""
        # Codes keep their meaning for as long as there is a column of their type.
        self._dtypes.append(rows.clear())
        known = self._moments.add_to(
            rows.with_columns(
                pl.col(name).cast(pl.String)
                for name in self._moments.sources()
                if isinstance(rows.schema[name], pl.Categorical)
            )
        )
        looked_at = known.select({name for names in self._found for name in names})
        codes = {code.name: code for code in map(_Code.of, looked_at) if code is not None}
        keys: dict[str, tuple[_CellTable, _CellKey]] = {}
        for names, found in self._found.items():
            key = _CellKey(tuple(codes[name] for name in names if name in codes))
            if key.fits and len(key.codes) == len(names):
                keys[str(len(keys))] = found, key
            else:
                found.add_cells(_grouped(known, names))
        numbers = known.select(code.encode() for code in codes.values())
        counted = numbers.select(
            key.encode().value_counts(name=ROWS).implode().alias(place)
            for place, (_, key) in keys.items()
        )
        for place, (found, key) in keys.items():
            found.add_numbers(key, counted[place].explode().struct.unnest())
        self._work_out([names for names, each in self._found.items() if each.size() > MOST_BYTES])

    def counted(self) -> list[CountedRows]:
        """Return what each plan counted.

        Raises:
            ValueError: when no rows were added, not even an empty frame of them.
        """
        self._work_out(self._found)
        counted = [each for each in self._counted if each is not None]
        if len(counted) < len(self._plans):
            raise ValueError("no rows were added: add an empty frame where there are none")
        return counted

    def _work_out(self, sets: Iterable[tuple[str, ...]]) -> None:
        """Turn the combinations found so far into what plans count."""
        taken = {names: self._found[names].take() for names in sets}
        for place, (plan, names) in enumerate(zip(self._plans, self._cells, strict=True)):
            combinations = taken.get(names)
            if combinations is not None:
                counted, before = plan.count(combinations), self._counted[place]
                self._counted[place] = plan.merge([before, counted]) if before else counted


def _grouped(rows: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """Count rows by columns that make no number: one of them is text, or they are too many."""
    if not names:
        return pl.DataFrame({ROWS: [rows.height] if rows.height else []}, {ROWS: pl.UInt32})
    texts = [name for name in names if isinstance(rows.schema[name], pl.Categorical)]
    counted = rows.lazy().group_by(names).agg(pl.len().alias(ROWS))
    return counted.with_columns(pl.col(texts).cast(pl.String)).collect()
