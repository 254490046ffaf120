"""Key parts: the expressions that a key is made of, and the columns that they read.

A key is an integer with one code in each of its slots. All rows with the same status, group, reason
and answer have the same key.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from enum import Enum

import polars as pl


class KeySlot(Enum):
    """The slots of a key, an integer of 63 bits. Each slot holds one code.

    Attributes:
        shift: The position of its lowest bit.
        factor: What a code is multiplied by to fill the slot.
        most: The largest code.
    """

    ANSWER = (0, 24)
    REASON = (24, 8)
    WEIGHT = (32, 3)
    GROUP = (35, 24)
    STATUS = (59, 4)

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
        named: The expression of each slot, by the slot's name.
        codes: The codes of its texts.
        roots: The names of the columns that the expressions read.
    """

    def __init__(self, columns: Mapping[KeySlot, pl.Expr]) -> None:
        self.named = {slot.name: text for slot, text in columns.items()}
        self.codes = {slot: TextCodes() for slot in columns}
        self.roots = roots_of(columns.values())

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

    def timestamp_sources(self) -> tuple[str, ...]:
        """Return the names of the columns that timestamps read."""
        return roots_of(self.timestamps[0].values())

    def flag_sources(self) -> list[str]:
        """Return the names of the columns that flags read, once for each flag."""
        return [name for flag in self.flags.values() for name in roots_of([flag])]


def roots_of(expressions: Iterable[pl.Expr]) -> tuple[str, ...]:
    """Return the names of the columns that expressions read."""
    return tuple(sorted({name for each in expressions for name in each.meta.root_names()}))
