"""The scenario with several queries in one call, some of which cannot be answered."""

from __future__ import annotations

from typing import Final

from smaply_metrics_core.models.query import Calculation, GroupBy, MetricQuery
from smaply_metrics_core.testing.suite.lab import Answers, Lab
from smaply_metrics_core.testing.suite.queries import best_question, build_query, require_responses

POSSIBLE: Final = "possible"
REPEATED: Final = "possible, again"
UNKNOWN_QUESTION: Final = "an unknown question"
UNKNOWN_FIELD: Final = "an unknown field"
CALCULATION_NOT_ALLOWED: Final = "a calculation that is not allowed"


def batch(lab: Lab) -> tuple[tuple[MetricQuery, ...], Answers]:
    """Return the queries and the answers."""
    survey_id = lab.facts.survey_id
    require_responses(lab.questionnaire())
    question = best_question(lab.questionnaire())
    unknown = question.model_copy(update={"id": "no_such_question"})
    answered = Calculation.ANSWERED
    queries = [
        build_query(POSSIBLE, survey_id, calculation=answered, question=question),
        build_query(UNKNOWN_QUESTION, survey_id, calculation=answered, question=unknown),
        build_query(
            UNKNOWN_FIELD,
            survey_id,
            calculation=answered,
            question=question,
            group_by=GroupBy(kind="field", of="no such field"),
        ),
    ]
    for other in lab.questionnaire().walk():
        not_allowed = [name for name in Calculation if name not in other.calculations]
        if not_allowed:
            queries.append(
                build_query(
                    CALCULATION_NOT_ALLOWED,
                    survey_id,
                    calculation=not_allowed[0],
                    question=other,
                )
            )
            break
    # The errors must not affect the last query, which can be answered.
    queries.append(queries[0].model_copy(update={"id": REPEATED}))
    return tuple(queries), lab.fetch("batch", *queries)
