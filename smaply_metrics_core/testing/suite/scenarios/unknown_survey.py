"""The scenario that requests a survey that does not exist."""

from __future__ import annotations

from smaply_metrics_core.errors import MetricsError
from smaply_metrics_core.models.query import Calculation, Definition, MetricQuery
from smaply_metrics_core.models.survey import Questionnaire
from smaply_metrics_core.models.tally import Tally
from smaply_metrics_core.sources.session import SourceSession
from smaply_metrics_core.testing.suite.lab import Lab


def unknown_survey(lab: Lab) -> tuple[Questionnaire | MetricsError, Tally | MetricsError]:
    """Return the source's questionnaire and tally, or errors, for an unknown survey."""
    survey_id = lab.facts.unknown_survey_id

    def work(
        session: SourceSession,
    ) -> tuple[Questionnaire | MetricsError, Tally | MetricsError]:
        questionnaire: Questionnaire | MetricsError
        try:
            questionnaire = session.questions(survey_id)
        except MetricsError as error:
            questionnaire = error
        definition = Definition(survey_id=survey_id, calculation=Calculation.RESPONSES)
        query = MetricQuery(id="responses", definition=definition)
        return questionnaire, session.fetch(survey_id, [query])[query.id]

    return lab.run("unknown_survey", work)
