"""Contract tests of calls with several queries, of which some cannot be answered."""

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
from smaply_metrics_core.models.tally import Tally
from smaply_metrics_core.testing.assertions import broken, expect
from smaply_metrics_core.testing.suite.scenarios.batch import (
    CALCULATION_NOT_ALLOWED,
    POSSIBLE,
    REPEATED,
    UNKNOWN_FIELD,
    UNKNOWN_QUESTION,
    batch,
)
from smaply_metrics_core.testing.suite.subject import ContractSubject

ERRORS_OF_OTHERS: Final[Mapping[str, tuple[type[MetricsError], ...]]] = {
    UNKNOWN_QUESTION: (CalculationRefused, GroupingRefused),
    UNKNOWN_FIELD: (CalculationRefused,),
    CALCULATION_NOT_ALLOWED: (QuestionUnavailable, GroupingRefused),
}
"""The errors that each of these queries can only have from another query."""


class BatchTests(ContractSubject):
    """Several queries in one call."""

    def test_an_impossible_query_leaves_its_siblings_alone(self) -> None:
        """A query that cannot be answered has an error of its own, and the others are answered."""
        queries, answers = batch(self.lab)
        first, repeated = answers[POSSIBLE], answers[REPEATED]
        expect(
            isinstance(first, Tally),
            "A query that can be answered is not, beside others that cannot.",
            "catch the error of each query and yield it with the query's id",
        )
        expect(
            isinstance(repeated, Tally)
            and isinstance(first, Tally)
            and repeated.windows == first.windows,
            "A query that is asked twice, under two ids, is not answered alike both times.",
            "answer each query under its own id: two metrics may ask for the same",
        )
        for query in queries:
            if query.id not in {POSSIBLE, REPEATED}:
                _check_error(query.id, answers[query.id])
        expect(
            str(answers[UNKNOWN_QUESTION]) != str(answers[UNKNOWN_FIELD]),
            f"Two queries that fail for different reasons are told the same: "
            f"{answers[UNKNOWN_QUESTION]}",
            "give each query the error that it met itself",
        )


def _check_error(name: str, answer: Tally | MetricsError) -> None:
    """Check that a query has an error of its own, with a remedy."""
    if isinstance(answer, Tally | PluginError):
        answered = answer.message if isinstance(answer, PluginError) else "an answer"
        raise broken(
            f"The query “{name}” is answered, or ends as a bug of the source: {answered}",
            "check it with calculations.check_definition, and yield the error",
        )
    problem = answer.to_problem()
    expect(
        problem.issue in {None, Issue.DATA}
        and not isinstance(answer, ERRORS_OF_OTHERS.get(name, ())),
        f"The query “{name}” is told as {problem.kind}, issue {problem.issue}.",
        "give each query the error that it met itself, which blames neither the way to the "
        "survey tool nor the credential",
    )
    expect(
        problem.remedy.strip(),
        f"The error of the query “{name}” has no remedy.",
        "say what to choose instead",
    )
