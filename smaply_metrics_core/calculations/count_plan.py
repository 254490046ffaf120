"""What a query counts, said as Polars expressions over one row for each response.

A million responses give few different combinations of the cells that a query looks at. So rows are
first counted by these cells as they are (``cell_counts``), and what they mean is worked out
for each combination, once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import and_, or_
from typing import Final, NamedTuple

import polars as pl

from smaply_metrics_core.models.query import (
    YEARS,
    Calculation,
    ExclusionReason,
    Filter,
    MetricQuery,
    Window,
)
from smaply_metrics_core.models.survey import Choice

NOT_ANSWERED: Final = "not_answered"
NOT_APPLICABLE: Final = "not_applicable"
UNREADABLE: Final = "unreadable"
UNDATED: Final = "undated"

EXCLUDED: Final = "excluded"
GROUP: Final = "group"
REASON: Final = "reason"
ANSWER: Final = "answer"
CHOSEN: Final = "chosen"
COUNT: Final = "count"
ROWS: Final = "\0rows"
"""How many rows a combination of cells stands for. No name that a column of a source has."""
KEYS: Final = (GROUP, REASON, ANSWER)

_INSIDE: Final = "inside"


@dataclass(frozen=True)
class TallyColumns:
    """Where a query finds what it counts, as Polars expressions over one row for each response.

    Each looks at its own row alone, and names the columns it reads.

    Attributes:
        recorded: When the response was recorded, a Datetime with a time zone. Null means unknown,
            and so does a year before 1900 or after 2199: it counts in an all-time window only.
        left_out: A ``ExclusionReason`` value as text, or null for a response that counts.
            Without it all responses count.
        answer: The answer as text: the key of a choice, or a number. Null or empty: no answer.
        answers: In place of ``answer`` where one response may give several: a Boolean for each key.
        number: The answer is a number; what cannot be read as one is unanswered, ``unreadable``.
            A decimal comma cannot be read: guessing would make a wrong number.
        unanswered: Why a row without an answer has none, as text; null: ``not_answered``.
        group: The key of the row's group as text, for a Series grouped by a question or a field;
            null or empty: no group.
        filters: For each ``(kind, of)`` that a filter names: its answer as text, or, where one
            response may give several, a Boolean for each key.
    """

    recorded: pl.Expr
    left_out: pl.Expr | None = None
    answer: pl.Expr | None = None
    answers: Mapping[str, pl.Expr] = field(default_factory=dict)
    number: bool = False
    unanswered: pl.Expr | None = None
    group: pl.Expr | None = None
    filters: Mapping[tuple[str, str], pl.Expr | Mapping[str, pl.Expr]] = field(default_factory=dict)


@dataclass(frozen=True)
class TallyRequest:
    """One query with what is needed to count it.

    Attributes:
        query: The query.
        columns: Where the rows hold what it asks about.
        choices: What the question offers, in order; empty for numbers and free text. Without
            choices and ``number`` the answers themselves are not kept, only how many there are:
            what people wrote must not reach the store.
        group_labels: The label of each group's key, in the order to show.
        notes: Remarks for people, handed on in the tally.
    """

    query: MetricQuery
    columns: TallyColumns
    choices: tuple[Choice, ...] = ()
    group_labels: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


class TimestampColumns:
    """What queries ask about when rows were recorded, which is different for nearly every row.

    It is worked out row by row, in columns of its own, once however many queries ask for it.
    """

    def __init__(self) -> None:
        self._names: dict[bytes, str] = {}
        # What one step makes the next one reads.
        self._steps: tuple[list[pl.Expr], ...] = ([], [], [])

    def recorded(self, expression: pl.Expr) -> pl.Expr:
        """Return the column of when rows were recorded; only ``derived`` may read it.

        Dates that no response can have, such as the year 1, are taken for unknown ones.
        """
        told = self._column(0, expression)
        return self._column(1, pl.when(told.dt.year().is_between(YEARS[0], YEARS[-1])).then(told))

    def derived(self, expression: pl.Expr) -> pl.Expr:
        """Return the column of something that follows from when rows were recorded."""
        return self._column(2, expression)

    def _column(self, step: int, expression: pl.Expr) -> pl.Expr:
        text = expression.meta.serialize()
        if text not in self._names:
            self._names[text] = f"\0{len(self._names)}"
            self._steps[step].append(expression.alias(self._names[text]))
        return pl.col(self._names[text])

    def sources(self) -> set[str]:
        """Name the columns of the rows that tell when these were recorded."""
        return {name for each in self._steps[0] for name in each.meta.root_names()}

    def add_to(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Add these columns to rows."""
        # Lazily: what an expression says twice, such as reading a date, is then done once.
        added = rows.lazy()
        for step in self._steps:
            added = added.with_columns(step)
        return added.collect()


class CountedRows(NamedTuple):
    """What one window of a query counted.

    Attributes:
        left_out: The rows that are left out: ``excluded`` (the reason) and ``count``.
        table: The rows that count, by group, reason and answer. The columns are ``group`` (text,
            or the local day for periods), ``reason`` (why there is no answer), ``answer`` (where
            one is given and kept) and ``count``; for several answers, a count for each in the
            columns that ``answer_column`` names, and for their share ``chosen``.
    """

    left_out: pl.DataFrame
    table: pl.DataFrame


@dataclass(frozen=True)
class CountPlan:
    """How one window of a query is counted.

    Attributes:
        inside: Whether a row is in the window and passes the filters.
        excluded: Why it is left out all the same; null when it counts.
        picked: What rows that count are counted by, by column name.
        flags: The columns of ``picked`` that are added up for each kind of row.
    """

    inside: pl.Expr
    excluded: pl.Expr
    picked: Mapping[str, pl.Expr]
    flags: tuple[str, ...] = ()

    @property
    def cells(self) -> frozenset[str]:
        """The columns that it looks at."""
        looking = (self.inside, self.excluded, *self.picked.values())
        return frozenset(name for each in looking for name in each.meta.root_names())

    def count(self, combinations: pl.DataFrame) -> CountedRows:
        """Work out what combinations of ``cells`` mean; each stands for ``ROWS`` rows."""
        # Frame by frame, since what the lazy engine does first takes longer than these few rows.
        read = combinations.select(
            self.inside.alias(_INSIDE),
            self.excluded.alias(EXCLUDED),
            pl.col(ROWS).alias(COUNT),
            **self.picked,
        ).filter(_INSIDE)
        flags = [pl.col(flag) * pl.col(COUNT) for flag in self.flags]
        left_out = read.filter(pl.col(EXCLUDED).is_not_null()).select(EXCLUDED, COUNT)
        table = read.filter(pl.col(EXCLUDED).is_null()).select(*self._keys, COUNT, *flags)
        return self._summed(left_out, table)

    def merge(self, counted: Sequence[CountedRows]) -> CountedRows:
        """Add up what was counted piece by piece."""
        return self._summed(
            pl.concat([each.left_out for each in counted]),
            pl.concat([each.table for each in counted]),
        )

    def _summed(self, left_out: pl.DataFrame, table: pl.DataFrame) -> CountedRows:
        return CountedRows(
            left_out.group_by(EXCLUDED).agg(pl.all().sum()),
            table.group_by(self._keys).agg(pl.all().sum()),
        )

    @property
    def _keys(self) -> list[str]:
        return [name for name in KEYS if name in self.picked]


def plan(request: TallyRequest, window: Window, moments: TimestampColumns) -> CountPlan:
    """Plan how one window of a query is counted.

    Raises:
        ValueError: when the columns lack what the query needs.
    """
    query, columns = request.query, request.columns
    excluded = _excluded(columns, query.definition.include)
    # Read in any case: a date that is none must be noticed whatever the window.
    recorded = moments.recorded(columns.recorded)
    inside = pl.lit(value=True)
    if window.start is not None or window.end is not None:
        within = moments.derived(_within(recorded, window))
        inside = within.fill_null(excluded.is_null())
        excluded = pl.when(within.is_null()).then(pl.lit(UNDATED)).otherwise(excluded)
    passes = [_passes(wanted, columns) for wanted in query.definition.filters]
    answer = _several(request) if columns.answers else _single(request)
    return CountPlan(
        inside=reduce(and_, passes, inside),
        excluded=excluded,
        picked={**_group(query, columns, recorded, moments), **answer},
        flags=tuple(name for name in answer if name not in KEYS),
    )


def answer_column(position: int) -> str:
    """Name the column that counts one of several answers, by its position in the request."""
    return f"{ANSWER}_{position}"


def _filled(text: pl.Expr) -> pl.Expr:
    return pl.when(text != "").then(text)


def _excluded(columns: TallyColumns, include: frozenset[ExclusionReason]) -> pl.Expr:
    if columns.left_out is None:
        return pl.lit(None, dtype=pl.String)
    reason = _filled(columns.left_out)
    return pl.when(~reason.is_in(sorted(include))).then(reason) if include else reason


def _within(recorded: pl.Expr, window: Window) -> pl.Expr:
    """Return whether rows are in a window; null when nobody knows."""
    sides = []
    if window.start is not None:
        sides.append(recorded >= pl.lit(window.start))
    if window.end is not None:
        sides.append(recorded < pl.lit(window.end))
    return reduce(and_, sides)


def _passes(wanted: Filter, columns: TallyColumns) -> pl.Expr:
    try:
        column = columns.filters[wanted.kind, wanted.of]
    except KeyError:
        raise ValueError(f"no column for the filter on {wanted.kind}:{wanted.of}") from None
    if isinstance(column, pl.Expr):
        found = column.is_in(wanted.values).fill_null(value=False)
    else:
        found = _any_of([column[key] for key in wanted.values if key in column])
    return ~found if wanted.exclude else found


def _any_of(flags: list[pl.Expr]) -> pl.Expr:
    return reduce(or_, (flag.fill_null(value=False) for flag in flags), pl.lit(value=False))


def _group(
    query: MetricQuery, columns: TallyColumns, recorded: pl.Expr, moments: TimestampColumns
) -> dict[str, pl.Expr]:
    group_by = query.definition.group_by
    if group_by is None or group_by.kind == "answer":
        return {}
    if group_by.kind == "period":
        return {GROUP: moments.derived(recorded.dt.convert_time_zone(query.zone).dt.date())}
    if columns.group is None:
        raise ValueError(f"no column for the group by {group_by}")
    return {GROUP: _filled(columns.group)}


def _why(columns: TallyColumns) -> pl.Expr:
    if columns.unanswered is None:
        return pl.lit(NOT_ANSWERED)
    return _filled(columns.unanswered).fill_null(NOT_ANSWERED)


def _single(request: TallyRequest) -> dict[str, pl.Expr]:
    columns = request.columns
    if columns.answer is None:
        if request.query.definition.question_id is not None:
            raise ValueError("no column for the answer")
        return {REASON: pl.lit(None, dtype=pl.String)}
    text = answer = _filled(columns.answer)
    if columns.number:
        text = _filled(columns.answer.str.strip_chars())
        # "inf" and "nan" are floats too, and no answers.
        parsed = text.cast(pl.Float64, strict=False)
        answer = pl.when(parsed.is_finite()).then(parsed)
    void = [choice.key for choice in request.choices if not choice.analyze]
    is_void = text.is_in(void) if void else pl.lit(value=False)
    reason = (
        pl.when(text.is_null())
        .then(_why(columns))
        .when(is_void)
        .then(pl.lit(NOT_APPLICABLE))
        .when(answer.is_null())
        .then(pl.lit(UNREADABLE))
    )
    if not (columns.number or request.choices):
        return {REASON: reason}
    return {REASON: reason, ANSWER: pl.when(~is_void).then(answer) if void else answer}


def _several(request: TallyRequest) -> dict[str, pl.Expr]:
    columns, definition = request.columns, request.query.definition
    void = {choice.key for choice in request.choices if not choice.analyze}
    flags = columns.answers
    reason = (
        pl.when(_any_of([flag for key, flag in flags.items() if key not in void]))
        .then(pl.lit(None, dtype=pl.String))
        .when(_any_of([flag for key, flag in flags.items() if key in void]))
        .then(pl.lit(NOT_APPLICABLE))
        .otherwise(_why(columns))
    )
    several = {
        answer_column(position): flag
        for position, (key, flag) in enumerate(flags.items())
        if key not in void
    }
    if definition.calculation is Calculation.SHARE:
        asked = [flags[key] for key in definition.answers if key in flags and key not in void]
        several[CHOSEN] = _any_of(asked)
    return {REASON: reason, **several}
