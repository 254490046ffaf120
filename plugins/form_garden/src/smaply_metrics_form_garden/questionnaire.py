"""Convert Form Garden's forms to questionnaires and its CSV files to rows."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any, Final

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

UNEXPECTED: Final = "Form Garden returned an unexpected response."


def form_survey(item: Mapping[str, Any]) -> Survey:
    """Return one form of the list as a survey."""
    try:
        return Survey(id=item["id"], name=item["title"])
    except (KeyError, ValueError):  # A pydantic ValidationError is a ValueError.
        raise SourceUnavailable(UNEXPECTED) from None


def form_questionnaire(found: Mapping[str, Any]) -> Questionnaire:
    """Return one form with its questions.

    Raises:
        SourceUnavailable: if the response does not match the documented API.
    """
    try:
        return Questionnaire(
            survey=form_survey(found["form"]),
            questions=tuple(_question(**one) for one in found["questions"]),
            fields=(EmbeddedField(name="plot", label="Garden plot"),),
        )
    except (KeyError, TypeError, ValueError):
        raise SourceUnavailable(UNEXPECTED) from None


def _question(name: str, label: str, options: Sequence[str], *, many: bool) -> Question:
    kind = QuestionKind.SINGLE_CHOICE if options else QuestionKind.TEXT
    if many:
        kind = QuestionKind.MULTIPLE_CHOICE
    choices = tuple(
        Choice(key=one, label=one, value=float(one) if one.isdecimal() else None) for one in options
    )
    return Question(
        id=name,
        text=label,
        kind=kind,
        choices=choices,
        calculations=allowed_calculations(kind, choices),
        can_group_by=kind is QuestionKind.SINGLE_CHOICE,
        note="" if choices else "The answers are free text.",
    )


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
