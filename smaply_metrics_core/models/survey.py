"""Surveys and what can be asked of them: questions, choices, embedded fields."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum

from smaply_metrics_core.errors import QuestionUnavailable
from smaply_metrics_core.models.base import Finite, Frozen
from smaply_metrics_core.models.problem import FieldProblem
from smaply_metrics_core.models.query import Calculation

_EDIT = "Edit the metric and choose a question from the survey as it is now."


class Survey(Frozen):
    """One survey as a list shows it.

    ``last_modified`` is when its definition was changed (aware), not when it was last answered.
    """

    id: str
    name: str
    last_modified: datetime | None = None
    is_active: bool | None = None


class Choice(Frozen):
    """One answer that a question offers.

    Attributes:
        key: What stands in the data for this answer, as text (a recode, a choice id).
        label: What the respondent read, as plain text.
        value: Its number on the question's scale; ``None`` where it has none.
        analyze: False for answers such as "Not applicable", which never enter a denominator.
    """

    key: str
    label: str
    value: Finite | None = None
    analyze: bool = True


class QuestionKind(StrEnum):
    """What kind of answers a question takes."""

    SINGLE_CHOICE = "single_choice"
    MULTIPLE_CHOICE = "multiple_choice"
    NPS = "nps"
    NUMBER = "number"
    TEXT = "text"
    GROUP = "group"
    """Only a heading over its sub-questions (a matrix): not answered itself."""
    OTHER = "other"


class Question(Frozen):
    """A question, or a sub-question such as one row of a matrix.

    Attributes:
        id: What a metric names, unique in the survey (Qualtrics: ``QID4``, ``QID4_2``).
        name: The short name its author gave it, not unique (Qualtrics: the export tag).
        text: What the respondent read, as plain text.
        choices: The answers offered, in the order shown; empty for free answers.
        calculations: What may be calculated from it; every other calculation is refused.
        can_group_by: Whether another metric may be grouped by its answers.
        note: Why it cannot be averaged or grouped by, for people; empty where nothing is missing.
        sub_questions: The rows of a matrix and the like, each a question of its own.
    """

    id: str
    name: str = ""
    text: str
    kind: QuestionKind
    choices: tuple[Choice, ...] = ()
    calculations: tuple[Calculation, ...] = ()
    can_group_by: bool = False
    note: str = ""
    sub_questions: tuple[Question, ...] = ()


class KnownQuestion(Frozen):
    """What a question was called when a metric was made of it: enough to know it again.

    ``name`` is its short name and ``text`` what the respondent read, as in ``Question``.
    """

    name: str = ""
    text: str = ""


class EmbeddedField(Frozen):
    """A value stored with each response that no question asked for, such as a region."""

    name: str
    label: str = ""


class Questionnaire(Frozen):
    """A survey with everything that a metric can be made of.

    ``notes`` are remarks for people, such as columns that had to be ignored.
    """

    survey: Survey
    questions: tuple[Question, ...]
    fields: tuple[EmbeddedField, ...] = ()
    notes: tuple[str, ...] = ()

    def walk(self) -> Iterator[Question]:
        """Yield every question and sub-question, in order."""
        pending = list(reversed(self.questions))
        while pending:
            question = pending.pop()
            yield question
            pending.extend(reversed(question.sub_questions))

    def question(self, question_id: str) -> Question:
        """Find a question or sub-question.

        Raises:
            QuestionUnavailable: when the survey has none of this id.
        """
        for question in self.walk():
            if question.id == question_id:
                return question
        raise QuestionUnavailable(
            f"The survey “{self.survey.name}” has no question {question_id}.", remedy=_EDIT
        )

    def successor(self, known: KnownQuestion) -> Question | None:
        """Find the question that most likely took the place of one that is gone.

        It has the same name and text, or else alone has the same name, or alone the same text.
        """
        named = [question for question in self.walk() if known.name and question.name == known.name]
        worded = [
            question for question in self.walk() if known.text and question.text == known.text
        ]
        both = [question for question in named if question in worded]
        if both:
            return both[0]
        return next((found[0] for found in (named, worded) if len(found) == 1), None)

    def deleted(
        self, question_id: str, known: KnownQuestion, part: str = "question_id"
    ) -> QuestionUnavailable:
        """Say that a question was deleted, and which one probably took its place.

        Args:
            question_id: The question that is gone.
            known: What it was called.
            part: The part of a definition that names it: ``question_id``, ``group_by`` or
                ``filters``.
        """
        called = known.text or known.name
        message = (
            f"The question {question_id} (“{called}”) of the survey “{self.survey.name}” was "
            "deleted."
        )
        successor = self.successor(known)
        if successor is None:
            return QuestionUnavailable(message, remedy=_EDIT)
        return QuestionUnavailable(
            message,
            remedy=f"Edit the metric and choose {successor.id} (“{successor.text}”), which seems "
            "to have taken its place: its answers begin when it was added.",
            fields=(
                FieldProblem(
                    name=part,
                    message=f"Use {successor.id} (“{successor.text}”).",
                    suggestion=f"question:{successor.id}" if part == "group_by" else successor.id,
                ),
            ),
        )
