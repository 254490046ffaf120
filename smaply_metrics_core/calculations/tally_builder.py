"""Counting rows with Polars: what a source that has responses makes its tallies with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import Enum, auto
from typing import Any, Final, NamedTuple

import polars as pl

from smaply_metrics_core.calculations.cell_counts import CellCounts
from smaply_metrics_core.calculations.count_plan import (
    ANSWER,
    CHOSEN,
    COUNT,
    EXCLUDED,
    GROUP,
    KEYS,
    REASON,
    UNDATED,
    CountedRows,
    TallyColumns,
    TallyRequest,
    TimestampColumns,
    answer_column,
    plan,
)
from smaply_metrics_core.calculations.decimal_keys import exact_sum, key_order, number_key, to_float
from smaply_metrics_core.date_ranges import MOST_PERIODS, period_key, period_label, period_start
from smaply_metrics_core.errors import CalculationRefused, GroupingRefused, MetricsError
from smaply_metrics_core.models.query import Calculation, MetricQuery, Period, Window
from smaply_metrics_core.models.survey import Choice
from smaply_metrics_core.models.tally import Counts, GroupCounts, Tally, Totals, WindowTally

__all__ = ["TallyBuilder", "TallyColumns", "TallyRequest", "tally", "tally_all"]

MOST_GROUPS: Final = 200
MOST_NUMBERS: Final = 10_000
MOST_UNKNOWN: Final = 200
"""Answers that no choice explains: more of them are free text, which must not be stored."""

FEW_GROUPS: Final = 20
"""Up to here a group may be one response: an identifier has more values than that."""

FROM_TOTALS: Final = frozenset(
    {Calculation.AVERAGE, Calculation.SUM, Calculation.MINIMUM, Calculation.MAXIMUM}
)
COUNTING: Final = frozenset({Calculation.RESPONSES, Calculation.ANSWERED})


def tally(  # noqa: PLR0913  # Three for each query, the others are named and optional.
    frame: pl.LazyFrame | pl.DataFrame,
    query: MetricQuery,
    columns: TallyColumns,
    *,
    as_of: datetime,
    choices: Sequence[Choice] = (),
    group_labels: Mapping[str, str] | None = None,
    notes: Sequence[str] = (),
) -> Tally:
    """Count the rows that one query asks about; ``TallyRequest`` explains the arguments.

    Raises:
        GroupingRefused: for more than 200 groups (5,000 periods), or nearly one for each response.
        CalculationRefused: for a median, share or distribution of more than 10,000 different
            numbers, or when a question with choices holds free text.
        TypeError: when ``columns.recorded`` is no Datetime with a time zone, or the answer no text.
        ValueError: when the columns lack what the query needs.
    """
    request = TallyRequest(query, columns, tuple(choices), group_labels or {}, tuple(notes))
    outcome = tally_all(frame, [request], as_of=as_of)[query.id]
    if isinstance(outcome, MetricsError):
        raise outcome
    return outcome


def tally_all(
    frame: pl.LazyFrame | pl.DataFrame, requests: Sequence[TallyRequest], *, as_of: datetime
) -> dict[str, Tally | MetricsError]:
    """Count the rows for many queries together: by query id, the tally or why there is none.

    Args:
        frame: One row for each response. A lazy one is read when this is called, not later.
        requests: What to count; the ids of their queries are unique.
        as_of: When the rows were read (aware): the start of the download.

    Raises:
        TypeError: when ``recorded`` is no Datetime with a time zone, or an answer no text.
        ValueError: when two queries have one id, or the columns lack what a query needs.
    """
    counting = TallyBuilder(requests)
    if requests:
        rows = frame.lazy()
        wanted = [name for name in rows.collect_schema().names() if name in counting.columns]
        counting.add((rows.select(wanted) if wanted else rows).collect())
    return counting.tallies(as_of)


class TallyBuilder:
    """Counts rows that come piece by piece, for many queries together.

    Args:
        requests: What to count; the ids of their queries are unique.

    Attributes:
        columns: What the queries read of the rows.

    Raises:
        ValueError: when two queries have one id, or the columns lack what a query needs.
    """

    def __init__(self, requests: Sequence[TallyRequest]) -> None:
        if len({request.query.id for request in requests}) < len(requests):
            raise ValueError("two queries have one id")
        moments = TimestampColumns()
        self._requests = requests
        self._plans = [
            [(window, plan(request, window, moments)) for window in request.query.windows]
            for request in requests
        ]
        self._cells = CellCounts([each for plans in self._plans for _, each in plans], moments)
        self.columns = self._cells.columns

    def add(self, rows: pl.DataFrame) -> None:
        """Count some rows, one for each response. All pieces have the same columns.

        Text may be categorical: where few cells repeat often, that is counted faster.

        Raises:
            TypeError: when ``recorded`` is no Datetime with a time zone, or an answer no text.
        """
        for request in self._requests:
            _check_types(rows.lazy(), request)
        self._cells.add(rows)

    def tallies(self, as_of: datetime) -> dict[str, Tally | MetricsError]:
        """Give, by query id, the tally or why there is none.

        Raises:
            ValueError: when no rows were added, not even an empty frame of them.
        """
        counted = iter(self._cells.counted() if self._requests else [])
        return {
            request.query.id: _outcome(
                request, [_CountedQuery.of(window, next(counted)) for window, _ in plans], as_of
            )
            for request, plans in zip(self._requests, self._plans, strict=True)
        }


TEXTS: Final = (pl.String, pl.Categorical, pl.Enum, pl.Null)
"""The types in which answers may come: text, or codes for few different texts."""


def _check_types(rows: pl.LazyFrame, request: TallyRequest) -> None:
    recorded, answer = request.columns.recorded, request.columns.answer
    asked = {"recorded": recorded} if answer is None else {"recorded": recorded, "answer": answer}
    types = rows.select(**asked).collect_schema()
    dtype = types["recorded"]
    if not isinstance(dtype, pl.Datetime) or dtype.time_zone is None:
        raise TypeError(f"recorded is {dtype}, not a Datetime with a time zone")
    if answer is not None and types["answer"].base_type() not in TEXTS:
        raise TypeError(f"the answer is {types['answer']}, not text: cast it to pl.String")


class _CountedQuery(NamedTuple):
    """The two counted tables of one window."""

    window: Window
    left_out: Mapping[str, int]
    table: pl.DataFrame

    @classmethod
    def of(cls, window: Window, counted: CountedRows) -> _CountedQuery:
        reasons = dict(counted.left_out.select(EXCLUDED, COUNT).iter_rows())
        return cls(window, reasons, counted.table)


def _outcome(
    request: TallyRequest, windows: Sequence[_CountedQuery], as_of: datetime
) -> Tally | MetricsError:
    # Each bounded window of a query has the same ones: they are in none of them.
    undated = max(each.left_out.get(UNDATED, 0) for each in windows)
    remark = f"Left out for want of a date, which only all time does without: {undated:,}."
    try:
        return Tally(
            windows=tuple(_window_tally(request, each) for each in windows),
            choices=request.choices,
            multiple=bool(request.columns.answers),
            as_of=as_of,
            notes=(*request.notes, remark) if undated else request.notes,
        )
    except MetricsError as error:
        return error


@dataclass
class _Count:
    """Counts that grow row by row of the counted table."""

    responses: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    chosen: int = 0

    def add(self, row: Mapping[str, Any], several: Mapping[str, str]) -> None:
        """Add one row; ``several`` says which column counts which of several answers."""
        n = row[COUNT]
        self.responses += n
        reason = row[REASON]
        if reason is not None:
            self.reasons[reason] += n
            return
        self.chosen += row.get(CHOSEN, 0)
        for column, key in several.items():
            self.answers[key] += row[column]
        answer = row.get(ANSWER)
        if answer is not None:
            self.answers[number_key(answer) if isinstance(answer, float) else answer] += n


def _window_tally(request: TallyRequest, counted: _CountedQuery) -> WindowTally:
    kept = counted.table
    group_by = request.query.definition.group_by
    period = Period(group_by.of) if group_by and group_by.kind == "period" else None
    if period:
        kept = _by_period(kept, period, request.query.week_start)
    elif GROUP in kept.columns:
        _check_groups(kept)
    several = {
        column: key
        for position, key in enumerate(request.columns.answers)
        if (column := answer_column(position)) in kept.columns
    }
    total = _Count()
    groups: dict[Any, _Count] = {}
    for row in kept.iter_rows(named=True):
        total.add(row, several)
        if row.get(GROUP) is not None:
            groups.setdefault(row[GROUP], _Count()).add(row, several)
    shape = _shape(request, total)
    named = _periods(period, groups) if period else _labelled(request, groups)
    grouped = sum(group.responses for group in groups.values())
    return WindowTally(
        window=counted.window.name,
        excluded={reason: n for reason, n in counted.left_out.items() if reason != UNDATED},
        total=_counts(request, total, shape),
        groups=tuple(
            GroupCounts(key=key, label=label, counts=_counts(request, count, shape))
            for key, label, count in named
        ),
        ungrouped=total.responses - grouped if GROUP in kept.columns else 0,
    )


def _by_period(kept: pl.DataFrame, period: Period, week_start: int) -> pl.DataFrame:
    """Turn the days of a counted table into the first days of their periods."""
    days = kept[GROUP].drop_nulls().unique()
    starts = [period_start(period, day, week_start) for day in days]
    keys = [name for name in KEYS if name in kept.columns]
    return (
        kept.with_columns(
            pl.col(GROUP).replace_strict(days, starts, default=None, return_dtype=pl.Date)
        )
        .group_by(keys)
        .agg(pl.all().sum())
    )


def _check_groups(kept: pl.DataFrame) -> None:
    """Refuse what looks like an identifier; the message shows none of its values."""
    grouped = kept.filter(pl.col(GROUP).is_not_null())
    groups, responses = grouped[GROUP].n_unique(), grouped[COUNT].sum()
    if groups > MOST_GROUPS:
        problem = f"It has more than {MOST_GROUPS} different values."
    elif groups > FEW_GROUPS and groups > responses / 2:
        problem = f"It has {groups} different values in {responses} responses: one for nearly each."
    else:
        return
    raise GroupingRefused(
        f"This cannot be grouped by. {problem}",
        remedy="Group by a question or field with few answers, such as a region or a channel.",
    )


def _periods(period: Period, groups: Mapping[date, _Count]) -> Iterable[tuple[str, str, _Count]]:
    if len(groups) > MOST_PERIODS:
        raise GroupingRefused(
            f"The responses spread over more than {MOST_PERIODS:,} periods.",
            remedy="Group by a longer period, or choose a shorter date range.",
        )
    for start in sorted(groups):
        yield period_key(period, start), period_label(period, start), groups[start]


def _labelled(
    request: TallyRequest, groups: Mapping[str, _Count]
) -> Iterable[tuple[str, str, _Count]]:
    """Order groups: a question's as its answers are offered, then by size; a field's by size."""
    labels = request.group_labels
    group_by = request.query.definition.group_by
    places: Mapping[str, int] = {}
    if group_by and group_by.kind == "question":
        places = {key: place for place, key in enumerate(labels)}
    for key in sorted(
        groups, key=lambda key: (places.get(key, len(places)), -groups[key].responses, key)
    ):
        yield key, labels.get(key, key), groups[key]


class _TallyShape(Enum):
    """What a tally tells about answers."""

    ANSWERS = auto()
    TOTALS = auto()
    NOTHING = auto()


def _shape(request: TallyRequest, total: _Count) -> _TallyShape:
    """Decide what to keep of the answers: too many different ones are not kept one by one."""
    definition = request.query.definition
    by_answer = definition.group_by is not None and definition.group_by.kind == "answer"
    if request.columns.number:
        too_many = len(total.answers) > MOST_NUMBERS
    else:
        known = {choice.key for choice in request.choices}
        too_many = len(total.answers.keys() - known) > MOST_UNKNOWN
    if not too_many:
        return _TallyShape.ANSWERS
    if definition.calculation in COUNTING and not by_answer:
        return _TallyShape.NOTHING
    if not request.columns.number:
        raise CalculationRefused(
            "The answers are free text: hardly any is one of the question's choices.",
            remedy="Count the responses or the answers instead.",
        )
    if definition.calculation in FROM_TOTALS:
        return _TallyShape.TOTALS
    raise CalculationRefused(
        f"There are more than {MOST_NUMBERS:,} different numbers among the answers.",
        remedy="Use the average, sum, minimum or maximum, or choose a shorter date range.",
    )


def _counts(request: TallyRequest, count: _Count, shape: _TallyShape) -> Counts:
    share_of_several = bool(request.columns.answers) and (
        request.query.definition.calculation is Calculation.SHARE
    )
    return Counts(
        responses=count.responses,
        answered=count.responses - count.reasons.total(),
        unanswered=count.reasons,
        answers=_in_order(request, count.answers) if shape is _TallyShape.ANSWERS else {},
        chosen=count.chosen if share_of_several else None,
        totals=_totals(count.answers) if shape is _TallyShape.TOTALS and count.answers else None,
    )


def _in_order(request: TallyRequest, answers: Mapping[str, int]) -> dict[str, int]:
    places = {choice.key: place for place, choice in enumerate(request.choices)}
    keys = sorted(answers, key=lambda key: (places.get(key, len(places)), *key_order(key)))
    return {key: answers[key] for key in keys}


def _totals(answers: Mapping[str, int]) -> Totals:
    numbers = [(Decimal(key), n) for key, n in answers.items()]
    return Totals(
        sum=to_float(exact_sum(numbers)),
        minimum=to_float(min(numbers)[0]),
        maximum=to_float(max(numbers)[0]),
    )
