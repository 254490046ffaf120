"""What the values and comments of columns say about the questions in them."""

from __future__ import annotations

from typing import Final

from smaply_metrics_sql.databases.database import NUMBERS, CatalogColumn
from smaply_metrics_sql.mapping.answer_tables import whole_numbers
from smaply_metrics_sql.mapping.delimiters import delimiter_in
from smaply_metrics_sql.mapping.labels import labels_in
from smaply_metrics_sql.mapping.model import AnswerType, LabelTable, MappedQuestion
from smaply_metrics_sql.mapping.samples import Values

_LARGEST_NPS: Final = 10


def refine(
    question: MappedQuestion, column: CatalogColumn, values: Values, labels: LabelTable | None
) -> tuple[MappedQuestion, str]:
    """Return a proposed question with its labels, and what to check.

    Args:
        question: The question, as its name and type suggest it.
        column: Its column.
        values: A sample of its values.
        labels: A table with labels of these values.
    """
    about, numbers = labels_in(column.comment), whole_numbers(values)
    text = about.text or column.name
    if question.type is AnswerType.NPS:
        is_nps = not numbers or (numbers[0] >= 0 and numbers[-1] <= _LARGEST_NPS)
        remark = (
            ""
            if is_nps
            else (
                f"Check: “{column.name}” has answers outside of 0 to 10. If they are valid, use "
                "`type: scale`."
            )
        )
        return question.model_copy(update={"text": text}), remark
    remark = ""
    if numbers and (numbers[0], numbers[-1]) == (0, _LARGEST_NPS):
        remark = (
            f"Check: “{column.name}” has answers from 0 to 10. If it asks whether people would "
            "recommend you, use `type: nps`."
        )
    parts = {"text": text, "choices": about.choices} if about.choices else {"labels": labels}
    return question.model_copy(update=parts), remark


def discover(
    column: CatalogColumn, values: Values, labels: LabelTable | None
) -> tuple[MappedQuestion | None, str]:
    """Return the question of a column whose name is not that of one, and what to check.

    ``None`` if neither its comment, its values nor a table of labels suggest a question.
    """
    about, text = labels_in(column.comment), column.comment or column.name
    if about.choices and column.type in NUMBERS:
        return MappedQuestion(
            column=column.name,
            text=about.text or column.name,
            type=AnswerType.SCALE,
            choices=about.choices,
        ), f"Check: “{column.name}” is a scale. If its numbers are only codes, use `type: choice`."
    if labels is not None:
        choice = MappedQuestion(
            column=column.name, text=text, type=AnswerType.CHOICE, labels=labels
        )
        return choice, ""
    delimiter = "" if column.type in NUMBERS else delimiter_in(values)
    if not delimiter:
        return None, ""
    several = MappedQuestion(
        column=column.name, text=text, type=AnswerType.MULTIPLE, delimiter=delimiter
    )
    return several, (
        f"Check: “{column.name}” seems to have several answers in one text. If not, use "
        "`type: choice` without `delimiter`."
    )
