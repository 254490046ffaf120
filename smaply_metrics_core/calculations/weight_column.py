"""The weights of rows: read once for each block, however many queries are weighted by them."""

from __future__ import annotations

from math import frexp
from typing import Final

import polars as pl

from smaply_metrics_core.calculations.key_parts import KeyPart, KeySlot, roots_of
from smaply_metrics_core.models.query import WeightReason
from smaply_metrics_core.models.survey import Question

REASONS: Final = (
    None,
    WeightReason.MISSING,
    WeightReason.UNREADABLE,
    WeightReason.ZERO,
    WeightReason.NEGATIVE,
)
"""Why a row has no weight, by the code in its key; ``None`` if it has one."""

LARGEST: Final = 1e100
"""Larger numbers, and numbers below its reciprocal, are unreadable: their squares would not fit."""

_BITS: Final = 108
"""The binary digits of a weight as an integer. The sum of 2**18 of them has less than 127."""

_SMALLEST_SHARE: Final = 2.0 ** (53 - _BITS)
"""A number that is smaller than this share of the largest one loses digits as an integer."""

MOST_WINDOWS: Final = 16
"""The rows of this many windows and filters are in memory at a time, 4 MB or less for each."""

KEY: Final = "key"
COUNT: Final = "count"
WEIGHT: Final = "weight"
SQUARE: Final = "square"


class WeightColumn:
    """What the rows of a plan are weighted by.

    Attributes:
        text: The weights as text.
        roots: The names of the columns that the expression reads.
    """

    def __init__(self, text: pl.Expr) -> None:
        self.text = text
        self.roots = roots_of([text])


class BlockWeights:
    """The weights of the rows of a block, which has up to 2**18 rows.

    Weights are added up as integers. Sums of floats would have rounding errors that grow with the
    rows, to 3e-12 for 2**17 equal weights, and would depend on the order of the rows. They are used
    only where an extreme weight, such as a time instead of a weight, makes the others too small.

    Args:
        texts: The weights as text.
    """

    def __init__(self, texts: pl.Series) -> None:
        numbers = texts.cast(pl.Float64, strict=False)
        self._codes: pl.Series | None = None
        if not (numbers.is_between(1 / LARGEST, LARGEST).all(ignore_nulls=False)):
            read = texts.alias(WEIGHT).to_frame().select(**_careful(pl.col(WEIGHT)))
            numbers, self._codes = read[WEIGHT], read[KEY]
        weights, self._weight = _as_integers(numbers)
        squares, self._square = _as_integers(numbers * numbers)
        self._frame = pl.DataFrame({WEIGHT: weights, SQUARE: squares})
        self._in_window: dict[KeyPart, tuple[pl.Series, pl.DataFrame]] = {}

    def count(self, keys: pl.Series, status: KeyPart) -> pl.DataFrame:
        """Count equal keys, and add up the weights and squared weights of their rows.

        A key also gets the code that says why a row has no weight. Keys without a status belong to
        rows of no window, or to filtered ones, and are dropped.

        Args:
            keys: The key of each row.
            status: The part of the keys that holds the status.
        """
        if status not in self._in_window:
            if len(self._in_window) == MOST_WINDOWS:
                del self._in_window[next(iter(self._in_window))]
            in_window = keys >= KeySlot.STATUS.factor
            self._in_window[status] = in_window, self._frame.filter(in_window)
        in_window, rows = self._in_window[status]
        coded = keys if self._codes is None else keys + self._codes
        counted = (
            rows.with_columns(coded.filter(in_window).alias(KEY))
            .lazy()
            .group_by(KEY)
            .agg(pl.len().alias(COUNT), pl.col(WEIGHT, SQUARE).sum())
            .collect()
        )
        # Scaled after the sums: an expression in `agg` is evaluated for each group.
        weights = counted[WEIGHT].cast(pl.Float64) * self._weight
        squares = counted[SQUARE].cast(pl.Float64) * self._square
        return pl.DataFrame([counted[KEY], counted[COUNT], weights, squares])


def _as_integers(numbers: pl.Series) -> tuple[pl.Series, float]:
    """Return numbers as integers, and what these have to be multiplied by.

    The numbers themselves are returned if a positive one would lose digits.
    """
    largest = numbers.max()
    exponent = frexp(largest)[1] - _BITS if isinstance(largest, float) else 0
    if numbers.is_between(0, 2.0**exponent / _SMALLEST_SHARE, closed="none").any():
        return numbers, 1.0
    return (numbers * 2.0**-exponent).cast(pl.Int128), 2.0**exponent


def _careful(text: pl.Expr) -> dict[str, pl.Expr]:
    """Return the weight of each row, 0 if it has none, and why as a code in the slot of a key."""
    number = text.str.strip_chars().cast(pl.Float64, strict=False)
    return {
        KEY: weight_codes(text),
        WEIGHT: pl.when(_readable(number) & (number > 0)).then(number).otherwise(0.0),
    }


def weight_codes(text: pl.Expr) -> pl.Expr:
    """Return why a row has no weight, as a code in its slot of a key; 0 if it has one."""
    cell = text.str.strip_chars()
    number = cell.cast(pl.Float64, strict=False)
    code = (
        pl.when(cell.is_null() | (cell == ""))
        .then(REASONS.index(WeightReason.MISSING))
        .when(~_readable(number).fill_null(value=False))
        .then(REASONS.index(WeightReason.UNREADABLE))
        .when(number == 0)
        .then(REASONS.index(WeightReason.ZERO))
        .when(number < 0)
        .then(REASONS.index(WeightReason.NEGATIVE))
        .otherwise(0)
    )
    return code.cast(pl.Int64) * KeySlot.WEIGHT.factor


def _readable(number: pl.Expr) -> pl.Expr:
    return (number == 0) | number.abs().is_between(1 / LARGEST, LARGEST)


def weight_text(cell: pl.Expr, question: Question) -> pl.Expr:
    """Return the answers to a question as weights: the values of its choices, or the numbers.

    A choice that does not count as an answer is no weight, and an unknown one is unreadable.
    """
    if not question.choices:
        return cell
    values = {
        choice.key: repr(choice.value)
        for choice in question.choices
        if choice.analyze and choice.value is not None
    }
    void = [choice.key for choice in question.choices if not choice.analyze]
    given = pl.when((cell != "") & ~cell.is_in(void)).then(cell)
    known = given.replace_strict(values, default=pl.lit("?"), return_dtype=pl.String)
    return pl.when(given.is_not_null()).then(known)
