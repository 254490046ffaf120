"""A question that was deleted and added again: the metric that used it is told which one to use.

A source may no longer know anything of a deleted question, so its name and text are kept with the
metric.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from smaply_metrics_core.errors import Cancelled, MetricsError, QuestionUnavailable
from smaply_metrics_core.models.metric import Metric
from smaply_metrics_core.models.survey import Questionnaire
from smaply_metrics_core.models.tally import Tally
from smaply_metrics_core.sources import SourceSession


def find_replaced_questions(
    session: SourceSession,
    survey_id: str,
    metrics: Iterable[Metric],
    answers: Mapping[str, Tally | MetricsError],
) -> dict[str, Tally | MetricsError]:
    """Say more of questions that are gone, where what they were called is known.

    Args:
        session: To read the survey as it is now; only when some question is gone.
        survey_id: The survey of all the metrics.
        metrics: The metrics that were asked for.
        answers: What the source answered, by metric.

    Raises:
        Cancelled: when the caller asked to stop.
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
        return named  # What the source said stands.
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
