"""Queries answered from rows in one call, for a source that reads every question by one rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from smaply_metrics_core.calculations.rules import check_definition
from smaply_metrics_core.calculations.tally_builder import TallyColumns, TallyRequest, tally_all
from smaply_metrics_core.calculations.weight_column import weight_text
from smaply_metrics_core.errors import MetricsError
from smaply_metrics_core.models.query import MetricQuery, Weight
from smaply_metrics_core.models.survey import Question, QuestionKind, Questionnaire
from smaply_metrics_core.models.tally import Tally

AnswerExpr = pl.Expr | Mapping[str, pl.Expr]
"""An answer as text or, for a question that takes several answers, a Boolean per key."""


@dataclass(frozen=True)
class RowReader:
    """How a source reads its rows, the same for every query.

    Attributes:
        recorded: When the response was recorded, as in ``TallyColumns``.
        answer: Returns the answer to a question.
        field: Returns the value of an embedded field as text.
        left_out: Why a response is excluded, as in ``TallyColumns``.
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
    """Check queries against the survey, and count those that fit it together.

    Args:
        frame: One row for each response.
        queries: The queries. Their ids are unique.
        questionnaire: The current survey.
        reading: How to read the rows.
        as_of: When the rows were read (aware): the start of the download.

    Yields:
        The id of each query with its tally, or the error that explains why there is none.

    Raises:
        TypeError: if ``reading.recorded`` is not a Datetime with a time zone, or a query is
            grouped or weighted by a question that takes several answers.
    """
    requests = []
    builder = _RequestBuilder(questionnaire, reading)
    for query in queries:
        try:
            check_definition(query.definition, questionnaire)
        except MetricsError as error:
            yield query.id, error
        else:
            requests.append(builder.request(query))
    yield from tally_all(frame, requests, as_of=as_of).items()


class _RequestBuilder:
    """Builds the request of each query. Queries share the expressions of questions and fields."""

    def __init__(self, questionnaire: Questionnaire, reading: RowReader) -> None:
        self._reading = reading
        self._questionnaire = questionnaire
        # As ``Questionnaire.question`` does, the first of two with one id.
        self._questions = {one.id: one for one in reversed([*questionnaire.walk()])}
        self._columns: dict[tuple[str, str], AnswerExpr] = {}
        self._weights: dict[Weight, pl.Expr] = {}

    def request(self, query: MetricQuery) -> TallyRequest:
        """Return what to count for a query that fits the survey.

        Raises:
            TypeError: if it is grouped or weighted by a question that takes several answers.
        """
        definition, group_by = query.definition, query.definition.group_by
        question = answer = group = weight = None
        labels: dict[str, str] = {}
        if definition.question_id is not None:
            question = self._questions[definition.question_id]
            answer = self._column("question", question.id)
        if group_by is not None and group_by.kind in {"question", "field"}:
            group = self._column(group_by.kind, group_by.of)
        if group_by is not None and group_by.kind == "question":
            choices = self._questions[group_by.of].choices
            labels = {choice.key: choice.label for choice in choices}
        if definition.weight is not None:
            weight = self._weight(definition.weight)
        if isinstance(group, Mapping):
            raise TypeError(f"{group_by} takes several answers, so it cannot be grouped by")
        return TallyRequest(
            query=query,
            columns=TallyColumns(
                recorded=self._reading.recorded,
                left_out=self._reading.left_out,
                answer=answer if isinstance(answer, pl.Expr) else None,
                answers=answer if isinstance(answer, Mapping) else {},
                number=question is not None and question.kind is QuestionKind.NUMBER,
                group=group,
                filters={
                    (wanted.kind, wanted.of): self._column(wanted.kind, wanted.of)
                    for wanted in definition.filters
                },
                weight=weight,
            ),
            choices=question.choices if question is not None else (),
            group_labels=labels,
            notes=self._questionnaire.notes,
            question_text=self._questionnaire.wording(definition.question_id),
            question_routing=self._questionnaire.routing(definition.question_id),
            survey_modified=self._questionnaire.survey.last_modified,
        )

    def _weight(self, weight: Weight) -> pl.Expr:
        if weight not in self._weights:
            cell = self._column(weight.kind, weight.of)
            if isinstance(cell, Mapping):
                raise TypeError(f"{weight} takes several answers, so it cannot be a weight")
            asked = self._questions[weight.of] if weight.kind == "question" else None
            self._weights[weight] = cell if asked is None else weight_text(cell, asked)
        return self._weights[weight]

    def _column(self, kind: str, of: str) -> AnswerExpr:
        if (kind, of) not in self._columns:
            self._columns[kind, of] = (
                self._reading.field(of)
                if kind == "field"
                else self._reading.answer(self._questions[of])
            )
        return self._columns[kind, of]
