"""Codes: small integers in place of the cells of rows, so that rows are counted as integers.

A column of a survey has few different cells. An expression over such columns is evaluated once
per combination of cells, not once per row, and each row gets the result by its codes. Columns of
many different cells, such as dates and free text, are evaluated row by row.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from enum import Enum
from math import prod
from typing import Final, NamedTuple

import polars as pl

FEW_COMBINATIONS: Final = 1_024
"""This many combinations of cells are evaluated even if there are fewer rows."""

SAMPLE: Final = 1_024
_INDEX: Final = "\0index"


class KeySlot(Enum):
    """The slots of a key, an integer of 63 bits. Each slot holds one code.

    Attributes:
        shift: The position of its lowest bit.
        factor: What a code is multiplied by to fill the slot.
        most: The largest code.
    """

    ANSWER = (0, 24)
    REASON = (24, 8)
    GROUP = (32, 24)
    STATUS = (56, 7)

    def __init__(self, shift: int, bits: int) -> None:
        self.shift = shift
        self.factor = 1 << shift
        self.most = (1 << bits) - 1

    def code(self, key: int) -> int:
        """Return the code that a key holds in this slot."""
        return key >> self.shift & self.most

    def check(self, code: int) -> None:
        """Check that a code fits.

        Raises:
            ValueError: if the rows have more different texts than the slot has codes.
        """
        if code > self.most:
            raise ValueError(f"more than {self.most:,} different texts as {self.name.lower()}")


class TextCodes:
    """Codes for the different texts of one expression. Codes stay the same in later rows.

    0 stands for null.

    Attributes:
        highest: The highest code so far.
    """

    def __init__(self) -> None:
        self._dtype = pl.Categorical(pl.Categories.random())
        # Codes are valid as long as there is a column of this type.
        self._alive = pl.Series(dtype=self._dtype)
        self._texts: list[str | None] = [None]
        self.highest = 0

    def encode(self, text: pl.Expr) -> pl.Expr:
        """Return the codes of texts, as integers."""
        codes = text.cast(self._dtype).to_physical().cast(pl.Int64)
        return (codes + 1).fill_null(0)

    def texts(self) -> list[str | None]:
        """Return the text of each code."""
        if len(self._texts) <= self.highest:
            codes = pl.int_range(self.highest, dtype=pl.UInt32, eager=True).to_frame("code")
            texts = codes.select(pl.col("code").cat.to(self._dtype).cast(pl.String))
            self._texts = [None, *texts["code"].to_list()]
        return self._texts


class KeyPart:
    """Expressions that fill slots of a key, each with a text.

    Attributes:
        columns: The expression of each slot.
        codes: The codes of its texts.
        roots: The names of the columns that the expressions read.
    """

    def __init__(self, columns: Mapping[KeySlot, pl.Expr]) -> None:
        self.columns = columns
        self.codes = {slot: TextCodes() for slot in columns}
        self.roots = tuple(sorted({name for each in columns.values() for name in _roots(each)}))

    def texts(self, slot: KeySlot) -> list[str | None]:
        """Return the text of each code in a slot."""
        return self.codes[slot].texts() if slot in self.codes else [None]


class DerivedColumns:
    """Columns that are computed from those of the rows, once however many expressions read them."""

    def __init__(self) -> None:
        self._columns: dict[Hashable, pl.Expr] = {}
        # Each step reads the columns of the one before.
        self.timestamps: tuple[dict[str, pl.Expr], ...] = ({}, {}, {})
        self.flags: dict[str, pl.Expr] = {}

    def timestamp(self, step: int, key: Hashable, make: Callable[[], pl.Expr]) -> pl.Expr:
        """Return a column that depends on when rows were recorded.

        These differ for nearly every row, so they are computed row by row.

        Args:
            step: 0 for the time itself, 1 and 2 for what is computed from the columns of the step
                before.
            key: Equal keys are one column.
            make: Returns its expression.
        """
        return self._column((step, key), self.timestamps[step], make)

    def flag(self, key: Hashable, expression: pl.Expr) -> pl.Expr:
        """Return a Boolean column that depends on cells of the rows."""
        return self._column(("flag", key), self.flags, lambda: expression)

    def _column(
        self, key: Hashable, columns: dict[str, pl.Expr], make: Callable[[], pl.Expr]
    ) -> pl.Expr:
        if key not in self._columns:
            name = f"\0{len(self._columns)}"
            columns[name] = make()
            self._columns[key] = pl.col(name)
        return self._columns[key]

    def sources(self) -> set[str]:
        """Return the names of all columns that the derived ones read, derived ones included."""
        every = (*self.timestamps, self.flags)
        return {name for columns in every for each in columns.values() for name in _roots(each)}


class _ColumnCodes(NamedTuple):
    """The codes of a column: for each row a number below ``size``; 0 stands for null.

    ``decode`` turns codes into cells. Those of text are valid as long as ``categories`` exists.
    """

    codes: pl.Series
    size: int
    decode: Callable[[pl.Expr], pl.Expr]
    categories: pl.Series | None = None


class RowBlock:
    """Some rows, in which the expressions of key parts are evaluated.

    Args:
        rows: The rows. Text may be categorical; expressions see it as text.
        derived: The columns to add to them.
        shared: The names of columns that several parts read: their codes are cached.
    """

    def __init__(self, rows: pl.DataFrame, derived: DerivedColumns, shared: Iterable[str]) -> None:
        self._rows = rows
        self._shared = {*shared}
        self._codes: dict[str, _ColumnCodes | None] = {}
        if derived.timestamps[0]:
            sources = {n for each in derived.timestamps[0].values() for n in _roots(each)}
            # Lazily, so that a subexpression that occurs twice, such as a date, is evaluated once.
            added = self._texts(sources)
            for step in derived.timestamps:
                added = added.with_columns(**step)
            names = [name for step in derived.timestamps for name in step]
            self._rows = self._rows.with_columns(added.select(names).collect())
        flags = [self._evaluated({name: flag}) for name, flag in derived.flags.items()]
        self._rows = self._rows.with_columns(
            values[name] if index is None else values[name][index]
            for name, (values, index) in zip(derived.flags, flags, strict=True)
        )

    def keys(self, part: KeyPart) -> pl.Series:
        """Return for each row the integer with the codes of a part in their slots."""
        columns = {
            slot.name: part.codes[slot].encode(text) for slot, text in part.columns.items()
        }
        values, index = self._evaluated(columns)
        keys = pl.Series([0], dtype=pl.Int64)
        for slot, codes in part.codes.items():
            found = values[slot.name]
            highest = found.max()
            codes.highest = max(codes.highest, highest if isinstance(highest, int) else 0)
            slot.check(codes.highest)
            keys = keys + found * slot.factor
        if index is None:
            return keys
        return keys[index] if part.roots else keys.new_from_index(0, self._rows.height)

    def _evaluated(
        self, columns: Mapping[str, pl.Expr]
    ) -> tuple[pl.DataFrame, pl.Series | None]:
        """Evaluate expressions.

        Returns:
            The values, and for each row the index of its values; ``None``: one value per row.
        """
        roots = sorted({name for each in columns.values() for name in _roots(each)})
        found = [self._column_codes(name) for name in roots]
        codes = [each for each in found if each is not None]
        size = prod(each.size for each in codes)
        if len(codes) < len(roots) or size > max(self._rows.height, FEW_COMBINATIONS):
            rows = self._texts(roots).with_columns(**columns)
            return rows.select(list(columns)).collect(), None
        combinations = pl.int_range(size, dtype=pl.UInt32, eager=True).to_frame(_INDEX)
        cells: dict[str, pl.Expr] = {}
        index, factor = pl.Series([0], dtype=pl.UInt32), 1
        for name, each in zip(roots, codes, strict=True):
            cells[name] = each.decode(pl.col(_INDEX) // factor % each.size)
            index = index + each.codes * factor
            factor *= each.size
        every = combinations.lazy().with_columns(**cells).with_columns(**columns)
        return every.select(list(columns)).collect(), index

    def _column_codes(self, name: str) -> _ColumnCodes | None:
        if name in self._codes:
            return self._codes[name]
        codes = _column_codes(self._rows[name])
        if name in self._shared:
            self._codes[name] = codes
        return codes

    def _texts(self, names: Iterable[str]) -> pl.LazyFrame:
        """Return the rows with some of their columns as text instead of categories."""
        schema = self._rows.schema
        coded = [name for name in names if isinstance(schema[name], pl.Categorical)]
        return self._rows.lazy().with_columns(pl.col(coded).cast(pl.String))


def _column_codes(column: pl.Series) -> _ColumnCodes | None:
    """Return the codes of a column; ``None`` if it has many different cells."""
    match column.dtype:
        case pl.String() if column.head(SAMPLE).n_unique() <= SAMPLE // 2:
            return _text_codes(column.cast(pl.Categorical(pl.Categories.random())))
        case pl.Categorical():
            return _text_codes(column)
        case pl.Boolean():
            codes = _coded(column, pl.col(column.name).cast(pl.UInt32))
            return _ColumnCodes(codes, 3, lambda code: _cell(code).cast(pl.Boolean))
        case pl.Date():
            lowest = column.to_physical().min()
            first = lowest if isinstance(lowest, int) else 0
            codes = _coded(column, (pl.col(column.name).to_physical() - first).cast(pl.UInt32))
            return _ColumnCodes(
                codes,
                _size(codes),
                lambda code: (_cell(code).cast(pl.Int32) + first).cast(pl.Date),
            )
        case _:
            return None


def _text_codes(column: pl.Series) -> _ColumnCodes:
    dtype = column.dtype
    codes = _coded(column, pl.col(column.name).to_physical())

    def decode(code: pl.Expr) -> pl.Expr:
        return _cell(code).cat.to(dtype).cast(pl.String)

    return _ColumnCodes(codes, _size(codes), decode, column.clear())


def _coded(column: pl.Series, number: pl.Expr) -> pl.Series:
    return column.to_frame().select((number + 1).fill_null(0)).to_series()


def _cell(code: pl.Expr) -> pl.Expr:
    return pl.when(code > 0).then(code - 1)


def _size(codes: pl.Series) -> int:
    highest = codes.max()
    return highest + 1 if isinstance(highest, int) else 1


def _roots(expression: pl.Expr) -> list[str]:
    return expression.meta.root_names()
