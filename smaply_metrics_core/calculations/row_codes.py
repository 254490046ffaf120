"""Codes: small integers instead of the cells of rows, so that rows are counted as integers.

A column of a survey has few different cells. An expression over such columns is evaluated once
per combination of cells, not once per row, and each row gets the result by its codes. Columns of
many different cells, such as dates and free text, are evaluated row by row.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from datetime import date
from functools import partial
from math import prod
from typing import Final, NamedTuple

import polars as pl

from smaply_metrics_core.calculations.key_parts import DerivedColumns, KeyPart, roots_of
from smaply_metrics_core.calculations.weight_column import WeightColumn

FEW_COMBINATIONS: Final = 1_024
"""This many combinations of cells are evaluated even if there are fewer rows."""

MOST_CELLS: Final = 2**22
"""Blocks of up to this many cells are encoded at once, larger ones column by column."""

SAMPLE: Final = 1_024
_INDEX: Final = "\0index"
_PLACE: Final = "\0place"
_SMALL: Final = 2**32
_LARGEST: Final = 2**63


class _ColumnCodes(NamedTuple):
    """The codes of a column.

    Attributes:
        codes: For each row the place of its cell in ``cells``.
        size: The number of different cells.
        cells: Returns the different cells.
        identity: Columns of equal identity have equal cells; ``None`` equals no other.
    """

    codes: pl.Series
    size: int
    cells: Callable[[], pl.Series]
    identity: Hashable | None = None


class _Combinations(NamedTuple):
    """The combinations of cells in some columns.

    Attributes:
        places: For each row the place of its combination in ``cells``.
        cells: Returns the combinations.
        identity: As in ``_ColumnCodes``.
    """

    places: pl.Series
    cells: Callable[[], pl.DataFrame]
    identity: Hashable | None


class ValueCache:
    """The values of expressions in the last block, for the next one if it has the same cells."""

    def __init__(self) -> None:
        self._values: dict[Hashable, tuple[Hashable, pl.Series]] = {}

    def get(
        self, key: Hashable, identity: Hashable | None, make: Callable[[], pl.Series]
    ) -> pl.Series:
        """Return the values of an expression for cells of this identity."""
        found = self._values.get(key)
        if identity is not None and found is not None and found[0] == identity:
            return found[1]
        values = make()
        if identity is not None:
            self._values[key] = (identity, values)
        return values


class RowBlock:
    """Some rows, in which the expressions of key parts are evaluated.

    Args:
        rows: The rows. Text may be categorical; expressions see it as text.
        derived: The columns to add to them.
        roots: The names of the columns that parts read, with the number of parts.
        cache: The values of earlier blocks.
    """

    def __init__(
        self,
        rows: pl.DataFrame,
        derived: DerivedColumns,
        roots: Mapping[str, int],
        cache: ValueCache,
    ) -> None:
        self._rows = rows
        self._roots = roots
        self._cache = cache
        self._codes: dict[str, _ColumnCodes | None] = {}
        if derived.timestamps[0]:
            # Lazily, so that a subexpression that occurs twice, such as a date, is evaluated once.
            added = self._texts(derived.timestamp_sources())
            for step in derived.timestamps:
                added = added.with_columns(**step)
            names = [name for step in derived.timestamps for name in step]
            self._rows = self._rows.with_columns(added.select(names).collect())
        if len(roots) * rows.height <= MOST_CELLS:
            columns = [_categorical(rows[name]) for name in roots if not name.startswith("\0")]
            texts = [column for column in columns if column is not None]
            self._codes |= {codes.codes.name: codes for codes in _text_codes(texts)}
        flags = [self._flag(name, flag) for name, flag in derived.flags.items()]
        self._rows = self._rows.with_columns(flags)

    def keys(self, part: KeyPart) -> pl.Series:
        """Return for each row the integer with the codes of a part in their slots."""
        combinations = self._combinations(part.roots)
        if combinations is None:
            return _keys(part, self._row_values(part.roots, part.named), repeated=True)
        keys = self._cache.get(
            part,
            combinations.identity,
            lambda: _keys(part, combinations.cells().with_columns_seq(**part.named)),
        )
        return (
            keys[combinations.places] if part.roots else keys.new_from_index(0, self._rows.height)
        )

    def texts(self, weight: WeightColumn) -> pl.Series:
        """Return the weight of each row as text."""
        return self._row_values(weight.roots, {"": weight.text}).to_series()

    def _flag(self, name: str, flag: pl.Expr) -> pl.Series:
        roots = roots_of([flag])
        combinations = self._combinations(roots)
        if combinations is None:
            return self._row_values(roots, {name: flag})[name]
        values = self._cache.get(
            name,
            combinations.identity,
            lambda: combinations.cells().with_columns_seq(**{name: flag})[name],
        )
        return values[combinations.places].alias(name)

    def _combinations(self, roots: Sequence[str]) -> _Combinations | None:
        """Return the combinations of cells in some columns; ``None`` if there are many."""
        found = [self._column_codes(name) for name in roots]
        columns = [column for column in found if column is not None]
        size = prod(column.size for column in columns)
        if len(columns) < len(roots) or size >= _LARGEST:
            return None
        index = _index(columns, pl.UInt32 if size < _SMALL else pl.Int64)
        if size <= max(self._rows.height, FEW_COMBINATIONS):
            identities = tuple(column.identity for column in columns)
            return _Combinations(
                index,
                lambda: _all_cells(columns, size),
                None if None in identities else identities,
            )
        # Few of the possible combinations may occur.
        occurring = index.unique()
        if occurring.len() > self._rows.height // 2:
            return None
        places = occurring.to_frame(_INDEX).with_row_index(_PLACE)
        joined = index.to_frame(_INDEX).join(places, _INDEX, "left", maintain_order="left")
        return _Combinations(joined[_PLACE], lambda: _cells(columns, occurring), None)

    def _column_codes(self, name: str) -> _ColumnCodes | None:
        if name in self._codes:
            return self._codes[name]
        codes = _column_codes(self._rows[name])
        if self._roots[name] > 1:
            self._codes[name] = codes
        return codes

    def _row_values(self, roots: Iterable[str], columns: Mapping[str, pl.Expr]) -> pl.DataFrame:
        """Evaluate expressions row by row."""
        return self._texts(roots).with_columns(**columns).select(list(columns)).collect()

    def _texts(self, names: Iterable[str]) -> pl.LazyFrame:
        """Return the rows with some of their columns as text instead of categories."""
        schema = self._rows.schema
        coded = [name for name in names if isinstance(schema[name], pl.Categorical)]
        return self._rows.lazy().with_columns(pl.col(coded).cast(pl.String))


def _keys(part: KeyPart, values: pl.DataFrame, *, repeated: bool = False) -> pl.Series:
    """Return the keys of texts.

    Args:
        part: The part whose slots the texts fill.
        values: The texts.
        repeated: Whether most texts occur many times.
    """
    keys = pl.Series([0], dtype=pl.Int64)
    for slot, codes in part.codes.items():
        texts = values[slot.name]
        if repeated:
            (column,) = _text_codes([texts.cast(pl.Categorical(pl.Categories.random()))])
            encoded = codes.encode(column.cells())[column.codes]
        else:
            encoded = codes.encode(texts)
        slot.check(len(codes.texts) - 1)
        keys = keys + encoded * slot.factor
    return keys


def _index(columns: Sequence[_ColumnCodes], dtype: type[pl.DataType]) -> pl.Series:
    """Return the number of each row's combination of codes."""
    if len(columns) == 1:
        return columns[0].codes
    index, factor = pl.Series([0], dtype=dtype), 1
    for column in columns:
        index = index + column.codes.cast(dtype) * factor
        factor *= column.size
    return index


def _all_cells(columns: Sequence[_ColumnCodes], size: int) -> pl.DataFrame:
    if len(columns) == 1:
        return columns[0].cells().to_frame()
    return _cells(columns, pl.int_range(size, dtype=pl.UInt32, eager=True))


def _cells(columns: Sequence[_ColumnCodes], numbers: pl.Series) -> pl.DataFrame:
    """Return the combinations of cells that have these numbers."""
    cells, factor = [], 1
    for column in columns:
        code = pl.col(_INDEX) // factor % column.size
        cells.append(pl.lit(column.cells()).gather(code).alias(column.codes.name))
        factor *= column.size
    return numbers.to_frame(_INDEX).with_columns_seq(cells)


def _column_codes(column: pl.Series) -> _ColumnCodes | None:
    """Return the codes of a column; ``None`` if it has many different cells."""
    name = column.name
    match column.dtype:
        case pl.String() | pl.Categorical():
            texts = _categorical(column)
            return None if texts is None else _text_codes([texts])[0]
        case pl.Boolean():
            codes = column.to_frame().select(_shifted(pl.col(name).cast(pl.UInt32))).to_series()
            cells = pl.Series(name, [None, False, True])
            return _ColumnCodes(codes, 3, lambda: cells, pl.Boolean)
        case pl.Date():
            first, last = column.min(), column.max()
            if not (isinstance(first, date) and isinstance(last, date)):
                first, last = date.max, date.min  # Without dates, null is the only cell.
            passed = (pl.col(name) - first).dt.total_days().cast(pl.UInt32)
            return _ColumnCodes(
                column.to_frame().select(_shifted(passed)).to_series(),
                max((last - first).days + 2, 1),
                lambda: pl.concat([column.clear(1), pl.date_range(first, last, eager=True)]),
                (first, last),
            )
        case _:
            return None


def _categorical(column: pl.Series) -> pl.Series | None:
    """Return a column of few different texts as categories; ``None`` for other columns."""
    match column.dtype:
        case pl.Categorical():
            return column
        case pl.String() if column.head(SAMPLE).n_unique() <= SAMPLE // 2:
            return column.cast(pl.Categorical(pl.Categories.random()))
        case _:
            return None


def _text_codes(columns: Sequence[pl.Series]) -> list[_ColumnCodes]:
    """Return the codes of columns of categories, from one pass over all of them."""
    coded = pl.DataFrame(columns).select(_shifted(pl.all().to_physical()))
    return [
        _ColumnCodes(
            codes,
            size := _highest(codes) + 1,
            partial(_text_cells, column, size),
            (str(column.dtype), size),
        )
        for column, codes in zip(columns, coded, strict=True)
    ]


def _highest(codes: pl.Series) -> int:
    highest = codes.max()
    return highest if isinstance(highest, int) else 0


def _text_cells(column: pl.Series, size: int) -> pl.Series:
    """Return null, then the texts of the first codes, which last as long as the column."""
    number = pl.int_range(-1, size - 1, eager=True).to_frame(column.name)
    code = pl.when(pl.first() >= 0).then(pl.first()).cast(pl.UInt32)
    return number.select(code.cat.to(column.dtype).cast(pl.String)).to_series()


def _shifted(code: pl.Expr) -> pl.Expr:
    """Return codes from 1 on, with 0 for null."""
    return (code + 1).fill_null(0)
