"""The roles of columns in a survey: which one a column has, and what another one changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from smaply_metrics_core import InputError, RoleOption
from smaply_metrics_sql.databases.database import NUMBERS, CatalogColumn, ColumnType
from smaply_metrics_sql.mapping.faults import reason_of
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
    """Return a survey with other roles of columns; ``None`` if no column has a role.

    Args:
        survey: The survey. ``new_survey`` for a new one.
        changes: The changes.
        types: The columns of its table by name.

    Raises:
        InputError: when two columns would have a role that only one can have, none is the time, or
            a column cannot be such a question.
    """
    _refuse_repeats(changes)
    parts = dict(survey)
    for change in changes:
        if change.role != change.was:
            _remove(parts, change)
    for change in changes:
        _add(parts, change, types.get(change.column), survey.recorded_at)
    return _valid_survey(parts)


def _refuse_repeats(changes: list[RoleChange]) -> None:
    for part in {*_ONCE.values()}:
        named = [one.column for one in changes if _ONCE.get(one.role) == part != _ONCE.get(one.was)]
        if len(named) > 1:
            raise InputError(
                f"“{named[0]}” and “{named[1]}” have a role that only one column can have.",
                remedy="Choose another role for one of them.",
            )


def _remove(parts: dict[str, Any], change: RoleChange) -> None:
    """Remove the role that a column had from the parts of a survey."""
    if change.was in _ONCE:
        parts[_ONCE[change.was]] = "" if change.was == RESPONSE else None
    if change.was in KINDS and change.role not in KINDS:
        parts["questions"] = tuple(one for one in parts["questions"] if not change.is_of(one))
    if change.was == FIELD:
        parts["fields"] = tuple(one for one in parts["fields"] if one.column != change.column)


def _add(
    parts: dict[str, Any], change: RoleChange, column: CatalogColumn | None, recorded: RecordedAt
) -> None:
    """Give a column its new role, or only its label.

    Args:
        parts: The parts of the survey.
        change: The change.
        column: The column; ``None`` if it does not exist.
        recorded: The time of responses before all changes.
    """
    match change.role:
        case "response":
            parts["response"] = change.column
        case "recorded_at":
            parts["recorded_at"] = recorded.model_copy(update={"column": change.column})
        case "finished" if change.role != change.was:
            parts["status"] = _finished(column, change.column)
        case "field":
            parts["fields"] = _with_field(parts["fields"], change)
        case kind if kind in KINDS:
            parts["questions"] = _with_question(parts["questions"], change)


def _with_field(fields: Sequence[MappedField], change: RoleChange) -> tuple[MappedField, ...]:
    if all(one.column != change.column for one in fields):
        return (*fields, MappedField(column=change.column, label=change.label))
    new = {"label": change.label}
    return tuple(
        one.model_copy(update=new) if one.column == change.column else one for one in fields
    )


def _with_question(
    questions: Sequence[MappedQuestion], change: RoleChange
) -> tuple[MappedQuestion, ...]:
    before = next((one for one in questions if change.is_of(one)), None)
    made = _question(before, change)
    if before is None:
        return (*questions, made)
    return tuple(made if one is before else one for one in questions)


def _question(before: MappedQuestion | None, change: RoleChange) -> MappedQuestion:
    """Return a question with another type or text, and what fits of its other parts."""
    kind = AnswerType(change.role)
    parts = {"column": change.column} if before is None else before.model_dump(exclude_unset=True)
    if kind is not parts.get("type"):
        parts.pop("delimiter", None)
        if kind is AnswerType.MULTIPLE and change.delimiter:
            parts["delimiter"] = change.delimiter
    if kind not in _WITH_CHOICES:
        parts = {name: one for name, one in parts.items() if name not in {"choices", "labels"}}
    try:
        return MappedQuestion.model_validate(parts | {"type": kind, "text": change.label})
    except ValidationError as error:
        raise InputError(
            f"“{change.column}” cannot be “{_label(change.role)}”: {reason_of(error)}.",
            remedy="Choose another role, or edit its choices in the text.",
        ) from None


def _valid_survey(parts: dict[str, Any]) -> SurveyMapping | None:
    """Return the survey of some parts; ``None`` if no column has a role."""
    recorded = parts["recorded_at"]
    if recorded is None or not recorded.column:
        if not any(parts[name] for name in ("response", "status", "questions", "fields")):
            return None
        raise InputError(
            f"No column of “{parts['table']}” has the role “{_label(RECORDED)}”.",
            remedy="Choose it for the column with the time of a response.",
        )
    try:
        return SurveyMapping.model_validate(parts)
    except ValidationError as error:
        raise InputError(
            f"The roles do not fit together: {reason_of(error)}.",
            remedy="Choose other roles, or edit the text.",
        ) from None


def _finished(column: CatalogColumn | None, name: str) -> Status:
    status = finished_status(column)
    if status is None:
        raise InputError(
            f"“{name}” cannot be “{_label(FINISHED)}”: its type is neither Boolean nor numeric.",
            remedy="Write `status` with the values to exclude in the text.",
        )
    return status


def _label(role: str) -> str:
    return next(one.label for one in ROLES if one.id == role)
