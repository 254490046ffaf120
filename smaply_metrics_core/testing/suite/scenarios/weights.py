"""Queries whose weights are known: each question is weighted by its own answers."""

from __future__ import annotations

from collections.abc import Iterator

from smaply_metrics_core.calculations.rules import can_weight
from smaply_metrics_core.models.query import Calculation, MetricQuery, Weight
from smaply_metrics_core.models.survey import Question, Questionnaire
from smaply_metrics_core.testing.suite.queries import build_query


def weight_queries(questionnaire: Questionnaire) -> Iterator[tuple[Question, MetricQuery]]:
    """Yield a query for each question whose answers can be weights, if the source has weights."""
    if not questionnaire.can_weight:
        return
    for question in questionnaire.walk():
        if can_weight(question) and Calculation.AVERAGE in question.calculations:
            weight = Weight(kind="question", of=question.id)
            query = build_query(
                f"{question.id} weighted by itself",
                questionnaire.survey.id,
                calculation=Calculation.AVERAGE,
                question=question,
            )
            definition = query.definition.model_copy(update={"weight": weight})
            yield question, query.model_copy(update={"definition": definition})
