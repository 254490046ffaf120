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
        """Each survey is listed once, with an id, a name and dates with a time zone."""
        surveys = self.lab.surveys()
        repeated = _repeated(survey.id for survey in surveys)
        expect(
            not repeated,
            f"Surveys are listed more than once: {repeated}.",
            "yield each survey once",
        )
        for survey in surveys:
            expect(
                survey.name.strip(),
                f"The survey {survey.id} has no name.",
                "return its name, or its id if it has none",
            )
            modified = survey.last_modified
            expect(
                modified is None or modified.tzinfo is not None,
                f"`last_modified` of the survey {survey.id} is {modified}, without a time zone.",
                "return only aware datetimes",
            )

    def test_the_list_of_surveys_is_complete(self) -> None:
        """The author's survey is in the list."""
        expect(
            self.survey_id in {survey.id for survey in self.lab.surveys()},
            f"The survey {self.survey_id} is not among the {len(self.lab.surveys())} listed ones.",
            "follow the list to its last page, or set `survey_id` to a listed survey",
        )

    def test_the_questionnaire_is_that_of_the_survey(self) -> None:
        """The questionnaire is that of the requested survey, with the name in the list."""
        found = self.lab.questionnaire().survey
        listed = {survey.id: survey.name for survey in self.lab.surveys()}
        expect(
            found.id == self.survey_id and found.name == listed.get(found.id, found.name),
            f"The questionnaire has the survey {found.id} “{found.name}”, but the list has "
            f"{self.survey_id} “{listed.get(self.survey_id)}”.",
            "return the survey's own id and name from both hooks",
        )

    def test_questions_are_unique_and_well_formed(self) -> None:
        """Each question has a unique id, a text, and answers with unique keys."""
        questions = list(self.lab.questionnaire().walk())
        expect(
            any(question.calculations for question in questions),
            "No question of this survey allows a calculation.",
            "set `survey_id` to a survey with questions",
        )
        repeated = _repeated(question.id for question in questions)
        expect(
            not repeated,
            f"Question ids occur more than once: {repeated}.",
            "make the ids of questions unique in a survey",
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
                f"{question.id} ({question.kind}) declares {', '.join(more)}, which its answers do "
                "not allow.",
                "set `calculations` to the result of calculations.allowed_calculations",
            )
            expect(
                not question.can_group_by or question.choices,
                f"{question.id} has can_group_by, but no choices.",
                "set can_group_by only if the answers are known; free text may have as many "
                "answers as respondents",
            )
            expect(
                question.calculations
                or question.sub_questions
                or question.note
                or question.kind is QuestionKind.GROUP,
                f"{question.id} allows no calculation and has no note.",
                "explain in `note` why it allows no calculation",
            )

    def test_embedded_fields_are_unique(self) -> None:
        """Each embedded field has a unique name."""
        names = [field.name for field in self.lab.questionnaire().fields]
        repeated = _repeated(names)
        expect(
            not repeated and all(name.strip() for name in names),
            f"Embedded fields occur more than once or have no name: {repeated or 'blank'}.",
            "return each field once, with its name in the data",
        )

    def test_an_unknown_survey_is_reported(self) -> None:
        """An unknown survey is reported as unavailable, not as a problem of the connection."""
        questionnaire, tally = unknown_survey(self.lab)
        for hook, answer in (("list_questions", questionnaire), ("fetch_metric", tally)):
            got = answer.kind if isinstance(answer, MetricsError) else "no error"
            expect(
                isinstance(answer, SurveyUnavailable) and answer.issue is Issue.DATA,
                f"{hook} reports {got} for the unknown survey {self.unknown_survey_id}.",
                "raise SurveyUnavailable",
            )


def _repeated(names: Iterable[str]) -> str:
    """Return the names that occur more than once."""
    return ", ".join(name for name, times in Counter(names).items() if times > 1)


def _check_question(question: Question) -> None:
    """Check that a question has a text, and choices with unique keys."""
    expect(
        question.text.strip() or question.name.strip(),
        f"{question.id} has no text.",
        "return the text that respondents read, or the question's name",
    )
    repeated = _repeated(choice.key for choice in question.choices)
    expect(
        not repeated,
        f"{question.id} has several answers with the key {repeated}.",
        "merge answers that the data does not distinguish into one choice",
    )
    for choice in question.choices:
        expect(
            choice.key and choice.label.strip(),
            f"{question.id} has an answer without a key or a label.",
            "use the key as the label if there is no text",
        )
    expect(
        question.choices or question.kind not in _CHOICE_KINDS or not question.can_group_by,
        f"{question.id} is a {question.kind} without choices.",
        "return its choices, or set its kind to text",
    )
    expect(
        question.sub_questions or question.kind is not QuestionKind.GROUP,
        f"{question.id} is a group without sub-questions.",
        "return its rows as sub_questions",
    )
