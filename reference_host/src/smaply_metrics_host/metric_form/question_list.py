"""The questions to choose from in the metric form: searched, grouped by heading and limited."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Final

from smaply_metrics_core.host import QuestionKind
from smaply_metrics_host.web.text import count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smaply_metrics_core.host import AnswerCounts, FormOption, Question, Questionnaire
    from smaply_metrics_host.metric_form.form_data import MetricForm

QUESTIONS_SHOWN: Final = 100
KINDS: Final = {
    QuestionKind.SINGLE_CHOICE: "Single choice",
    QuestionKind.MULTIPLE_CHOICE: "Multiple choice",
    QuestionKind.NPS: "NPS 0\N{EN DASH}10",
    QuestionKind.NUMBER: "Number",
    QuestionKind.TEXT: "Text",
    QuestionKind.GROUP: "Group of rows",
    QuestionKind.ENTERED: "Entered value",
    QuestionKind.OTHER: "Other",
}
ALL_ROWS: Final = "All rows"
TOO_FEW: Final = "Too few answers to show"


@dataclass(frozen=True)
class QuestionEntry:
    """A question in the list.

    Attributes:
        number: Its position in the survey, which identifies its element while the list is narrowed.
        value: Its id; empty for no question.
        label: Its text.
        heading: The text of the question that it is a row of; empty for other questions.
        kind: Its type in words; empty for no question or a deleted one.
        names: Its id and its short name.
        refused: Why it is unavailable; empty if it can be chosen.
        answers: The number of its answers in words; empty if it is unknown.
    """

    number: int
    value: str
    label: str
    heading: str = ""
    kind: str = ""
    names: tuple[str, ...] = ()
    refused: str = ""
    answers: str = ""

    @property
    def full_label(self) -> str:
        """Return the text after that of its heading."""
        return f"{self.heading} \N{EN DASH} {self.label}" if self.heading else self.label

    def matches(self, sought: str) -> bool:
        """Whether its text, heading, id or name contains a folded search text."""
        return any(sought in fold(one) for one in (self.label, self.heading, *self.names))


@dataclass(frozen=True)
class QuestionList:
    """The questions that match the search text.

    Attributes:
        groups: The listed questions by heading; the chosen one is always listed, so that the form
            submits it.
        chosen: The chosen question, or the entry for no question.
        matching: The number of questions that match.
        more: The number of matching questions beyond the limit.
        total: The number of questions of the survey.
    """

    groups: tuple[tuple[str, tuple[QuestionEntry, ...]], ...]
    chosen: QuestionEntry
    matching: int
    more: int
    total: int


def question_list(
    form: MetricForm,
    options: tuple[FormOption, ...],
    survey: Questionnaire,
    deleted: str,
    answers: AnswerCounts | None = None,
) -> QuestionList:
    """Return the questions of a form.

    Args:
        form: The form with the chosen question and the search text.
        options: The options of the question; the first one is no question.
        survey: The survey, for the type and the name of each question.
        deleted: The text of the chosen question if it was deleted.
        answers: The numbers of answers; ``None`` if they are unknown.
    """
    asked = {one.id: one for one in survey.walk()}
    none, *questions = _entries(options, asked, answers)
    if deleted:
        chosen = QuestionEntry(-1, form.question, f"{deleted} (deleted)")
    else:
        chosen = next((one for one in questions if one.value == form.question), none)
    sought = fold(form.question_search)
    found = [one for one in questions if one.matches(sought)] if sought else questions
    first = found[:QUESTIONS_SHOWN]
    shown = [*first, *([] if sought else [none])]
    if chosen not in shown:
        shown.append(chosen)
    shown.sort(key=lambda one: one.number)
    return QuestionList(
        groups=tuple((key, tuple(same)) for key, same in groupby(shown, lambda one: one.heading)),
        chosen=chosen,
        matching=len(found),
        more=len(found) - len(first),
        total=len(questions),
    )


def fold(text: str) -> str:
    """Return a text without case, accents and surrounding space, for a search."""
    parts = unicodedata.normalize("NFKD", text.strip().casefold())
    return "".join(one for one in parts if not unicodedata.combining(one))


def _entries(
    options: tuple[FormOption, ...], asked: dict[str, Question], answers: AnswerCounts | None
) -> Iterator[QuestionEntry]:
    for number, (heading, option) in enumerate(_with_headings(options, asked, "")):
        question = asked.get(option.value)
        yield QuestionEntry(
            number,
            option.value,
            ALL_ROWS if _is_group(question) else option.label,
            heading,
            KINDS[question.kind] if question else "",
            tuple(dict.fromkeys(filter(None, (question.id, question.name)))) if question else (),
            option.refused,
            _answers(option.value, answers),
        )


def _answers(question: str, answers: AnswerCounts | None) -> str:
    if answers is None:
        return ""
    if question in answers.few:
        return TOO_FEW
    number = answers.counts.get(question)
    return "" if number is None else count(number, "answer")


def _with_headings(
    options: tuple[FormOption, ...], asked: dict[str, Question], heading: str
) -> Iterator[tuple[str, FormOption]]:
    """Yield each option with the text of its headings; all rows only where they can be chosen."""
    for one in options:
        below = " \N{EN DASH} ".join(filter(None, (heading, one.label)))
        if not _is_group(asked.get(one.value)):
            yield heading, one
        elif not one.refused:
            yield below, one
        yield from _with_headings(one.rows, asked, below)


def _is_group(question: Question | None) -> bool:
    """Whether a question is a heading without answers of its own, unlike one with a text field."""
    return question is not None and question.kind is QuestionKind.GROUP
