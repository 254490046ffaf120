"""Contract tests of calls with several queries, some of which cannot be answered."""

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
"""The errors that a query can only have because of another query."""


class BatchTests(ContractSubject):
    """Several queries in one call."""

    def test_an_impossible_query_leaves_its_siblings_alone(self) -> None:
        """A query that cannot be answered has its own error, and the others are answered."""
        queries, answers = batch(self.lab)
        first, repeated = answers[POSSIBLE], answers[REPEATED]
        expect(
            isinstance(first, Tally),
            "A query that can be answered fails in one call with others that cannot.",
            "catch the error of each query and yield it with the query's id",
        )
        expect(
            isinstance(repeated, Tally)
            and isinstance(first, Tally)
            and repeated.windows == first.windows,
            "Two equal queries with different ids have different answers.",
            "answer each query under its own id; two metrics may have the same definition",
        )
        for query in queries:
            if query.id not in {POSSIBLE, REPEATED}:
                _check_error(query.id, answers[query.id])
        expect(
            str(answers[UNKNOWN_QUESTION]) != str(answers[UNKNOWN_FIELD]),
            f"Two queries that fail for different reasons have the same error: "
            f"{answers[UNKNOWN_QUESTION]}",
            "yield each query's own error",
        )


def _check_error(name: str, answer: Tally | MetricsError) -> None:
    """Check that a query has its own error with a remedy."""
    if isinstance(answer, Tally | PluginError):
        answered = answer.message if isinstance(answer, PluginError) else "a tally"
        raise broken(
            f"The query “{name}” is answered, or fails because of a bug: {answered}",
            "validate it with calculations.check_definition, and yield the error",
        )
    problem = answer.to_problem()
    expect(
        problem.issue in {None, Issue.DATA}
        and not isinstance(answer, ERRORS_OF_OTHERS.get(name, ())),
        f"The query “{name}” fails with {problem.kind}, issue {problem.issue}.",
        "yield each query's own error, which blames neither the network nor the credentials",
    )
    expect(
        problem.remedy.strip(),
        f"The error of the query “{name}” has no remedy.",
        "add a remedy that says what to choose instead",
    )
