"""Convert Form Garden's forms to questionnaires and its CSV files to rows."""

from __future__ import annotations

import io
from typing import Final

import polars as pl

from smaply_metrics_core import (
    Choice,
    EmbeddedField,
    ExclusionReason,
    ExportFailed,
    Question,
    QuestionKind,
    Questionnaire,
    SourceUnavailable,
    Survey,
)
from smaply_metrics_core.calculations import (
    AnswerExpr,
    RowReader,
    allowed_calculations,
    read_csv,
)
from smaply_metrics_form_garden.api import Form, FormQuestion, FormWithQuestions

PERSONAL: Final = "respondent"
"""The column with personal data. Debug bundles contain it only when personal data is included."""

RECORDED: Final = "submitted_at"
STATUS: Final = "status"
EXCLUDED: Final = {
    "draft": ExclusionReason.UNFINISHED,
    "test": ExclusionReason.TEST,
    "done": None,
}
"""Why a response is excluded, by its status; ``None`` for a response that counts."""

_MOST_DIGITS: Final = 10

UNEXPECTED: Final = "Form Garden returned an unexpected response."


def form_survey(form: Form) -> Survey:
    """Return one form as a survey."""
    return Survey(id=form.id, name=form.title)


def form_questionnaire(found: FormWithQuestions) -> Questionnaire:
    """Return one form with its questions.

    Raises:
        SourceUnavailable: if two questions have the same name.
    """
    if len({one.name for one in found.questions}) < len(found.questions):
        raise SourceUnavailable("Form Garden returned two questions with the same name.")
    return Questionnaire(
        survey=form_survey(found.form),
        questions=tuple(map(_question, found.questions)),
        fields=(EmbeddedField(name="plot", label="Garden plot"),),
        can_weight=True,
    )


def _question(given: FormQuestion) -> Question:
    kind = QuestionKind.SINGLE_CHOICE if given.options else QuestionKind.TEXT
    if given.many:
        kind = QuestionKind.MULTIPLE_CHOICE
    choices = tuple(
        Choice(key=one, label=one, value=_number(one)) for one in dict.fromkeys(given.options)
    )
    return Question(
        id=given.name,
        text=given.label,
        kind=kind,
        choices=choices,
        calculations=allowed_calculations(kind, choices),
        can_group_by=kind is QuestionKind.SINGLE_CHOICE,
        note="" if choices else "The answers are free text.",
    )


def _number(option: str) -> float | None:
    return float(option) if option.isdecimal() and len(option) < _MOST_DIGITS else None


def read_rows(text: bytes, questionnaire: Questionnaire) -> pl.DataFrame:
    """Return one row per response, with its time in UTC and the reason why it is excluded.

    Raises:
        ExportFailed: if the text is not valid CSV, or a column is missing or holds an undocumented
            value.
    """
    rows = read_csv(io.BytesIO(text))
    names = {RECORDED, STATUS, *(one.id for one in questionnaire.walk()), "plot"}
    if missing := names - {*rows.columns}:
        raise ExportFailed(f"The responses lack these columns: {', '.join(sorted(missing))}.")
    try:
        return rows.with_columns(
            pl.col(RECORDED).str.to_datetime("%+", time_zone="UTC"),
            pl.col(STATUS).replace_strict(EXCLUDED, return_dtype=pl.String),
        )
    except pl.exceptions.PolarsError:
        raise ExportFailed(UNEXPECTED) from None


def _answer(question: Question) -> AnswerExpr:
    given = pl.col(question.id)
    if question.kind is QuestionKind.MULTIPLE_CHOICE:  # One boolean for each choice.
        return {one.key: given.str.split("|").list.contains(one.key) for one in question.choices}
    return given


ROWS: Final = RowReader(
    recorded=pl.col(RECORDED), answer=_answer, field=pl.col, left_out=pl.col(STATUS)
)
"""How ``answer_queries`` reads the rows of any form."""
