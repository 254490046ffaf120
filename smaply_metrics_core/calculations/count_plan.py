"""The plan of a count: for each window of a query, the Polars expressions that it counts rows by.

Equal expressions are one ``KeyPart``, and equal plans are one plan, however many queries need them.
``row_codes`` evaluates the parts, ``key_counts`` counts the keys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import reduce
from operator import and_, or_
from typing import Final, NamedTuple

import polars as pl

from smaply_metrics_core.calculations.catalog import UNREADABLE
from smaply_metrics_core.calculations.decimal_keys import number_key
from smaply_metrics_core.calculations.key_parts import DerivedColumns, KeyPart, KeySlot
from smaply_metrics_core.calculations.tally_request import TallyColumns, TallyRequest
from smaply_metrics_core.calculations.weight_column import WeightColumn
from smaply_metrics_core.calculations.window_counts import NOT_ANSWERED, NOT_APPLICABLE, UNDATED
from smaply_metrics_core.models.query import (
    YEARS,
    ExclusionReason,
    Filter,
    Period,
    Window,
)

COUNTED: Final = ""
"""The status of a row that counts. Exclusion reasons are the others; null is outside the window."""

_WORD: Final = 60
"""How many of several answers one integer holds, as bits."""


class OutcomePart(KeyPart):
    """The part of a key that holds the answer of a row, or why it has none.

    Attributes:
        read: Returns the answer keys that the text of a row stands for.
        several: The keys of a question that takes several answers: each is counted, even with 0.
    """

    def __init__(
        self,
        columns: Mapping[KeySlot, pl.Expr],
        read: Callable[[str], tuple[str, ...]],
        several: tuple[str, ...] = (),
    ) -> None:
        super().__init__(columns)
        self.read = read
        self.several = several


class CountPlan(NamedTuple):
    """The parts of the key that one window of a query is counted by.

    Attributes:
        status: ``COUNTED``, the reason why a row is excluded, or null outside the window.
        group: The group of a row; ``None`` for queries without groups.
        outcome: The answer of a row, or why it has none.
        weight: The weight of a row; ``None`` for queries without weights.
    """

    status: KeyPart
    group: KeyPart | None
    outcome: OutcomePart
    weight: WeightColumn | None = None

    def parts(self) -> list[KeyPart]:
        """Return the parts of its key."""
        return [self.status, *([] if self.group is None else [self.group]), self.outcome]


class Planner:
    """Plans counts, and reuses the parts of earlier plans.

    Attributes:
        derived: The columns that the parts read in addition to those of the rows.
    """

    def __init__(self) -> None:
        self.derived = DerivedColumns()
        self._parts: dict[object, KeyPart] = {}
        self._outcomes: dict[object, OutcomePart] = {}
        self._weights: dict[int, WeightColumn] = {}
        self._ids: dict[int, tuple[pl.Expr, int]] = {}
        self._equal: dict[bytes, int] = {}

    def plan(self, request: TallyRequest, window: Window) -> CountPlan:
        """Plan the count of one window of a query.

        Raises:
            ValueError: if the columns lack one that the query needs.
        """
        columns = request.columns
        # Read by every query, so that a column of wrong dates is noticed whatever the window.
        recorded = self._recorded(columns.recorded)
        return CountPlan(
            self._status(request, window, recorded),
            self._group(request, recorded),
            self._several(request) if columns.answers else self._single(request),
            self._weight(request),
        )

    def _id(self, expression: pl.Expr | None) -> int:
        """Return a number that equal expressions share; 0 for ``None``."""
        if expression is None:
            return 0
        # Sources often pass one object many times: it is serialized only once.
        known = self._ids.get(id(expression))
        if known is None:
            number = self._equal.setdefault(expression.meta.serialize(), len(self._equal) + 1)
            known = self._ids[id(expression)] = (expression, number)
        return known[1]

    def _recorded(self, expression: pl.Expr) -> pl.Expr:
        """Return the column of plausible dates; others, such as the year 1, are null."""
        number = self._id(expression)
        recorded = self.derived.timestamp(0, ("recorded", number), lambda: expression)
        return self.derived.timestamp(
            1,
            ("plausible", number),
            lambda: pl.when(recorded.dt.year().is_between(YEARS[0], YEARS[-1])).then(recorded),
        )

    def _status(self, request: TallyRequest, window: Window, recorded: pl.Expr) -> KeyPart:
        columns, include = request.columns, request.query.definition.include
        passes = [self._passes(wanted, columns) for wanted in request.query.definition.filters]
        names = tuple(flag.meta.output_name() for flag in passes)
        span = (self._id(columns.recorded), window.start, window.end) if _bounded(window) else None
        key = ("status", self._id(columns.left_out), include, span, names)
        if key not in self._parts:
            excluded = _excluded(columns.left_out, include)
            inside = pl.lit(value=True)
            if span is not None:
                within = self.derived.timestamp(2, span, lambda: _within(recorded, window))
                # A row without a date is reported once: as undated, or as excluded.
                inside = within.fill_null(excluded.is_null())
                excluded = pl.when(within.is_null()).then(pl.lit(UNDATED)).otherwise(excluded)
            status = pl.when(reduce(and_, passes, inside)).then(excluded.fill_null(COUNTED))
            self._parts[key] = KeyPart({KeySlot.STATUS: status})
        return self._parts[key]

    def _passes(self, wanted: Filter, columns: TallyColumns) -> pl.Expr:
        """Return the column of whether a row passes a filter."""
        try:
            column = columns.filters[wanted.kind, wanted.of]
        except KeyError:
            raise ValueError(f"no column for the filter on {wanted.kind}:{wanted.of}") from None
        if isinstance(column, pl.Expr):
            key: object = (self._id(column), wanted.values)
            found = column.is_in(wanted.values).fill_null(value=False)
        else:
            flags = [column[value] for value in wanted.values if value in column]
            key = tuple(self._id(flag) for flag in flags)
            found = _any_of(flags)
        return self.derived.flag((key, wanted.exclude), ~found if wanted.exclude else found)

    def _group(self, request: TallyRequest, recorded: pl.Expr) -> KeyPart | None:
        query, columns = request.query, request.columns
        group_by = query.definition.group_by
        if group_by is None or group_by.kind == "answer":
            return None
        if group_by.kind == "period":
            zone, of = query.zone, (self._id(columns.recorded), query.zone)
            key: object = (*of, group_by.of, query.week_start)
            if key not in self._parts:
                day = self.derived.timestamp(2, of, lambda: _local_day(recorded, zone))
                start = _period_start(Period(group_by.of), day, query.week_start)
                self._parts[key] = KeyPart({KeySlot.GROUP: start.cast(pl.String)})
            return self._parts[key]
        if columns.group is None:
            raise ValueError(f"no column for the group by {group_by}")
        key = ("group", self._id(columns.group))
        if key not in self._parts:
            self._parts[key] = KeyPart({KeySlot.GROUP: _filled(columns.group)})
        return self._parts[key]

    def _weight(self, request: TallyRequest) -> WeightColumn | None:
        if request.query.definition.weight is None:
            return None
        text = request.columns.weight
        if text is None:
            raise ValueError(f"no column for the weight {request.query.definition.weight}")
        return self._weights.setdefault(self._id(text), WeightColumn(text))

    def _single(self, request: TallyRequest) -> OutcomePart:
        """Return the outcome of a question that takes one answer, or of no question."""
        columns = request.columns
        if columns.answer is None and request.query.definition.question_id is not None:
            raise ValueError("no column for the answer")
        void = tuple(choice.key for choice in request.choices if not choice.analyze)
        stored = columns.number or bool(request.choices)
        key = (self._id(columns.answer), self._id(columns.unanswered), columns.number, void, stored)
        if key not in self._outcomes:
            self._outcomes[key] = _single(columns, void, stored=stored)
        return self._outcomes[key]

    def _several(self, request: TallyRequest) -> OutcomePart:
        """Return the outcome of a question that takes several answers."""
        columns = request.columns
        void = tuple(choice.key for choice in request.choices if not choice.analyze)
        answers = tuple((key, self._id(flag)) for key, flag in columns.answers.items())
        key = (answers, self._id(columns.unanswered), void)
        if key not in self._outcomes:
            flags = {key: flag.fill_null(value=False) for key, flag in columns.answers.items()}
            self._outcomes[key] = _several(flags, void, _why(columns.unanswered))
        return self._outcomes[key]


def _bounded(window: Window) -> bool:
    return window.start is not None or window.end is not None


def _filled(text: pl.Expr) -> pl.Expr:
    return pl.when(text != "").then(text)


def _excluded(left_out: pl.Expr | None, include: frozenset[ExclusionReason]) -> pl.Expr:
    if left_out is None:
        return pl.lit(None, dtype=pl.String)
    reason = _filled(left_out)
    return pl.when(~reason.is_in(sorted(include))).then(reason) if include else reason


def _within(recorded: pl.Expr, window: Window) -> pl.Expr:
    """Return whether rows are in a window; null for rows without a date."""
    sides = []
    if window.start is not None:
        sides.append(recorded >= pl.lit(window.start))
    if window.end is not None:
        sides.append(recorded < pl.lit(window.end))
    return reduce(and_, sides)


def _local_day(recorded: pl.Expr, zone: str) -> pl.Expr:
    return recorded.dt.convert_time_zone(zone).dt.date()


def _any_of(flags: Iterable[pl.Expr]) -> pl.Expr:
    return reduce(or_, (flag.fill_null(value=False) for flag in flags), pl.lit(value=False))


def _period_start(period: Period, day: pl.Expr, week_start: int) -> pl.Expr:
    """Return the first day of the period of a day, as ``date_ranges.period_start`` does."""
    match period:
        case Period.DAY:
            return day
        case Period.WEEK:
            passed = (day.dt.weekday().cast(pl.Int32) - week_start + 7) % 7
            return day - pl.duration(days=passed)
        case Period.MONTH:
            return day.dt.truncate("1mo")
        case Period.QUARTER:
            return day.dt.truncate("1q")
        case Period.YEAR:
            return day.dt.truncate("1y")


def _why(unanswered: pl.Expr | None) -> pl.Expr:
    if unanswered is None:
        return pl.lit(NOT_ANSWERED)
    return _filled(unanswered).fill_null(NOT_ANSWERED)


def _single(columns: TallyColumns, void: tuple[str, ...], *, stored: bool) -> OutcomePart:
    if columns.answer is None:
        return OutcomePart({}, _one)
    text = answer = _filled(columns.answer)
    if columns.number:
        text = _filled(columns.answer.str.strip_chars())
        # Polars reads "inf" and "nan" as numbers too; they are not answers.
        parsed = text.cast(pl.Float64, strict=False)
        answer = pl.when(parsed.is_finite()).then(parsed)
    is_void = text.is_in(void) if void else pl.lit(value=False)
    reason = (
        pl.when(text.is_null())
        .then(_why(columns.unanswered))
        .when(is_void)
        .then(pl.lit(NOT_APPLICABLE))
        .when(answer.is_null())
        .then(pl.lit(UNREADABLE))
    )
    if not stored:
        return OutcomePart({KeySlot.REASON: reason}, _one)
    given = (pl.when(~is_void).then(answer) if void else answer).cast(pl.String)
    read = _number if columns.number else _one
    return OutcomePart({KeySlot.REASON: reason, KeySlot.ANSWER: given}, read)


def _one(text: str) -> tuple[str, ...]:
    return (text,)


def _number(text: str) -> tuple[str, ...]:
    return (number_key(float(text)),)


def _several(flags: Mapping[str, pl.Expr], void: tuple[str, ...], why: pl.Expr) -> OutcomePart:
    counted = {key: flag for key, flag in flags.items() if key not in void}
    given = _any_of(counted.values())
    reason = (
        pl.when(given)
        .then(pl.lit(None, dtype=pl.String))
        .when(_any_of(flag for key, flag in flags.items() if key in void))
        .then(pl.lit(NOT_APPLICABLE))
        .otherwise(why)
    )
    # The set of answers as text: each answer is a bit of an integer.
    words = [
        pl.sum_horizontal(flag.cast(pl.Int64) * 2**bit for bit, flag in enumerate(word))
        for word in _batched(list(counted.values()), _WORD)
    ]
    chosen = pl.concat_str(words, separator=" ") if words else pl.lit("0")
    keys = tuple(counted)

    def read(text: str) -> tuple[str, ...]:
        chosen = [int(word) for word in text.split()]
        return tuple(
            key for place, key in enumerate(keys) if chosen[place // _WORD] >> place % _WORD & 1
        )

    columns = {KeySlot.REASON: reason, KeySlot.ANSWER: pl.when(given).then(chosen)}
    return OutcomePart(columns, read, several=keys)


def _batched(items: Sequence[pl.Expr], size: int) -> Iterator[Sequence[pl.Expr]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
