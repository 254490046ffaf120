"""The model of a mapping: which tables are surveys, and what their columns mean."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Final, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from smaply_metrics_core import ExclusionReason

MOST_SURVEYS: Final = 500
MOST_COLUMNS: Final = 3_000
MOST_CHOICES: Final = 1_000

_NUMBER: Final = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,15})?")


def _key_text(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


Name = Annotated[str, StringConstraints(min_length=1, max_length=300)]
"""A name of the database's catalogue, or an id."""
Key = Annotated[str, BeforeValidator(_key_text), StringConstraints(max_length=300)]
"""A value of a column as text. YAML reads ``5`` as a number and ``yes`` as a Boolean."""


class MappingPart(BaseModel):
    """A part of a mapping. Unknown names are refused: they are typing errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class AnswerType(StrEnum):
    """How a question is answered."""

    NPS = "nps"
    """0 to 10."""
    SCALE = "scale"
    """Choices with a number each."""
    CHOICE = "choice"
    """One of several choices without numbers."""
    MULTIPLE = "multiple"
    """Any of several choices."""
    NUMBER = "number"
    """Any number."""
    TEXT = "text"
    """Free text, of which only the number of answers is counted."""


class MappedChoice(MappingPart):
    """A choice: its value in the database, and what people read.

    Attributes:
        key: The value in the column.
        label: The text for people; by default, the key.
        value: Its number on a scale; by default, the key if that is a number.
        counts: False for choices such as “Not applicable”, which are no answers.
    """

    key: Key
    label: str = ""
    value: float | None = None
    counts: bool = True


class LabelTable(MappingPart):
    """A table with the label of each value, such as a dimension table."""

    table: Name
    key: Name
    label: Name


class ChildTable(MappingPart):
    """A table with one row per answer of a question that takes several."""

    table: Name
    response: Name
    answer: Name


class MappedQuestion(MappingPart):
    """A question, and the column with its answers.

    Attributes:
        id: The id of the question; by default, the name of the column.
        column: The column. In a long table, the value of the question column.
        text: The text that respondents saw.
        type: How it is answered.
        choices: The choices in order; by default the distinct values of the column.
        labels: A table with the labels of the choices.
        delimiter: What separates several answers in one text. Without it, several answers are an
            array, or rows of a ``child`` table.
        child: The table with several answers.
    """

    id: Name = ""
    column: Name = ""
    text: str = ""
    type: AnswerType
    choices: Annotated[tuple[MappedChoice, ...], Field(max_length=MOST_CHOICES)] = ()
    labels: LabelTable | None = None
    delimiter: Annotated[str, StringConstraints(max_length=5)] = ""
    child: ChildTable | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.child is None and not self.column:
            raise ValueError("a question requires a column")
        if not (self.id or self.column):
            raise ValueError("a question with a child table requires an id")
        if (self.delimiter or self.child) and self.type is not AnswerType.MULTIPLE:
            raise ValueError("only a multiple question has a delimiter or a child table")
        keys = [choice.key for choice in self.choices]
        if len(set(keys)) < len(keys):
            raise ValueError("two choices have the same key")
        if self.type is AnswerType.SCALE and any(
            choice.counts and choice.value is None and not _NUMBER.fullmatch(choice.key)
            for choice in self.choices
        ):
            raise ValueError("each choice of a scale requires a number, or `counts: false`")
        return self

    @property
    def question_id(self) -> str:
        """The id of the question."""
        return self.id or self.column


class RecordedAt(MappingPart):
    """The column with the time when a response was recorded.

    Attributes:
        column: The column: a timestamp, a text in ISO 8601, or a number of seconds since 1970.
        zone: The time zone of timestamps without one.
    """

    column: Name
    zone: str = "UTC"

    @field_validator("zone")
    @classmethod
    def _known(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(
                "the time zone is not known; use a name such as Europe/Vienna"
            ) from None
        return zone


class Status(MappingPart):
    """A column that says which responses are excluded.

    Attributes:
        column: The column.
        exclude: The reason for each value that excludes a response, such as
            ``{partial: unfinished}``. All other values count.
    """

    column: Name
    exclude: Annotated[Mapping[Key, ExclusionReason], Field(min_length=1)]


class MappedField(MappingPart):
    """An embedded field: a column with a value that is not an answer, such as a region."""

    name: Name = ""
    column: Name
    label: str = ""

    @property
    def field_name(self) -> str:
        """The name of the field."""
        return self.name or self.column


class LongTable(MappingPart):
    """A table with one row per answer instead of one column per question.

    Attributes:
        table: The table.
        response: The column with the id of the response.
        question: The column that names the question.
        answer: The column with the answer.
    """

    table: Name
    response: Name
    question: Name
    answer: Name


class SurveyMapping(MappingPart):
    """A survey: the table of its responses and the meaning of its columns.

    Attributes:
        id: The id of the survey, which must not change.
        name: The name for people; by default, the id.
        table: The table or view with one row per response, with its schema if it has one.
        response: The column with the id of a response. Only child and long tables need it.
        recorded_at: When a response was recorded.
        status: Which responses are excluded.
        questions: The questions in order.
        fields: The embedded fields.
        answers: A long table with the answers to questions.
    """

    id: Name
    name: str = ""
    table: Name
    response: str = ""
    recorded_at: RecordedAt
    status: Status | None = None
    questions: Annotated[tuple[MappedQuestion, ...], Field(max_length=MOST_COLUMNS)] = ()
    fields: Annotated[tuple[MappedField, ...], Field(max_length=MOST_COLUMNS)] = ()
    answers: LongTable | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _refuse_repeats("questions", [question.question_id for question in self.questions])
        _refuse_repeats("fields", [field.field_name for field in self.fields])
        needs_id = self.answers is not None or any(one.child for one in self.questions)
        if needs_id and not self.response:
            raise ValueError("child and long tables require `response`, the column of the id")
        return self

    def columns(self) -> Iterator[str]:
        """Yield the columns of the table that it names."""
        yield self.recorded_at.column
        if self.response:
            yield self.response
        if self.status is not None:
            yield self.status.column
        if self.answers is None:
            yield from (one.column for one in self.questions if one.child is None)
        yield from (field.column for field in self.fields)


class DatabaseMapping(MappingPart):
    """All surveys of a database."""

    surveys: Annotated[tuple[SurveyMapping, ...], Field(min_length=1, max_length=MOST_SURVEYS)]

    @model_validator(mode="after")
    def _unique(self) -> Self:
        _refuse_repeats("surveys", [survey.id for survey in self.surveys])
        return self


def _refuse_repeats(what: str, names: Sequence[str]) -> None:
    if len(set(names)) < len(names):
        raise ValueError(f"two {what} have the same id or name")
