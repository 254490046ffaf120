"""Finds the successors of deleted questions, so that errors can suggest them.

A source may know nothing of a deleted question, so its name and text are stored with the metric.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from smaply_metrics_core.errors import Cancelled, MetricsError, QuestionUnavailable
from smaply_metrics_core.models.metric import Metric
from smaply_metrics_core.models.survey import Questionnaire
from smaply_metrics_core.models.tally import Tally
from smaply_metrics_core.sources.session import SourceSession


def find_replaced_questions(
    session: SourceSession,
    survey_id: str,
    metrics: Iterable[Metric],
    answers: Mapping[str, Tally | MetricsError],
) -> dict[str, Tally | MetricsError]:
    """Return the answers with better errors for deleted questions whose name is known.

    Args:
        session: Reads the current survey, only if a question was deleted.
        survey_id: The survey of all metrics.
        metrics: The metrics that were requested.
        answers: The source's answers, by metric.

    Raises:
        Cancelled: when the refresh was cancelled.
    """
    named = dict(answers)
    lost = [
        metric
        for metric in metrics
        if isinstance(answer := answers[metric.id], QuestionUnavailable) and not answer.fields
    ]
    if not lost:
        return named
    try:
        questionnaire = session.questions(survey_id)
    except Cancelled:
        raise
    except MetricsError:
        return named  # Keep the errors of the source.
    for metric in lost:
        named[metric.id] = _gone(metric, questionnaire) or named[metric.id]
    return named


def _gone(metric: Metric, questionnaire: Questionnaire) -> QuestionUnavailable | None:
    there = {question.id for question in questionnaire.walk()}
    for part, question_id in metric.definition.named_questions():
        known = metric.questions.get(question_id)
        if known is not None and question_id not in there:
            return questionnaire.deleted(question_id, known, part)
    return None
