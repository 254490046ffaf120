"""Surveys and their questions, choices and embedded fields."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Annotated, Final

from pydantic import AfterValidator

from smaply_metrics_core.errors import QuestionUnavailable
from smaply_metrics_core.models.base import Finite, Frozen
from smaply_metrics_core.models.problem import FieldProblem
from smaply_metrics_core.models.query import Calculation

_EDIT = "Edit the metric and choose another question of the survey."

LONGEST_ROUTING: Final = 64


def _shortened(rule: str) -> str:
    return rule if len(rule) <= LONGEST_ROUTING else sha256(rule.encode()).hexdigest()


Routing = Annotated[str, AfterValidator(_shortened)]
"""A rule that decides which respondents see a question. A long one is replaced by its digest."""


class Survey(Frozen):
    """A survey in a list.

    ``last_modified`` is when its definition changed (aware), not when it was last answered.
    """

    id: str
    name: str
    last_modified: datetime | None = None
    is_active: bool | None = None


class Choice(Frozen):
    """A choice of a question.

    Attributes:
        key: The text that represents this choice in the data (a recode or a choice id).
        label: The text that respondents see, as plain text.
        value: The number on the question's scale; ``None`` if there is none.
        analyze: False for choices such as "Not applicable", which are never in a denominator.
    """

    key: str
    label: str
    value: Finite | None = None
    analyze: bool = True


class QuestionKind(StrEnum):
    """The kind of answers to a question."""

    SINGLE_CHOICE = "single_choice"
    MULTIPLE_CHOICE = "multiple_choice"
    NPS = "nps"
    NUMBER = "number"
    TEXT = "text"
    ENTERED = "entered"
    """Not a question to respondents: people enter its values, with the date that each is for."""
    GROUP = "group"
    """A heading of sub-questions, such as a matrix, without answers of its own."""
    OTHER = "other"


class Question(Frozen):
    """A question, or a sub-question such as one row of a matrix.

    Attributes:
        id: The id, unique in the survey (Qualtrics: ``QID4``, ``QID4_2``).
        name: The author's short name, not unique (Qualtrics: the export tag).
        text: The text that respondents see, as plain text.
        choices: The choices in the order shown; empty for free answers.
        calculations: The supported calculations.
        can_group_by: Whether metrics can be grouped by its answers.
        note: Why it cannot be averaged or grouped by, for people; empty if it can.
        sub_questions: The rows of a matrix, for example.
        routing: The rule that decides which respondents see it, in addition to those of its
            headings: a text or a digest that is equal as long as the rule is. Empty if all
            respondents see it; ``None`` if that is unknown, so that changes are not detected.
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
    routing: Routing | None = None


class KnownQuestion(Frozen):
    """The ``name`` and ``text`` of a question at the time when a metric was created.

    They identify the question after it was deleted and added again.
    """

    name: str = ""
    text: str = ""


class EmbeddedField(Frozen):
    """A value stored with each response that is not an answer, such as a region."""

    name: str
    label: str = ""


class Questionnaire(Frozen):
    """A survey with its questions and embedded fields.

    Attributes:
        notes: Remarks for people, such as ignored columns.
        can_weight: Whether the source counts weights: a tally of a query with a weight has
            ``Counts.weights``. ``answer_queries`` and ``TallyBuilder`` do that.
        inferred: Whether the questions are inferred from the answers, as in a file without a
            questionnaire. A new choice is then a new answer and not a change of the question.
    """

    survey: Survey
    questions: tuple[Question, ...]
    fields: tuple[EmbeddedField, ...] = ()
    notes: tuple[str, ...] = ()
    can_weight: bool = False
    inferred: bool = False

    @property
    def has_responses(self) -> bool:
        """Whether it has responses to count; not if people enter the values of all questions."""
        kinds = {question.kind for question in self.walk()}
        return kinds != {QuestionKind.ENTERED}

    def walk(self) -> Iterator[Question]:
        """Yield every question and sub-question, in order."""
        pending = list(reversed(self.questions))
        while pending:
            question = pending.pop()
            yield question
            pending.extend(reversed(question.sub_questions))

    def question(self, question_id: str) -> Question:
        """Return the question or sub-question with an id.

        Raises:
            QuestionUnavailable: when the survey has no such question.
        """
        for question in self.walk():
            if question.id == question_id:
                return question
        raise QuestionUnavailable(
            f"The survey “{self.survey.name}” has no question {question_id}.", remedy=_EDIT
        )

    def wording(self, question_id: str | None) -> str:
        """Return the text of a question after those of the headings that it belongs to.

        It is the ``Tally.question_text`` of the question: empty if the questions are inferred.
        """
        if self.inferred:
            return ""
        return " \N{EN DASH} ".join(one.text for one in self._path(question_id))

    def routing(self, question_id: str | None) -> str | None:
        """Return the routing of a question with those of the headings that it belongs to.

        It is the ``Tally.question_routing`` of the question: ``None`` if it is unknown.
        """
        known = [one.routing for one in self._path(question_id) if one.routing is not None]
        return "\n".join(filter(None, known)) if known else None

    def _path(self, question_id: str | None) -> tuple[Question, ...]:
        """Return a question after the headings that it belongs to; empty if there is none."""
        if question_id is None:  # Of a metric that counts responses.
            return ()
        pending: list[tuple[Question, ...]] = [(one,) for one in reversed(self.questions)]
        while pending:
            path = pending.pop()
            if path[-1].id == question_id:
                return path
            pending.extend((*path, part) for part in reversed(path[-1].sub_questions))
        return ()

    def successor(self, known: KnownQuestion) -> Question | None:
        """Return the question that most likely replaces a deleted one, or ``None``.

        It has the same name and text, or it is the only one with the same name, or the only one
        with the same text.
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
        """Return the error for a deleted question, with its likely successor as the suggestion.

        Args:
            question_id: The deleted question.
            known: Its former name and text.
            part: The part of the definition that refers to it: ``question_id``, ``group_by``,
                ``filters`` or ``weight``.
        """
        called = known.text or known.name
        message = (
            f"Question {question_id} (“{called}”) was deleted from the survey “{self.survey.name}”."
        )
        successor = self.successor(known)
        if successor is None:
            return QuestionUnavailable(message, remedy=_EDIT)
        return QuestionUnavailable(
            message,
            remedy=f"Edit the metric and choose {successor.id} (“{successor.text}”), which seems "
            "to replace it; it has answers only from the time when it was added.",
            fields=(
                FieldProblem(
                    name=part,
                    message=f"Use {successor.id} (“{successor.text}”).",
                    suggestion=f"question:{successor.id}"
                    if part in {"group_by", "weight"}
                    else successor.id,
                ),
            ),
        )
