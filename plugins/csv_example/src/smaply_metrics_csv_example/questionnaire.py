"""Derive a questionnaire from the columns of a file, and read the answers.

A survey tool knows the kind of each question. A CSV file does not, so the kind is derived from the
answers by the rules in the README.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import polars as pl

from smaply_metrics_core import (
    Choice,
    EmbeddedField,
    ExportFailed,
    Question,
    QuestionKind,
    Questionnaire,
    SourceContext,
    Survey,
)
from smaply_metrics_core.calculations import AnswerExpr, RowReader, allowed_calculations
from smaply_metrics_core.files import FIELD_PREFIX, MULTIPLE_SUFFIX
from smaply_metrics_csv_example.csv_files import ABOUT, RECORDED, STATUS

SEPARATOR: Final = ";"
"""Separates the answers in a cell of a multiple-choice question."""

MOST_ANSWERS: Final = 5_000_000
"""The maximum number of answers in all cells of multiple-choice questions, since a file of 100 MB
could hold 100 million, and each takes memory."""

NPS_SCALE: Final = range(11)
MOST_SCALE_VALUES: Final = 11
MOST_TEXT_CHOICES: Final = 50
MOST_MULTIPLE_CHOICES: Final = 200
ANSWERS_PER_TEXT: Final = 2
"""Texts are choices if each occurs at least this often on average. Otherwise they are free text."""

LARGEST_WHOLE: Final = 1e15
"""Well below the limit (2**53) up to which a float represents every integer exactly."""


def questionnaire_of(context: SourceContext, survey_id: str, rows: pl.DataFrame) -> Questionnaire:
    """Return the questionnaire of a file: one question or embedded field for each column.

    Raises:
        ExportFailed: if multiple-choice questions have more answers than the limit.
    """
    names = [name for name in rows.columns if name not in ABOUT]
    fields = [name for name in names if name.startswith(FIELD_PREFIX)]
    questions = [name for name in names if name not in fields]
    multiple = (rows[name] for name in questions if name.endswith(MULTIPLE_SUFFIX))
    if sum(cells.str.count_matches(SEPARATOR, literal=True).sum() for cells in multiple) > (
        MOST_ANSWERS
    ):
        raise ExportFailed(
            f"{survey_id}: multiple-choice questions have more than {MOST_ANSWERS:,} answers.",
            remedy="Split the file by time, or remove columns.",
        )
    return Questionnaire(
        survey=Survey(id=survey_id, name=survey_id),
        questions=tuple(_question(context, name, rows[name].drop_nulls()) for name in questions),
        fields=tuple(EmbeddedField(name=name.removeprefix(FIELD_PREFIX)) for name in fields),
        can_weight=True,  # By a field or a question, which ``answer_queries`` reads.
        inferred=True,
    )


def _question(context: SourceContext, name: str, answers: pl.Series) -> Question:
    context.deadline.check()
    derived = _multiple(answers) if name.endswith(MULTIPLE_SUFFIX) else _single(name, answers)
    return Question(
        id=name,
        text=name.removesuffix(MULTIPLE_SUFFIX),
        kind=derived.kind,
        choices=derived.choices,
        # The core defines which calculations each kind of question allows.
        calculations=allowed_calculations(derived.kind, derived.choices),
        can_group_by=derived.kind in {QuestionKind.SINGLE_CHOICE, QuestionKind.NPS},
    )


class _Derived(NamedTuple):
    """What the answers reveal about their question."""

    kind: QuestionKind
    choices: tuple[Choice, ...] = ()


def _multiple(answers: pl.Series) -> _Derived:
    parts = answers.str.split(SEPARATOR).explode().str.strip_chars()
    given = sorted(set(parts.unique().head(MOST_MULTIPLE_CHOICES + 2).drop_nulls()) - {""})
    if len(given) > MOST_MULTIPLE_CHOICES:
        return _Derived(QuestionKind.TEXT)
    return _Derived(QuestionKind.MULTIPLE_CHOICE, _texts(given))


def _single(name: str, answers: pl.Series) -> _Derived:
    numbers = _numbers(answers)
    if numbers is None:
        return _of_texts(answers)
    whole = all(value.is_integer() and abs(value) < LARGEST_WHOLE for value in numbers)
    if whole and "nps" in name.lower() and set(numbers) <= set(NPS_SCALE):
        return _Derived(QuestionKind.NPS, _scale(NPS_SCALE))
    if not numbers:  # No answers yet.
        return _Derived(QuestionKind.TEXT)
    if whole and len(numbers) <= MOST_SCALE_VALUES:
        return _Derived(QuestionKind.SINGLE_CHOICE, _scale(_with_gaps_filled(numbers)))
    return _Derived(QuestionKind.NUMBER)


def _numbers(answers: pl.Series) -> list[float] | None:
    """Return the distinct answers in ascending order, or ``None`` if one is not a number."""
    numbers = answers.cast(pl.Float64, strict=False)
    if not numbers.is_finite().fill_null(value=False).all():
        return None
    return sorted(numbers.unique())


def _of_texts(answers: pl.Series) -> _Derived:
    given = sorted(answers.unique().head(MOST_TEXT_CHOICES + 1))
    if len(given) <= min(MOST_TEXT_CHOICES, len(answers) / ANSWERS_PER_TEXT):
        return _Derived(QuestionKind.SINGLE_CHOICE, _texts(given))
    return _Derived(QuestionKind.TEXT)


def _with_gaps_filled(numbers: Sequence[float]) -> list[int]:
    """Return the scale including values that no response chose, unless that is too many."""
    scale = range(int(numbers[0]), int(numbers[-1]) + 1)
    return list(scale) if len(scale) <= MOST_SCALE_VALUES else [int(value) for value in numbers]


def _scale(values: Iterable[int]) -> tuple[Choice, ...]:
    return tuple(Choice(key=str(one), label=str(one), value=one) for one in values)


def _texts(texts: Iterable[str]) -> tuple[Choice, ...]:
    return tuple(Choice(key=one, label=one) for one in texts)


def _answer(question: Question) -> AnswerExpr:
    """Return an expression for the answer: text, or one boolean for each of several choices."""
    cell = pl.col(question.id)
    if question.kind is QuestionKind.MULTIPLE_CHOICE:
        given = cell.str.split(SEPARATOR).list.eval(pl.element().str.strip_chars())
        return {choice.key: given.list.contains(choice.key) for choice in question.choices}
    if any(choice.value is not None for choice in question.choices):
        return cell.cast(pl.Float64).cast(pl.Int64).cast(pl.String)  # Read “5.0” as “5”.
    return cell


def _field(name: str) -> pl.Expr:
    return pl.col(f"{FIELD_PREFIX}{name}")


ROWS: Final = RowReader(
    recorded=pl.col(RECORDED), answer=_answer, field=_field, left_out=pl.col(STATUS)
)
"""How ``answer_queries`` reads the rows of any file."""
