"""Codes: small integers in place of the cells of rows, so that rows are counted as integers.

A column of a survey has few different cells. An expression over such columns is evaluated once
per combination of cells, not once per row, and each row gets the result by its codes. Columns of
many different cells, such as dates and free text, are evaluated row by row.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from datetime import date
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

    Attributes:
        texts: The text of each code. Code 0 is null.
    """

    def __init__(self) -> None:
        self.texts: list[str | None] = [None]
        self._codes: dict[str | None, int] = {None: 0}

    def encode(self, texts: pl.Series) -> pl.Series:
        """Return the code of each text."""
        codes = self._codes
        found = [codes.setdefault(text, len(codes)) for text in texts.to_list()]
        self.texts += list(codes)[len(self.texts) :]
        return pl.Series(found, dtype=pl.Int64)


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
        return self.codes[slot].texts if slot in self.codes else [None]


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
    """The codes of a column: ``cells`` are its different cells, ``codes`` their places by row."""

    codes: pl.Series
    cells: pl.Series


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
        columns = {slot.name: text for slot, text in part.columns.items()}
        values, index = self._evaluated(columns)
        keys = pl.Series([0], dtype=pl.Int64)
        for slot, codes in part.codes.items():
            keys = keys + _encoded(values[slot.name], codes, repeated=index is None) * slot.factor
            slot.check(len(codes.texts) - 1)
        if index is None:
            return keys
        return keys[index] if part.roots else keys.new_from_index(0, self._rows.height)

    def _evaluated(self, columns: Mapping[str, pl.Expr]) -> tuple[pl.DataFrame, pl.Series | None]:
        """Evaluate expressions.

        Returns:
            The values, and for each row the index of its values; ``None``: one value per row.
        """
        roots = sorted({name for each in columns.values() for name in _roots(each)})
        codes = [self._column_codes(name) for name in roots]
        known = [each for each in codes if each is not None]
        size = prod(each.cells.len() for each in known)
        if len(known) < len(roots) or size > max(self._rows.height, FEW_COMBINATIONS):
            rows = self._texts(roots).with_columns(**columns)
            return rows.select(list(columns)).collect(), None
        cells, index = _combined(known)
        return cells.with_columns_seq(**columns).select(list(columns)), index

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


def _encoded(texts: pl.Series, codes: TextCodes, *, repeated: bool) -> pl.Series:
    """Return the code of each text."""
    if repeated:
        column = _text_codes(texts.cast(pl.Categorical(pl.Categories.random())))
        return codes.encode(column.cells)[column.codes]
    return codes.encode(texts)


def _combined(columns: Sequence[_ColumnCodes]) -> tuple[pl.DataFrame, pl.Series]:
    """Return all combinations of the cells of columns, and for each row the index of its own."""
    if len(columns) == 1:
        return columns[0].cells.to_frame(), columns[0].codes
    size = prod(column.cells.len() for column in columns)
    places = pl.int_range(size, dtype=pl.UInt32, eager=True).to_frame(_INDEX)
    index, factor = pl.Series([0], dtype=pl.UInt32), 1
    digits: list[pl.Expr] = []
    for column in columns:
        digit = pl.col(_INDEX) // factor % column.cells.len()
        digits.append(pl.lit(column.cells).gather(digit).alias(column.cells.name))
        index = index + column.codes * factor
        factor *= column.cells.len()
    return places.with_columns_seq(digits), index


def _column_codes(column: pl.Series) -> _ColumnCodes | None:
    """Return the codes of a column; ``None`` if it has many different cells."""
    match column.dtype:
        case pl.String() if column.head(SAMPLE).n_unique() <= SAMPLE // 2:
            return _text_codes(column.cast(pl.Categorical(pl.Categories.random())))
        case pl.Categorical():
            return _text_codes(column)
        case pl.Boolean():
            cells = pl.Series(column.name, [None, False, True])
            return _ColumnCodes(_shifted(column, pl.col(column.name).cast(pl.UInt32)), cells)
        case pl.Date():
            first, last = column.min(), column.max()
            if not (isinstance(first, date) and isinstance(last, date)):
                first, last = date.max, date.min  # Without dates, null is the only cell.
            days = pl.date_range(first, last, eager=True).alias(column.name)
            passed = (pl.col(column.name) - first).dt.total_days().cast(pl.UInt32)
            return _ColumnCodes(_shifted(column, passed), pl.concat([column.clear(1), days]))
        case _:
            return None


def _text_codes(column: pl.Series) -> _ColumnCodes:
    codes = _shifted(column, pl.col(column.name).to_physical())
    highest = codes.max()
    cells = pl.int_range(-1, highest if isinstance(highest, int) else 0, eager=True)
    number = pl.col(column.name)
    texts = pl.when(number >= 0).then(number).cast(pl.UInt32).cat.to(column.dtype).cast(pl.String)
    return _ColumnCodes(codes, cells.to_frame(column.name).select(texts).to_series())


def _shifted(column: pl.Series, code: pl.Expr) -> pl.Series:
    """Return codes from 1 on, with 0 for null."""
    return column.to_frame().select((code + 1).fill_null(0)).to_series()


def _roots(expression: pl.Expr) -> list[str]:
    return expression.meta.root_names()
