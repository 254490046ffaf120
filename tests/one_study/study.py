"""A study apart from any survey tool: its questions, and its responses as they were entered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from smaply_metrics_core import Choice, QuestionKind, Questionnaire

Answer: TypeAlias = str | tuple[str, ...] | None
"""A key, a number or a text; the keys of several choices; ``None`` for a blank."""


@dataclass(frozen=True)
class StudyQuestion:
    """A question.

    Attributes:
        id: Its id in the study.
        kind: How it is answered.
        choices: Its choices in order.
    """

    id: str
    kind: QuestionKind
    choices: tuple[Choice, ...] = ()

    @property
    def values(self) -> list[float]:
        """The values of the scale, ascending."""
        return sorted(one.value for one in self.choices if one.analyze and one.value is not None)

    @property
    def counted_keys(self) -> list[str]:
        """The keys of the choices that enter a denominator."""
        return [one.key for one in self.choices if one.analyze]


@dataclass(frozen=True)
class StudyRow:
    """A response.

    Attributes:
        recorded: When it was recorded (aware).
        excluded: Why it is excluded; empty if it counts.
        answers: Its answers by question.
        fields: Its embedded fields by name.
    """

    recorded: datetime
    excluded: str
    answers: Mapping[str, Answer]
    fields: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Roles:
    """What the questions and fields of a study are used for in metrics; empty for none.

    Attributes:
        scale: The question that most metrics measure.
        group: A question to group by and filter by.
        weight: What responses are weighted by, as in ``question:ID``.
        several: A question with several answers.
        number: A question whose answers are numbers.
        text: A question with free text.
        field: An embedded field to group by and filter by.
        category: A question whose choices have no numbers.
    """

    scale: str
    group: str
    weight: str
    several: str = ""
    number: str = ""
    text: str = ""
    field: str = ""
    category: str = ""

    @property
    def questions(self) -> list[str]:
        """The ids of the questions, each once."""
        kind, _, name = self.weight.partition(":")
        used = [self.scale, self.group, self.several, self.number, self.text, self.category]
        used += [name] if kind == "question" else []
        return [*dict.fromkeys(filter(None, used))]

    @property
    def fields(self) -> list[str]:
        """The names of the fields, each once."""
        kind, _, name = self.weight.partition(":")
        used = [self.field, name if kind == "field" else ""]
        return [*dict.fromkeys(filter(None, used))]


@dataclass(frozen=True)
class Study:
    """A study.

    Attributes:
        title: Its name in the documentation.
        zone: The time zone of the account.
        roles: What its questions are used for.
        questions: The questions by id.
        rows: All responses, excluded ones too.
    """

    title: str
    zone: str
    roles: Roles
    questions: Mapping[str, StudyQuestion]
    rows: Sequence[StudyRow]


def questions_of(questionnaire: Questionnaire, roles: Roles) -> dict[str, StudyQuestion]:
    """Return the questions of a study as the tool describes them in which it was made."""
    found = {}
    for question_id in roles.questions:
        one = questionnaire.question(question_id)
        found[question_id] = StudyQuestion(question_id, one.kind, one.choices)
    return found
