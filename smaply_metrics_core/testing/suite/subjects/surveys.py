"""Contract tests of surveys and questionnaires."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from smaply_metrics_core.calculations.rules import allowed_calculations
from smaply_metrics_core.errors import MetricsError, SurveyUnavailable
from smaply_metrics_core.models.problem import Issue
from smaply_metrics_core.models.survey import Question, QuestionKind
from smaply_metrics_core.testing.assertions import expect
from smaply_metrics_core.testing.suite.scenarios.unknown_survey import unknown_survey
from smaply_metrics_core.testing.suite.subject import ContractSubject

_CHOICE_KINDS = {QuestionKind.SINGLE_CHOICE, QuestionKind.MULTIPLE_CHOICE, QuestionKind.NPS}


class SurveyTests(ContractSubject):
    """Surveys and questionnaires."""

    def test_surveys_are_unique_and_well_formed(self) -> None:
        """Each survey comes once, with an id, a name, and dates that have a time zone."""
        surveys = self.lab.surveys()
        repeated = _repeated(survey.id for survey in surveys)
        expect(not repeated, f"These surveys came twice: {repeated}.", "yield each survey once")
        for survey in surveys:
            expect(
                survey.name.strip(),
                f"The survey {survey.id} has no name.",
                "give its name, or its id where it has none",
            )
            modified = survey.last_modified
            expect(
                modified is None or modified.tzinfo is not None,
                f"The survey {survey.id} was modified at {modified}, in no time zone.",
                "make every datetime aware",
            )

    def test_the_list_of_surveys_is_complete(self) -> None:
        """The survey that the author named is in the list."""
        expect(
            self.survey_id in {survey.id for survey in self.lab.surveys()},
            f"The survey {self.survey_id} is not among the {len(self.lab.surveys())} listed.",
            "follow the list to its last page, or name a survey in `survey_id` that is listed",
        )

    def test_the_questionnaire_is_that_of_the_survey(self) -> None:
        """The questionnaire is that of the requested survey, under the name in the list."""
        found = self.lab.questionnaire().survey
        listed = {survey.id: survey.name for survey in self.lab.surveys()}
        expect(
            found.id == self.survey_id and found.name == listed.get(found.id, found.name),
            f"The questionnaire is of {found.id} “{found.name}”, the list says "
            f"“{listed.get(self.survey_id)}”.",
            "give the survey's own id and name in both hooks",
        )

    def test_questions_are_unique_and_well_formed(self) -> None:
        """Each question has an id of its own, a text, and answers with different keys."""
        questions = list(self.lab.questionnaire().walk())
        expect(
            any(question.calculations for question in questions),
            "No question of this survey allows a calculation.",
            "name a survey with questions in `survey_id`",
        )
        repeated = _repeated(question.id for question in questions)
        expect(
            not repeated, f"These questions came twice: {repeated}.", "make ids unique in a survey"
        )
        for question in questions:
            _check_question(question)

    def test_questions_declare_what_their_answers_allow(self) -> None:
        """No question declares a calculation that its kind and its answers do not allow."""
        for question in self.lab.questionnaire().walk():
            allowed = allowed_calculations(question.kind, question.choices)
            more = [name for name in question.calculations if name not in allowed]
            expect(
                not more,
                f"{question.id} ({question.kind}) declares {', '.join(more)}.",
                "take `calculations` from calculations.allowed_calculations",
            )
            expect(
                not question.can_group_by or question.choices,
                f"{question.id} can be grouped by and has no choices.",
                "set can_group_by only where the answers are known: free answers may be as many as "
                "the respondents",
            )
            expect(
                question.calculations
                or question.sub_questions
                or question.note
                or question.kind is QuestionKind.GROUP,
                f"{question.id} allows nothing and does not say why.",
                "say it in `note`",
            )

    def test_embedded_fields_are_unique(self) -> None:
        """Each embedded field has a name of its own."""
        names = [field.name for field in self.lab.questionnaire().fields]
        repeated = _repeated(names)
        expect(
            not repeated and all(name.strip() for name in names),
            f"These embedded fields came twice, or have no name: {repeated or 'blank'}.",
            "give each field once, under the name that the data has",
        )

    def test_an_unknown_survey_is_reported(self) -> None:
        """An unknown survey is reported as that survey's failure, not as the connection's."""
        questionnaire, tally = unknown_survey(self.lab)
        for hook, answer in (("list_questions", questionnaire), ("fetch_metric", tally)):
            got = f"ended in {answer.kind}" if isinstance(answer, MetricsError) else "was answered"
            expect(
                isinstance(answer, SurveyUnavailable) and answer.issue is Issue.DATA,
                f"{hook} for the survey {self.unknown_survey_id}, which is not there, {got}.",
                "raise SurveyUnavailable",
            )


def _repeated(names: Iterable[str]) -> str:
    """Return the names that occur more than once."""
    return ", ".join(name for name, times in Counter(names).items() if times > 1)


def _check_question(question: Question) -> None:
    """Check that a question has a text, and choices with different keys."""
    expect(
        question.text.strip() or question.name.strip(),
        f"{question.id} has no text.",
        "give what the respondent read, or the name its author gave it",
    )
    repeated = _repeated(choice.key for choice in question.choices)
    expect(
        not repeated,
        f"{question.id} has two answers with the key {repeated}.",
        "join answers that the data cannot tell apart into one choice",
    )
    for choice in question.choices:
        expect(
            choice.key and choice.label.strip(),
            f"{question.id} has an answer without a key or a label.",
            "use the key as label where there is no text",
        )
    expect(
        question.choices or question.kind not in _CHOICE_KINDS or not question.can_group_by,
        f"{question.id} is a {question.kind} without answers.",
        "give its choices, or call it text",
    )
    expect(
        question.sub_questions or question.kind is not QuestionKind.GROUP,
        f"{question.id} is a group of nothing.",
        "give its rows as sub_questions",
    )
