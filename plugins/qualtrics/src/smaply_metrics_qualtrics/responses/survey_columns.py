"""The columns of an export that contain the answers to a question, or an embedded field.

The survey decides which column belongs to what, not the look of its ImportId. If an embedded field
has the ImportId of an answer or of metadata, the export contains both columns, and the field is the
last one: embedded data follows metadata, questions and scores.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

from smaply_metrics_core import QuestionUnavailable
from smaply_metrics_qualtrics.export_columns import (
    METADATA,
    NEEDED_METADATA,
    ColumnKey,
    ExportColumn,
    Header,
)
from smaply_metrics_qualtrics.survey.answer_columns import AnswerColumns
from smaply_metrics_qualtrics.survey.column_owners import ColumnOwners


class _AnswerColumn(NamedTuple):
    """A column that contains answers, and the id of its loop."""

    column: ExportColumn
    loop: str


class SurveyColumns:
    """Finds the columns of questions and embedded fields in the header of an export.

    Args:
        header: The header.
        owners: The questions and fields of the survey.
    """

    def __init__(self, header: Header, owners: ColumnOwners) -> None:
        self._header = header
        self._owners = owners
        self._of_question: dict[str, list[_AnswerColumn]] = {}
        for column in header.columns:
            owner = owners.owner(column.key.import_id)
            if owner is not None and owner.is_answer and not self._is_field(column):
                found = _AnswerColumn(column, owner.loop)
                self._of_question.setdefault(owner.question, []).append(found)

    def field(self, name: str) -> ExportColumn:
        """Return the column of an embedded field.

        Raises:
            QuestionUnavailable: if there is none, or more than one.
        """
        found = self._header.all(ColumnKey(name))
        shared = name in METADATA or self._owners.is_answer(name)
        if name in NEEDED_METADATA or (shared and len(found) > 1):
            found = found[1:]
        return _only(found, f"the field “{name}”")

    def single(self, answer: AnswerColumns) -> ExportColumn:
        """Return the column of a question that has only one.

        Raises:
            QuestionUnavailable: if there is none, or more than one.
        """
        if answer.field:
            return self.field(answer.field)
        found = self._answers(answer.import_id)
        if not found and answer.alternative:
            found = self._answers(answer.alternative)
        return _only(found, answer.import_id)

    def is_joined(self, answer: AnswerColumns) -> bool:
        """Whether one column contains all answers, although exports request split columns."""
        whole = self._answers(answer.import_id)
        split = self._header.choices(answer.import_id)
        return bool(answer.spellings) and len(whole) == 1 and not split

    def ticks(self, answer: AnswerColumns) -> dict[str, ExportColumn]:
        """Return the column of each choice by the key of the choice.

        Raises:
            QuestionUnavailable: if a choice has no column, or more than one.
        """
        split = self._header.choices(answer.import_id)
        columns: dict[str, ExportColumn] = {}
        for option_id, key in answer.ticks.items():
            found = split.pop(option_id, []) or self._answers(f"{answer.import_id}_{option_id}")
            if found:
                columns[key] = _only(found, answer.import_id)
            elif option_id not in answer.may_lack:
                raise _missing(f"{answer.import_id}, answer {option_id}")
        # Choices that were deleted from the survey may still have columns, and their answers count.
        for option_id, found in split.items():
            columns.setdefault(option_id, _only(found, answer.import_id))
        if not columns:
            raise _missing(answer.import_id)
        return columns

    def parts(self, answer: AnswerColumns) -> list[ExportColumn]:
        """Return all columns of a question in one loop, or of a sub-question such as a row.

        Raises:
            QuestionUnavailable: if there are none.
        """
        begins = (f"{answer.import_id}_", f"{answer.import_id}#")
        found = [
            one.column
            for one in self._of_question.get(answer.question, ())
            if one.column.key.import_id == answer.import_id
            or one.column.key.import_id.startswith(begins)
        ]
        if not found:
            raise _missing(answer.import_id)
        return found

    def loops(self, answer: AnswerColumns) -> list[AnswerColumns]:
        """Return the columns of each loop that the survey lists and the export contains.

        Raises:
            QuestionUnavailable: if there are none.
        """
        present = {one.loop for one in self._of_question.get(answer.question, ())}
        loops = [loop for loop in self._owners.loops(answer.question) if loop in present]
        if not loops:
            raise _missing(answer.import_id)
        return [
            dataclasses.replace(
                answer,
                import_id=f"{loop}_{answer.import_id}" if loop else answer.import_id,
                alternative=f"{loop}_{answer.alternative}"
                if loop and answer.alternative
                else answer.alternative,
                every_loop=False,
            )
            for loop in loops
        ]

    def _answers(self, import_id: str) -> Sequence[ExportColumn]:
        """Return the columns with this ImportId, without an embedded field that has the same."""
        found = self._header.all(ColumnKey(import_id))
        return found[:-1] if len(found) > 1 and self._owners.is_field(import_id) else found

    def _is_field(self, column: ExportColumn) -> bool:
        """Whether a column is that of a field, which can have the ImportId of an answer."""
        name = column.key.import_id
        if column.key.rest or not self._owners.is_field(name):
            return False
        same = self._header.all(column.key)
        # A single one can be that of the answer, since exports contain only what they request.
        return column is same[-1] and (len(same) > 1 or not self._owners.is_answer(name))


def _only(found: Sequence[ExportColumn], what: str) -> ExportColumn:
    if not found:
        raise _missing(what)
    if len(found) > 1:
        raise QuestionUnavailable(
            f"The export has {len(found)} identical columns for {what}.",
            remedy="Rename one of them in Qualtrics.",
        )
    return found[0]


def _missing(what: str) -> QuestionUnavailable:
    return QuestionUnavailable(
        f"The export has no column for {what}, which may have just been deleted.",
        remedy="Edit the metric and choose another question.",
    )
