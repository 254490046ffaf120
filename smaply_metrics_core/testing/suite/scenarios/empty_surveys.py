"""The scenario that reads surveys without responses or questions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from smaply_metrics_core.errors import MetricsError
from smaply_metrics_core.models.query import MetricQuery
from smaply_metrics_core.models.survey import Questionnaire
from smaply_metrics_core.models.tally import Tally
from smaply_metrics_core.sources.session import SourceSession
from smaply_metrics_core.testing.suite.lab import RESPONSES, Lab
from smaply_metrics_core.testing.suite.queries import build_query, every_calculation


@dataclass(frozen=True)
class SurveyAnswers:
    """The questionnaire of a survey, and the answers to a query for each of its calculations."""

    questionnaire: Questionnaire | MetricsError
    answers: Mapping[str, Tally | MetricsError]


def read_survey(session: SourceSession, survey_id: str) -> SurveyAnswers:
    """Return what a source answers for a survey."""
    queries: list[MetricQuery] = [build_query(RESPONSES, survey_id)]
    questionnaire: Questionnaire | MetricsError
    try:
        questionnaire = session.questions(survey_id)
        queries += [query for _, query in every_calculation(questionnaire)]
    except MetricsError as error:
        questionnaire = error
    return SurveyAnswers(questionnaire, session.fetch(survey_id, queries))


def empty_surveys(lab: Lab) -> Mapping[str, SurveyAnswers]:
    """Return what the source answers for each of the author's empty surveys."""
    ids = lab.facts.empty_survey_ids
    return lab.run("empty_surveys", lambda session: {one: read_survey(session, one) for one in ids})
