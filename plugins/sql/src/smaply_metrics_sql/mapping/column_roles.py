"""The roles of columns in a survey: which one a column has, and what another one changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from smaply_metrics_core import InputError, RoleOption
from smaply_metrics_sql.databases.database import NUMBERS, CatalogColumn, ColumnType
from smaply_metrics_sql.mapping.model import (
    AnswerType,
    MappedField,
    MappedQuestion,
    RecordedAt,
    Status,
    SurveyMapping,
)
from smaply_metrics_sql.mapping.proposal import finished_status

IGNORED: Final = "ignored"
RESPONSE: Final = "response"
RECORDED: Final = "recorded_at"
FINISHED: Final = "finished"
STATUS: Final = "status"
FIELD: Final = "field"
ROLES: Final = (
    RoleOption(id=IGNORED, label="Ignored", has_label=False),
    RoleOption(id=RECORDED, label="Date of the response", has_label=False),
    RoleOption(id=RESPONSE, label="Response ID", has_label=False),
    RoleOption(id=FINISHED, label="Finished: true or 1", has_label=False),
    RoleOption(id=STATUS, label="Status, as in the text", has_label=False),
    RoleOption(id=AnswerType.NPS, label="Question: NPS, 0 to 10"),
    RoleOption(id=AnswerType.SCALE, label="Question: scale"),
    RoleOption(id=AnswerType.CHOICE, label="Question: one choice"),
    RoleOption(id=AnswerType.MULTIPLE, label="Question: several answers"),
    RoleOption(id=AnswerType.NUMBER, label="Question: number"),
    RoleOption(id=AnswerType.TEXT, label="Question: text"),
    RoleOption(id=FIELD, label="Field or weight"),
)
KINDS: Final = tuple(kind.value for kind in AnswerType)
_ONCE: Final = {RESPONSE: "response", RECORDED: "recorded_at", FINISHED: "status", STATUS: "status"}
"""The roles that one column can have, by the part of the survey that they are."""
_WITH_CHOICES: Final = {AnswerType.SCALE, AnswerType.CHOICE, AnswerType.MULTIPLE}
_NUMBERED: Final = (AnswerType.NPS, AnswerType.SCALE)
_BY_TYPE: Final = {
    **dict.fromkeys(
        (*NUMBERS, ColumnType.DYNAMIC), (RESPONSE, FINISHED, *KINDS, FIELD)
    ),
    ColumnType.TEXT: (
        RESPONSE, *_NUMBERED, AnswerType.CHOICE, AnswerType.MULTIPLE, AnswerType.TEXT, FIELD,
    ),
    ColumnType.BOOLEAN: (FINISHED, AnswerType.CHOICE, FIELD),
    ColumnType.ARRAY: (AnswerType.MULTIPLE,),
    ColumnType.OTHER: (RESPONSE, AnswerType.TEXT),
}  # fmt: skip
"""The roles for each type, without those of times."""


@dataclass(frozen=True)
class RoleChange:
    """Another role or label for a column of a survey.

    Attributes:
        column: The name of the column; in a long table, what names the question.
        role: The new role.
        label: The new label.
        was: The role before.
        delimiter: What separates several answers in its texts.
        is_child: Whether ``column`` is the id of a question with a child table instead.
    """

    column: str
    role: str
    label: str
    was: str = IGNORED
    delimiter: str = ""
    is_child: bool = False

    def is_of(self, question: MappedQuestion) -> bool:
        """Whether it changes a question."""
        if self.is_child:
            return question.child is not None and question.question_id == self.column
        return question.child is None and question.column == self.column


def roles_of(survey: SurveyMapping | None) -> dict[str, tuple[str, str]]:
    """Return the role and label of each column of the table of responses that has one."""
    if survey is None:
        return {}
    found = {field.column: (FIELD, field.label) for field in survey.fields}
    for one in survey.questions if survey.answers is None else ():
        if one.child is None:
            found[one.column] = (one.type.value, one.text)
    if survey.status is not None:
        exclude = survey.status.exclude
        is_finished = [*exclude.values()] == ["unfinished"] and {*exclude} <= {"0", "false"}
        found[survey.status.column] = (FINISHED if is_finished else STATUS, "")
    if survey.response:
        found[survey.response] = (RESPONSE, "")
    found[survey.recorded_at.column] = (RECORDED, "")
    return found


def possible_roles(column: CatalogColumn, role: str, *, long: bool, times: bool) -> tuple[str, ...]:
    """Return the roles that a column can have.

    Args:
        column: The column.
        role: The role that it has.
        long: Whether the answers are in another table.
        times: Whether columns of this type can hold times.
    """
    found = {IGNORED, role, *_BY_TYPE.get(column.type, ())}
    if times:
        found.add(RECORDED)
    if long:
        found -= {*KINDS} - {role}
    return tuple(one.id for one in ROLES if one.id in found)


def new_survey(table: str) -> SurveyMapping:
    """Return a survey of a table in which no column has a role; it is not valid yet."""
    recorded = RecordedAt.model_construct(column="")
    return SurveyMapping.model_construct(id=table, name=table, table=table, recorded_at=recorded)


def apply_changes(
    survey: SurveyMapping, changes: list[RoleChange], types: Mapping[str, CatalogColumn]
) -> SurveyMapping | None:
    """Return a survey with other roles of columns; ``None`` if no column has a role any more.

    Args:
        survey: The survey. ``new_survey`` for a new one.
        changes: The changes.
        types: The columns of its table by name.

    Raises:
        InputError: when two columns would have a role that only one can have, none is the time, or
            a column cannot be such a question.
    """
    _refuse_repeats(changes)
    draft = _SurveyDraft(survey)
    for change in changes:
        draft.remove(change)
    for change in changes:
        draft.add(change, types.get(change.column))
    return draft.survey()


def _refuse_repeats(changes: list[RoleChange]) -> None:
    for part in {*_ONCE.values()}:
        named = [one.column for one in changes if _ONCE.get(one.role) == part != _ONCE.get(one.was)]
        if len(named) > 1:
            raise InputError(
                f"“{named[0]}” and “{named[1]}” have a role that only one column can have.",
                remedy="Choose another role for one of them.",
            )


class _SurveyDraft:
    """A survey whose columns get other roles."""

    def __init__(self, survey: SurveyMapping) -> None:
        self._survey = survey
        self._questions = [*survey.questions]
        self._fields = [*survey.fields]
        self._response = survey.response
        self._recorded: RecordedAt | None = survey.recorded_at
        self._status = survey.status

    def remove(self, change: RoleChange) -> None:
        """Remove the role that a column had."""
        if change.role == change.was:
            return
        match change.was:
            case "response":
                self._response = ""
            case "recorded_at":
                self._recorded = None
            case "finished" | "status":
                self._status = None
        if change.was in KINDS and change.role not in KINDS:
            self._questions = [one for one in self._questions if not change.is_of(one)]
        if change.was == FIELD:
            self._fields = [one for one in self._fields if one.column != change.column]

    def add(self, change: RoleChange, column: CatalogColumn | None) -> None:
        """Give a column its new role, or only its label."""
        name = change.column
        match change.role:
            case "response":
                self._response = name
            case "recorded_at":
                self._recorded = self._survey.recorded_at.model_copy(update={"column": name})
            case "finished" | "status" if change.role != change.was:
                self._status = _finished(column, name)
            case "field":
                self._put_field(change)
            case kind if kind in KINDS:
                self._put_question(change)

    def _put_field(self, change: RoleChange) -> None:
        places = [n for n, one in enumerate(self._fields) if one.column == change.column]
        made = MappedField(column=change.column, label=change.label)
        for place in places:
            made = self._fields[place].model_copy(update={"label": change.label})
            self._fields[place] = made
        self._fields += [] if places else [made]

    def _put_question(self, change: RoleChange) -> None:
        kind = AnswerType(change.role)
        place = next((n for n, one in enumerate(self._questions) if change.is_of(one)), None)
        parts = {} if place is None else self._questions[place].model_dump(exclude_unset=True)
        if kind is not parts.get("type"):
            parts = {name: one for name, one in parts.items() if name != "delimiter"}
            if kind is AnswerType.MULTIPLE and change.delimiter:
                parts["delimiter"] = change.delimiter
        if kind not in _WITH_CHOICES:
            parts = {name: one for name, one in parts.items() if name not in {"choices", "labels"}}
        if "child" not in parts:
            parts["column"] = parts.get("column", change.column)
        try:
            made = MappedQuestion.model_validate(parts | {"type": kind, "text": change.label})
        except ValidationError as error:
            reason = error.errors()[0]["msg"].removeprefix("Value error, ")
            raise InputError(
                f"“{change.column}” cannot be “{_label(change.role)}”: {reason}.",
                remedy="Choose another role, or edit its choices in the text.",
            ) from None
        if place is None:
            self._questions.append(made)
        else:
            self._questions[place] = made

    def survey(self) -> SurveyMapping | None:
        """Return the survey; ``None`` if no column has a role."""
        others = (self._response, self._status, *self._questions, *self._fields)
        if self._recorded is None or not self._recorded.column:
            if not any(others):
                return None
            raise InputError(
                f"No column of “{self._survey.table}” has the role “{_label(RECORDED)}”.",
                remedy="Choose it for the column with the time of a response.",
            )
        parts = {
            "response": self._response,
            "recorded_at": self._recorded,
            "status": self._status,
            "questions": tuple(self._questions),
            "fields": tuple(self._fields),
        }
        try:
            return SurveyMapping.model_validate(dict(self._survey) | parts)
        except ValidationError as error:
            reason = error.errors()[0]["msg"].removeprefix("Value error, ")
            raise InputError(
                f"The roles do not fit together: {reason}.",
                remedy="Choose other roles, or edit the text.",
            ) from None


def _finished(column: CatalogColumn | None, name: str) -> Status:
    status = finished_status(column)
    if status is None:
        raise InputError(
            f"“{name}” cannot be “{_label(FINISHED)}”: it has neither Booleans nor numbers.",
            remedy="Write `status` with the values to exclude in the text.",
        )
    return status


def _label(role: str) -> str:
    return next(one.label for one in ROLES if one.id == role)
