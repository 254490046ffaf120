"""Contract tests: several queries in one call, of which some cannot be answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from smaply_metrics_core.errors import (
    CalculationRefused,
    GroupingRefused,
    MetricsError,
    PluginError,
    QuestionUnavailable,
)
from smaply_metrics_core.models.problem import Issue
from smaply_metrics_core.models.query import Calculation, GroupBy, MetricQuery
from smaply_metrics_core.models.tally import Tally
from smaply_metrics_core.testing.assertions import broken, expect
from smaply_metrics_core.testing.suite.queries import ask, best_question
from smaply_metrics_core.testing.suite.subjects.tallies import Answers, TallyTests

POSSIBLE: Final = "possible"
TWIN: Final = "possible, again"
GONE: Final = "a question that is gone"
NO_FIELD: Final = "a field that is not there"
NOT_ALLOWED: Final = "a calculation that is not allowed"

OF_ANOTHER: Final[Mapping[str, tuple[type[MetricsError], ...]]] = {
    GONE: (CalculationRefused, GroupingRefused),
    NO_FIELD: (CalculationRefused,),
    NOT_ALLOWED: (QuestionUnavailable, GroupingRefused),
}
"""The errors that each of these queries can only have from another one."""


class BatchTests(TallyTests):
    """Queries side by side."""

    def test_an_impossible_query_leaves_its_siblings_alone(self) -> None:
        """A query that cannot be answered gets its own error, with a remedy; the others theirs."""
        asked, answers = self._batch()
        first, twin = answers[POSSIBLE], answers[TWIN]
        expect(
            isinstance(first, Tally),
            "A query that can be answered is not, beside others that cannot.",
            "catch the error of each query and yield it with the query's id",
        )
        expect(
            isinstance(twin, Tally) and isinstance(first, Tally) and twin.windows == first.windows,
            "A query that is asked twice, under two ids, is not answered alike both times.",
            "answer each query under its own id: two metrics may ask for the same",
        )
        for query in asked:
            if query.id not in {POSSIBLE, TWIN}:
                self._check_error(query.id, answers[query.id])
        expect(
            str(answers[GONE]) != str(answers[NO_FIELD]),
            f"Two queries that fail for different reasons are told the same: {answers[GONE]}",
            "give each query the error that it met itself",
        )

    @staticmethod
    def _check_error(name: str, answer: Tally | MetricsError) -> None:
        if isinstance(answer, Tally | PluginError):
            answered = answer.message if isinstance(answer, PluginError) else "an answer"
            raise broken(
                f"The query “{name}” is answered, or ends as a bug of the source: {answered}",
                "check it with calculations.definitions.check_definition, and yield the error",
            )
        told = answer.to_problem()
        expect(
            told.issue in {None, Issue.DATA} and not isinstance(answer, OF_ANOTHER.get(name, ())),
            f"The query “{name}” is told as {told.kind}, issue {told.issue}.",
            "give each query the error that it met itself, which blames neither the way to the "
            "survey tool nor the credential",
        )
        expect(
            told.remedy.strip(),
            f"The error of the query “{name}” has no remedy.",
            "say what to choose instead",
        )

    def _batch(self) -> tuple[tuple[MetricQuery, ...], Answers]:
        question = best_question(self.questionnaire())
        gone = question.model_copy(update={"id": "no_such_question"})
        answered = Calculation.ANSWERED
        queries = [
            ask(POSSIBLE, self.survey_id, calculation=answered, question=question),
            ask(GONE, self.survey_id, calculation=answered, question=gone),
            ask(
                NO_FIELD,
                self.survey_id,
                calculation=answered,
                question=question,
                group_by=GroupBy(kind="field", of="no such field"),
            ),
        ]
        for other in self.questionnaire().walk():
            refused = [name for name in Calculation if name not in other.calculations]
            if refused:
                queries.append(
                    ask(NOT_ALLOWED, self.survey_id, calculation=refused[0], question=other)
                )
                break
        # The last one may be answered: what went wrong before it does not decide about it.
        queries.append(queries[0].model_copy(update={"id": TWIN}))
        return tuple(queries), self.fetch("batch", *queries)
