"""Counting rows with Polars: how a source that has responses makes its tallies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import polars as pl

from smaply_metrics_core.calculations.count_plan import OutcomePart, Planner
from smaply_metrics_core.calculations.key_counts import KeyCounter, answer_table
from smaply_metrics_core.calculations.tally_request import TallyColumns, TallyRequest
from smaply_metrics_core.calculations.window_counts import AnswerTable, CountedWindow
from smaply_metrics_core.calculations.window_tallies import make_tally
from smaply_metrics_core.errors import MetricsError
from smaply_metrics_core.models.query import MetricQuery
from smaply_metrics_core.models.survey import Choice
from smaply_metrics_core.models.tally import Tally

__all__ = ["TallyBuilder", "TallyColumns", "TallyRequest", "tally", "tally_all"]

TEXTS: Final = (pl.String, pl.Categorical, pl.Enum, pl.Null)
"""The types of answers: text, or codes for few different texts."""


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
    """Count the rows of one query; ``TallyRequest`` explains the arguments.

    Raises:
        GroupingRefused: for more than 200 groups (5,000 periods), or nearly one per response.
        CalculationRefused: for a median, share or distribution of more than 10,000 different
            numbers, or if a question with choices holds free text.
        TypeError: if ``columns.recorded`` is not a Datetime with a time zone, or the answer is
            not text.
        ValueError: if the columns lack one that the query needs.
    """
    request = TallyRequest(query, columns, tuple(choices), group_labels or {}, tuple(notes))
    outcome = tally_all(frame, [request], as_of=as_of)[query.id]
    if isinstance(outcome, MetricsError):
        raise outcome
    return outcome


def tally_all(
    frame: pl.LazyFrame | pl.DataFrame, requests: Sequence[TallyRequest], *, as_of: datetime
) -> dict[str, Tally | MetricsError]:
    """Count the rows of many queries together.

    Args:
        frame: One row per response. A lazy frame is read during this call.
        requests: What to count. The ids of their queries are unique.
        as_of: When the rows were read (aware): the start of the download.

    Returns:
        By query id, the tally or the error that explains why there is none.

    Raises:
        TypeError: if ``recorded`` is not a Datetime with a time zone, or an answer is not text.
        ValueError: if two queries have the same id, or the columns lack one that a query needs.
    """
    builder = TallyBuilder(requests)
    if requests:
        rows = frame.lazy()
        wanted = [name for name in rows.collect_schema().names() if name in builder.columns]
        builder.add((rows.select(wanted) if wanted else rows).collect())
    return builder.tallies(as_of)


class TallyBuilder:
    """Counts rows that arrive in batches, for many queries together.

    Args:
        requests: What to count. The ids of their queries are unique.

    Attributes:
        columns: The names of the columns that the queries read.

    Raises:
        ValueError: if two queries have the same id, or the columns lack one that a query needs.
    """

    def __init__(self, requests: Sequence[TallyRequest]) -> None:
        if len({request.query.id for request in requests}) < len(requests):
            raise ValueError("two queries have one id")
        planner = Planner()
        self._requests = requests
        self._plans = [
            [(window, planner.plan(request, window)) for window in request.query.windows]
            for request in requests
        ]
        plans = [plan for windows in self._plans for _, plan in windows]
        self._counter = KeyCounter(plans, planner.derived)
        self._checked: pl.Schema | None = None
        self.columns = self._counter.columns

    def add(self, rows: pl.DataFrame) -> None:
        """Count some rows, one per response. All batches have the same columns.

        Text may be categorical, which is faster for columns of few different texts.

        Raises:
            TypeError: if ``recorded`` is not a Datetime with a time zone, or an answer is not
                text.
        """
        if rows.schema != self._checked:
            _check_types(rows, [request.columns for request in self._requests])
            self._checked = rows.schema
        self._counter.add(rows)

    def tallies(self, as_of: datetime) -> dict[str, Tally | MetricsError]:
        """Return, by query id, the tally or the error that explains why there is none.

        Raises:
            ValueError: if no rows were added, not even an empty frame.
        """
        tables: dict[tuple[OutcomePart, int], AnswerTable] = {}

        def table(outcome: OutcomePart, choices: tuple[Choice, ...]) -> AnswerTable:
            key = (outcome, id(choices))
            if key not in tables:
                tables[key] = answer_table(outcome, choices)
            return tables[key]

        outcomes: dict[str, Tally | MetricsError] = {}
        for request, plans in zip(self._requests, self._plans, strict=True):
            try:
                counted = [
                    CountedWindow(
                        window, self._counter.window(plan), table(plan.outcome, request.choices)
                    )
                    for window, plan in plans
                ]
                outcomes[request.query.id] = make_tally(request, counted, as_of)
            except MetricsError as error:
                outcomes[request.query.id] = error
        return outcomes


def _check_types(rows: pl.DataFrame, columns: Sequence[TallyColumns]) -> None:
    recorded = {id(one.recorded): one.recorded for one in columns}
    answers = {id(one.answer): one.answer for one in columns if one.answer is not None}
    expressions = [*recorded.values(), *answers.values()]
    named = {str(place): expression for place, expression in enumerate(expressions)}
    types = rows.lazy().select(**named).collect_schema().dtypes()
    for dtype in types[: len(recorded)]:
        if not isinstance(dtype, pl.Datetime) or dtype.time_zone is None:
            raise TypeError(f"recorded is {dtype}, not a Datetime with a time zone")
    for dtype in types[len(recorded) :]:
        if dtype.base_type() not in TEXTS:
            raise TypeError(f"the answer is {dtype}, not text: cast it to pl.String")
