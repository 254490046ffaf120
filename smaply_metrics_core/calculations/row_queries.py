"""Queries answered from rows in one call, for a source that reads every question by one rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from smaply_metrics_core.calculations.rules import check_definition
from smaply_metrics_core.calculations.tally_builder import TallyColumns, TallyRequest, tally_all
from smaply_metrics_core.errors import MetricsError
from smaply_metrics_core.models.query import MetricQuery
from smaply_metrics_core.models.survey import Question, QuestionKind, Questionnaire
from smaply_metrics_core.models.tally import Tally

AnswerExpr = pl.Expr | Mapping[str, pl.Expr]
"""One answer as text, or, where one response may give several, a Boolean for each key."""


@dataclass(frozen=True)
class RowReader:
    """How a source's rows are read, whatever is asked.

    Attributes:
        recorded: When the response was recorded; as in ``Columns``.
        answer: Gives a question's answer.
        field: Gives the value of an embedded field as text.
        left_out: Why a response is left out; as in ``Columns``.
    """

    recorded: pl.Expr
    answer: Callable[[Question], AnswerExpr]
    field: Callable[[str], pl.Expr]
    left_out: pl.Expr | None = None


def answer_queries(
    frame: pl.LazyFrame | pl.DataFrame,
    queries: Sequence[MetricQuery],
    questionnaire: Questionnaire,
    reading: RowReader,
    *,
    as_of: datetime,
) -> Iterator[tuple[str, Tally | MetricsError]]:
    """Check queries against the survey and count those that fit it, together.

    Args:
        frame: One row for each response.
        queries: What is asked; their ids are unique.
        questionnaire: The survey as it is now.
        reading: How the rows are read.
        as_of: When the rows were read (aware): the start of the download.

    Yields:
        Each query's id with its tally, or with the error that says why there is none.

    Raises:
        TypeError: when ``reading.recorded`` is no Datetime with a time zone, or a query is grouped
            by a question that takes several answers.
    """
    requests = []
    for query in queries:
        try:
            check_definition(query.definition, questionnaire)
        except MetricsError as error:
            yield query.id, error
        else:
            requests.append(_request(query, questionnaire, reading))
    yield from tally_all(frame, requests, as_of=as_of).items()


def _request(query: MetricQuery, questionnaire: Questionnaire, reading: RowReader) -> TallyRequest:
    definition, group_by = query.definition, query.definition.group_by

    def column(kind: str, of: str) -> AnswerExpr:
        return reading.field(of) if kind == "field" else reading.answer(questionnaire.question(of))

    question, given = None, None
    if definition.question_id is not None:
        question = questionnaire.question(definition.question_id)
        given = reading.answer(question)
    group, labels = None, {}
    if group_by is not None and group_by.kind in {"question", "field"}:
        group = column(group_by.kind, group_by.of)
    if group_by is not None and group_by.kind == "question":
        offered = questionnaire.question(group_by.of).choices
        labels = {choice.key: choice.label for choice in offered}
    if isinstance(group, Mapping):
        raise TypeError(f"{group_by} takes several answers, so it cannot be grouped by")
    return TallyRequest(
        query=query,
        columns=TallyColumns(
            recorded=reading.recorded,
            left_out=reading.left_out,
            answer=given if isinstance(given, pl.Expr) else None,
            answers=given if isinstance(given, Mapping) else {},
            number=question is not None and question.kind is QuestionKind.NUMBER,
            group=group,
            filters={
                (each.kind, each.of): column(each.kind, each.of) for each in definition.filters
            },
        ),
        choices=question.choices if question is not None else (),
        group_labels=labels,
        notes=questionnaire.notes,
    )
