"""What a query counts, said as Polars expressions over one row for each response."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import reduce
from operator import and_, or_
from typing import Final

import polars as pl

from smaply_metrics_core.models.query import Calculation, Filter, LeftOut, MetricQuery, Window
from smaply_metrics_core.models.survey import Choice
from smaply_metrics_core.periods import YEARS

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


@dataclass(frozen=True)
class Columns:
    """Where a query finds what it counts, as Polars expressions over one row for each response.

    Attributes:
        recorded: When the response was recorded, a Datetime with a time zone. Null means unknown,
            and so does a year before 1900 or after 2199: it counts in an all-time window only.
        left_out: A ``LeftOut`` value as text, or null for a response that counts. Without it all
            responses count.
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
    columns: Columns
    choices: tuple[Choice, ...] = ()
    group_labels: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


class Shared:
    """The expressions of all queries: each is computed once, however many queries use it."""

    def __init__(self) -> None:
        self._names: dict[bytes, str] = {}
        self._expressions: list[pl.Expr] = []

    def column(self, expression: pl.Expr) -> pl.Expr:
        """Give the column that will hold what an expression makes of each row."""
        text = expression.meta.serialize()
        if text not in self._names:
            self._names[text] = f"shared_{len(self._names)}"
            self._expressions.append(expression.alias(self._names[text]))
        return pl.col(self._names[text])

    def read(self, rows: pl.LazyFrame) -> pl.LazyFrame:
        """Read the rows: once, and only what is needed of them."""
        # Columns first, since a select of nothing but literals would make a single row.
        wanted = rows.with_columns(self._expressions).select(list(self._names.values()))
        return wanted.collect().lazy()


@dataclass(frozen=True)
class Plan:
    """How one window of a query is counted, once the shared columns have been read."""

    keep: pl.Expr
    picked: Mapping[str, pl.Expr]
    counts: Mapping[str, pl.Expr]

    def count(self, rows: pl.LazyFrame) -> pl.LazyFrame:
        """Say how many rows share their exclusion, group, reason and answer.

        The result has the columns named above: ``excluded`` (why the row is left out), ``group``
        (text, or the local day for periods), ``reason`` (why there is no answer), ``answer`` (only
        for one answer whose values are kept) and ``count``; for several answers a count for each,
        in the columns that ``answer_column`` names, and for their share ``chosen``.
        """
        keys = [name for name in (EXCLUDED, GROUP, REASON, ANSWER) if name in self.picked]
        picked = rows.filter(self.keep).with_columns(**self.picked)
        return picked.group_by(keys).agg(pl.len().alias(COUNT), **self.counts)


def plan(request: TallyRequest, window: Window, shared: Shared) -> Plan:
    """Plan how one window of a query is counted.

    Raises:
        ValueError: when the columns lack what the query needs.
    """
    query, columns = request.query, request.columns
    excluded = _excluded(columns, query.definition.include, shared)
    # Read in any case: without a column nobody knows how many rows there are.
    recorded = shared.column(_believable(columns.recorded))
    keep = pl.lit(value=True)
    if window.start is not None or window.end is not None:
        keep = _inside(recorded, window) | (recorded.is_null() & excluded.is_null())
        excluded = pl.when(recorded.is_null()).then(pl.lit(UNDATED)).otherwise(excluded)
    passes = [_passes(wanted, columns, shared) for wanted in query.definition.filters]
    answer = _several(request, shared) if columns.answers else _single(request, shared)
    flags = {name for name in answer if name not in {REASON, ANSWER}}
    return Plan(
        keep=reduce(and_, passes, keep),
        picked={EXCLUDED: excluded, **_group(query, columns, shared), **answer},
        counts={name: pl.col(name).sum() for name in flags},
    )


def answer_column(position: int) -> str:
    """Name the column that counts one of several answers, by its position in the request."""
    return f"{ANSWER}_{position}"


def _filled(text: pl.Expr) -> pl.Expr:
    return pl.when(text != "").then(text)


def _believable(recorded: pl.Expr) -> pl.Expr:
    """Take dates that no response can have, such as the year 1, for unknown ones."""
    return pl.when(recorded.dt.year().is_between(YEARS[0], YEARS[-1])).then(recorded)


def _excluded(columns: Columns, include: frozenset[LeftOut], shared: Shared) -> pl.Expr:
    if columns.left_out is None:
        return pl.lit(None, dtype=pl.String)
    reason = shared.column(_filled(columns.left_out))
    return pl.when(~reason.is_in(sorted(include))).then(reason) if include else reason


def _inside(recorded: pl.Expr, window: Window) -> pl.Expr:
    sides = []
    if window.start is not None:
        sides.append(recorded >= pl.lit(window.start))
    if window.end is not None:
        sides.append(recorded < pl.lit(window.end))
    return reduce(and_, sides).fill_null(value=False)


def _passes(wanted: Filter, columns: Columns, shared: Shared) -> pl.Expr:
    try:
        column = columns.filters[wanted.kind, wanted.of]
    except KeyError:
        raise ValueError(f"no column for the filter on {wanted.kind}:{wanted.of}") from None
    if isinstance(column, pl.Expr):
        found = shared.column(column).is_in(wanted.values).fill_null(value=False)
    else:
        found = _any_of([shared.column(column[key]) for key in wanted.values if key in column])
    return ~found if wanted.exclude else found


def _any_of(flags: list[pl.Expr]) -> pl.Expr:
    return reduce(or_, (flag.fill_null(value=False) for flag in flags), pl.lit(value=False))


def _group(query: MetricQuery, columns: Columns, shared: Shared) -> dict[str, pl.Expr]:
    group_by = query.definition.group_by
    if group_by is None or group_by.kind == "answer":
        return {}
    if group_by.kind == "period":
        local = _believable(columns.recorded).dt.convert_time_zone(query.zone)
        return {GROUP: shared.column(local.dt.date())}
    if columns.group is None:
        raise ValueError(f"no column for the group by {group_by}")
    return {GROUP: _filled(shared.column(columns.group))}


def _why(columns: Columns, shared: Shared) -> pl.Expr:
    if columns.unanswered is None:
        return pl.lit(NOT_ANSWERED)
    return _filled(shared.column(columns.unanswered)).fill_null(NOT_ANSWERED)


def _single(request: TallyRequest, shared: Shared) -> dict[str, pl.Expr]:
    columns = request.columns
    if columns.answer is None:
        if request.query.definition.question_id is not None:
            raise ValueError("no column for the answer")
        return {}
    text = answer = _filled(shared.column(columns.answer))
    if columns.number:
        text = _filled(shared.column(columns.answer.str.strip_chars()))
        # "inf" and "nan" are floats too, and no answers.
        parsed = text.cast(pl.Float64, strict=False)
        answer = pl.when(parsed.is_finite()).then(parsed)
    void = [choice.key for choice in request.choices if not choice.analyze]
    is_void = text.is_in(void) if void else pl.lit(value=False)
    reason = (
        pl.when(text.is_null())
        .then(_why(columns, shared))
        .when(is_void)
        .then(pl.lit(NOT_APPLICABLE))
        .when(answer.is_null())
        .then(pl.lit(UNREADABLE))
    )
    if not (columns.number or request.choices):
        return {REASON: reason}
    return {REASON: reason, ANSWER: pl.when(~is_void).then(answer) if void else answer}


def _several(request: TallyRequest, shared: Shared) -> dict[str, pl.Expr]:
    columns, definition = request.columns, request.query.definition
    void = {choice.key for choice in request.choices if not choice.analyze}
    flags = {key: shared.column(flag) for key, flag in columns.answers.items()}
    reason = (
        pl.when(_any_of([flag for key, flag in flags.items() if key not in void]))
        .then(pl.lit(None, dtype=pl.String))
        .when(_any_of([flag for key, flag in flags.items() if key in void]))
        .then(pl.lit(NOT_APPLICABLE))
        .otherwise(_why(columns, shared))
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
