"""Contract tests: surveys, and what can be asked of one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from smaply_metrics_core.calculations.rules import allowed_calculations
from smaply_metrics_core.errors import MetricsError, SurveyUnavailable
from smaply_metrics_core.models.problem import Issue
from smaply_metrics_core.models.query import Calculation, Definition, MetricQuery
from smaply_metrics_core.models.survey import Question, QuestionKind, Questionnaire, Survey
from smaply_metrics_core.models.tally import Tally
from smaply_metrics_core.sources import SourceSession
from smaply_metrics_core.testing.assertions import expect
from smaply_metrics_core.testing.suite.lab import Lab

_CHOSEN = {QuestionKind.SINGLE_CHOICE, QuestionKind.MULTIPLE_CHOICE, QuestionKind.NPS}


class SurveyTests(Lab):
    """Surveys and questionnaires."""

    def surveys(self) -> tuple[Survey, ...]:
        """Give every survey that the credentials can see."""
        return self.run("surveys", lambda session: session.surveys())

    def questionnaire(self) -> Questionnaire:
        """Give the description of the survey that the author named."""
        return self.run("questionnaire", lambda session: session.questions(self.survey_id))

    def test_surveys_are_unique_and_well_formed(self) -> None:
        """Each survey comes once, with an id, a name, and dates that have a time zone."""
        surveys = self.surveys()
        twice = _twice(survey.id for survey in surveys)
        expect(not twice, f"These surveys came twice: {twice}.", "yield each survey once")
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
            self.survey_id in {survey.id for survey in self.surveys()},
            f"The survey {self.survey_id} is not among the {len(self.surveys())} listed.",
            "follow the list to its last page, or name a survey in `survey_id` that is listed",
        )

    def test_the_questionnaire_is_that_of_the_survey(self) -> None:
        """The description is of the survey asked for, under the name that the list gave."""
        found = self.questionnaire().survey
        listed = {survey.id: survey.name for survey in self.surveys()}
        expect(
            found.id == self.survey_id and found.name == listed.get(found.id, found.name),
            f"The questionnaire is of {found.id} “{found.name}”, the list says "
            f"“{listed.get(self.survey_id)}”.",
            "give the survey's own id and name in both hooks",
        )

    def test_questions_are_unique_and_well_formed(self) -> None:
        """Each question has an id of its own, a text, and answers that can be told apart."""
        questions = list(self.questionnaire().walk())
        expect(
            any(question.calculations for question in questions),
            "No question of this survey allows a calculation.",
            "name a survey with questions in `survey_id`",
        )
        twice = _twice(question.id for question in questions)
        expect(not twice, f"These questions came twice: {twice}.", "make ids unique in a survey")
        for question in questions:
            _check_question(question)

    def test_questions_declare_what_their_answers_allow(self) -> None:
        """No question declares a calculation that its kind and its answers do not bear."""
        for question in self.questionnaire().walk():
            allowed = allowed_calculations(question.kind, question.choices)
            more = [name for name in question.calculations if name not in allowed]
            expect(
                not more,
                f"{question.id} ({question.kind}) declares {', '.join(more)}.",
                "take `calculations` from calculations.definitions.allowed_calculations",
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
        names = [field.name for field in self.questionnaire().fields]
        twice = _twice(names)
        expect(
            not twice and all(name.strip() for name in names),
            f"These embedded fields came twice, or have no name: {twice or 'blank'}.",
            "give each field once, under the name that the data has",
        )

    def test_a_survey_that_is_not_there_is_said(self) -> None:
        """Asking for a survey that nobody has is that survey's failure, not the connection's."""
        described, measured = self._unknown()
        for doing, answer in (("list_questions", described), ("fetch_metric", measured)):
            got = f"ended in {answer.kind}" if isinstance(answer, MetricsError) else "was answered"
            expect(
                isinstance(answer, SurveyUnavailable) and answer.issue is Issue.DATA,
                f"{doing} for the survey {self.unknown_survey_id}, which is not there, {got}.",
                "raise SurveyUnavailable",
            )

    def _unknown(self) -> tuple[Questionnaire | MetricsError, Tally | MetricsError]:
        return self.run("unknown_survey", self._ask_unknown)

    def _ask_unknown(
        self, session: SourceSession
    ) -> tuple[Questionnaire | MetricsError, Tally | MetricsError]:
        survey_id = self.unknown_survey_id
        described: Questionnaire | MetricsError
        try:
            described = session.questions(survey_id)
        except MetricsError as error:
            described = error
        definition = Definition(survey_id=survey_id, calculation=Calculation.RESPONSES)
        query = MetricQuery(id="responses", definition=definition)
        return described, session.fetch(survey_id, [query])[query.id]


def _twice(names: Iterable[str]) -> str:
    return ", ".join(name for name, times in Counter(names).items() if times > 1)


def _check_question(question: Question) -> None:
    expect(
        question.text.strip() or question.name.strip(),
        f"{question.id} has no text.",
        "give what the respondent read, or the name its author gave it",
    )
    twice = _twice(choice.key for choice in question.choices)
    expect(
        not twice,
        f"{question.id} has two answers with the key {twice}.",
        "join answers that the data cannot tell apart into one choice",
    )
    for choice in question.choices:
        expect(
            choice.key and choice.label.strip(),
            f"{question.id} has an answer without a key or a label.",
            "use the key as label where there is no text",
        )
    expect(
        question.choices or question.kind not in _CHOSEN or not question.can_group_by,
        f"{question.id} is a {question.kind} without answers.",
        "give its choices, or call it text",
    )
    expect(
        question.sub_questions or question.kind is not QuestionKind.GROUP,
        f"{question.id} is a group of nothing.",
        "give its rows as sub_questions",
    )
