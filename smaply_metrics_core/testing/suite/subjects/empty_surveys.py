"""Contract tests of surveys without responses or questions."""

from __future__ import annotations

from smaply_metrics_core.errors import MetricsError, ResultsUnavailable
from smaply_metrics_core.testing.assertions import expect, unexpected, warn
from smaply_metrics_core.testing.suite.lab import RESPONSES
from smaply_metrics_core.testing.suite.queries import require_responses
from smaply_metrics_core.testing.suite.scenarios.empty_surveys import SurveyAnswers, empty_surveys
from smaply_metrics_core.testing.suite.subject import ContractSubject


class EmptySurveyTests(ContractSubject):
    """New surveys, which have no responses or no questions yet."""

    def test_an_empty_survey_counts_zero(self) -> None:
        """A survey without responses counts zero, and one without questions has none."""
        require_responses(self.lab.questionnaire())
        if not self.empty_survey_ids:
            warn(
                "The fact `empty_survey_ids` is not set: a source that fails for a new survey "
                "passes.",
                "set it to the ids of a survey without responses and of one without questions",
            )
            return
        for survey_id, found in empty_surveys(self.lab).items():
            _check_empty(survey_id, found)


def _check_empty(survey_id: str, found: SurveyAnswers) -> None:
    """Check that a questionnaire can be read, and that every count is zero."""
    if isinstance(found.questionnaire, MetricsError):
        raise unexpected(found.questionnaire, f"Reading the questions of the survey {survey_id}")
    has_questions = any(found.questionnaire.walk())
    for name, answer in found.answers.items():
        if isinstance(answer, MetricsError):
            # Survey tools publish no survey without questions, so it cannot have responses.
            expect(
                isinstance(answer, ResultsUnavailable) and not has_questions,
                f"{name} of the survey {survey_id}: the source raised {answer.kind}: "
                f"{answer.message}",
                "return a tally with zero responses: a survey without responses is no failure",
            )
            continue
        responses = answer.window("current").total.responses
        expect(
            not responses and (name == RESPONSES or has_questions),
            f"{name} of the survey {survey_id}: the source counts {responses} responses.",
            "count the responses of the requested survey, or correct `empty_survey_ids`",
        )
