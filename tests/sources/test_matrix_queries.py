"""Queries that are grouped by row reach a source as one query per row, in the same call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from smaply_metrics_core.calculations.rules import allowed_calculations
from smaply_metrics_core.context import SourceContext
from smaply_metrics_core.errors import (
    Cancelled,
    InputError,
    MetricsError,
    QuestionUnavailable,
    SurveyUnavailable,
)
from smaply_metrics_core.models.query import (
    Calculation,
    Definition,
    GroupBy,
    MetricQuery,
    MetricType,
)
from smaply_metrics_core.models.survey import Question, QuestionKind, Questionnaire, Survey
from smaply_metrics_core.models.tally import Tally
from smaply_metrics_core.sources.matrix_queries import answer_by_row, current_rows

from .conftest import FakeClock, Opens, ask, tally


def matrix(*rows: str) -> Questionnaire:
    """Return a survey with a matrix of these rows."""
    parts = tuple(
        Question(
            id=row,
            text=f"Row {row}",
            kind=QuestionKind.NUMBER,
            calculations=allowed_calculations(QuestionKind.NUMBER),
        )
        for row in rows
    )
    whole = Question(id="m", text="All", kind=QuestionKind.GROUP, sub_questions=parts)
    return Questionnaire(survey=Survey(id="s1", name="First"), questions=(whole,))


def by_row(query_id: str, question_id: str = "m") -> MetricQuery:
    """Return a query for the average of all rows."""
    definition = Definition(
        type=MetricType.SERIES,
        survey_id="s1",
        question_id=question_id,
        calculation=Calculation.AVERAGE,
        group_by=GroupBy(kind="row"),
    )
    return MetricQuery(id=query_id, definition=definition)


class Tool:
    """A survey tool with a matrix that records what its source is asked."""

    def __init__(self, opened: Opens, clock: FakeClock) -> None:
        self.listed: list[str] = []
        self.fetched: list[list[str | None]] = []
        self.survey: Questionnaire | MetricsError = matrix("m_2", "m_1")
        self.missing = ""
        self._opened = opened
        self._clock = clock

    def fetch(self, queries: Sequence[MetricQuery], **options: Any) -> dict[str, Any]:  # noqa: ANN401
        """Return what a session answers."""
        tool = self

        def list_questions(self: object, survey_id: str) -> Questionnaire:
            tool.listed.append(survey_id)
            if isinstance(tool.survey, MetricsError):
                raise tool.survey
            return tool.survey

        def fetch_metric(
            self: object, context: SourceContext, queries: Sequence[MetricQuery]
        ) -> Iterator[tuple[str, Tally | MetricsError]]:
            tool.fetched.append([one.definition.question_id for one in queries])
            for one in queries:
                assert one.definition.group_by is None
                gone = one.definition.question_id == tool.missing
                yield (
                    one.id,
                    QuestionUnavailable("It is gone.") if gone else tally(at=context.now()),
                )

        with self._opened(list_questions=list_questions, fetch_metric=fetch_metric) as session:
            return session.fetch("s1", queries, **options)


@pytest.fixture
def tool(opened: Opens, clock: FakeClock) -> Tool:
    """A survey tool with a matrix."""
    return Tool(opened, clock)


def test_one_call_answers_all_rows_and_other_queries(tool: Tool) -> None:
    """In the order of the questionnaire, with the texts of the rows."""
    found = tool.fetch([ask("a"), by_row("b"), ask("c")])
    assert list(found) == ["a", "b", "c"]
    groups = found["b"].windows[0].groups
    assert [(one.key, one.label) for one in groups] == [("m_2", "Row m_2"), ("m_1", "Row m_1")]
    assert tool.fetched == [[None, "m_2", "m_1", None]]
    assert tool.listed == ["s1"]


def test_questions_are_only_listed_if_they_are_needed(tool: Tool) -> None:
    """Not without such a query, and not if the caller knows them."""
    tool.fetch([ask("a")])
    tool.fetch([by_row("b")], questionnaire=matrix("m_1"))
    assert tool.listed == []
    assert tool.fetched == [[None], ["m_1"]]


def test_a_deleted_row_is_not_requested(tool: Tool) -> None:
    """The rows are those of the current survey."""
    tool.survey = matrix("m_1")
    (group,) = tool.fetch([by_row("b")])["b"].windows[0].groups
    assert group.key == "m_1"


@pytest.mark.parametrize("question_id", ["m", "gone", "m_1"])
def test_an_error_is_that_of_its_own_query(tool: Tool, question_id: str) -> None:
    """A row that cannot be answered, a matrix that was deleted, and a question without rows."""
    tool.missing = "m_1"
    found = tool.fetch([by_row("b", question_id), ask("c")])
    assert isinstance(found["b"], MetricsError)
    assert isinstance(found["c"], Tally)


def test_without_questions_only_queries_by_row_fail(tool: Tool) -> None:
    """The other queries are answered."""
    tool.survey = SurveyUnavailable("There is no such survey.")
    found = tool.fetch([ask("a"), by_row("b"), by_row("c")])
    assert isinstance(found["a"], Tally)
    assert type(found["b"]) is type(found["c"]) is SurveyUnavailable
    assert tool.listed == ["s1"]


def test_a_cancellation_ends_the_call() -> None:
    """It is no error of a query."""

    def load() -> Questionnaire:
        raise Cancelled("Cancelled.")

    with pytest.raises(Cancelled):
        current_rows([by_row("b")], load)


def test_two_queries_with_one_id_are_rejected(tool: Tool) -> None:
    """As for other queries."""
    with pytest.raises(InputError):
        tool.fetch([by_row("b"), by_row("b")])


def test_rows_that_are_unknown_are_an_error() -> None:
    """A debug bundle contains the rows only with the stored value."""
    found = answer_by_row([by_row("b")], {}, lambda _: {})
    error = found["b"]
    assert isinstance(error, MetricsError)
    assert "unknown" in error.message
