"""Queries that are grouped by row: sources answer one query per row instead."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

from smaply_metrics_core.calculations.matrix_rows import (
    combine_rows,
    row_queries,
    row_questions,
)
from smaply_metrics_core.calculations.rules import check_definition
from smaply_metrics_core.errors import Cancelled, GroupingRefused, MetricsError
from smaply_metrics_core.models.query import Definition, MetricQuery, is_by_row
from smaply_metrics_core.models.survey import Questionnaire
from smaply_metrics_core.models.tally import Tally

RowsOfQueries: TypeAlias = Mapping[str, Mapping[str, str] | MetricsError]
"""The texts of the rows of each query that is grouped by row, or why it has none.

By the id of the query, then by the id of the row's question.
"""

Answers: TypeAlias = dict[str, Tally | MetricsError]


def current_rows(
    queries: Sequence[MetricQuery], load: Callable[[], Questionnaire]
) -> RowsOfQueries:
    """Return the rows of queries in the current survey.

    Args:
        queries: Any queries; those that are not grouped by row are ignored.
        load: Returns the survey; only called if a query needs it.

    Raises:
        Cancelled: when the caller cancelled the call.
    """
    by_row = [query for query in queries if is_by_row(query.definition.group_by)]
    if not by_row:
        return {}
    try:
        survey = load()
    except Cancelled:
        raise
    except MetricsError as error:
        return {query.id: error for query in by_row}
    return {query.id: _rows(query.definition, survey) for query in by_row}


def _rows(definition: Definition, questionnaire: Questionnaire) -> dict[str, str] | MetricsError:
    try:
        check_definition(definition, questionnaire)
        question = questionnaire.question(definition.question_id or "")
        rows = row_questions(definition, question)
        return {row.id: row.text or row.name or row.id for row in rows}
    except MetricsError as error:
        return error


def answer_by_row(
    queries: Sequence[MetricQuery],
    rows: RowsOfQueries,
    answer: Callable[[Sequence[MetricQuery]], Answers],
) -> Answers:
    """Return the answers to queries, of which some are grouped by row.

    Args:
        queries: The queries.
        rows: The rows of those that are grouped by row.
        answer: Answers queries that are not grouped by row, all in one call.
    """
    expanded = {query.id: tuple(_expanded(query, rows)) for query in queries}
    # All queries, since ``answer`` rejects two with the same id.
    found = answer([one for query in queries for one in expanded[query.id]])
    answers: Answers = {}
    for query in queries:
        parts = [found[one.id] for one in expanded[query.id]]
        known = rows.get(query.id, {})
        if not is_by_row(query.definition.group_by):
            (answers[query.id],) = parts
        elif isinstance(known, MetricsError):
            answers[query.id] = known
        else:
            answers[query.id] = _combined(query, known, parts)
    return answers


def _expanded(query: MetricQuery, rows: RowsOfQueries) -> Iterator[MetricQuery]:
    if not is_by_row(query.definition.group_by):
        yield query
        return
    known = rows.get(query.id, {})
    if not isinstance(known, MetricsError):
        yield from row_queries(query, known)


def _combined(
    query: MetricQuery, rows: Mapping[str, str], answers: Sequence[Tally | MetricsError]
) -> Tally | MetricsError:
    tallies = []
    for answer in answers:
        if isinstance(answer, MetricsError):
            return answer
        tallies.append(answer)
    if not tallies:
        return GroupingRefused(
            f"The rows of {query.definition.question_id} are unknown.",
            remedy="Refresh the metric, and download the data again.",
        )
    try:
        return combine_rows(rows, tallies)
    except MetricsError as error:
        return error
