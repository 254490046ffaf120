"""Parse a question of a survey definition, and determine the export columns of its answers.

``docs/qualtrics.md`` lists the supported types. A question of another type can only be counted: it
is answered if any of its columns is filled. A note on the question states this.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NamedTuple

from smaply_metrics_core import Choice, Question, QuestionKind
from smaply_metrics_core.calculations import allowed_calculations
from smaply_metrics_qualtrics.html_text import html_to_text
from smaply_metrics_qualtrics.json_values import as_dict
from smaply_metrics_qualtrics.survey.choices import (
    AnswerOption,
    joined_spellings,
    multiple_choices,
    options,
    other_spellings,
    single_choices,
    with_carried,
)

MULTIPLE_SELECTORS: Final = frozenset({"MAVR", "MAHR", "MACOL", "MSB"})
NOT_ANSWERED: Final = frozenset({"DB", "Captcha"})
"""Types without answers: descriptive text and captchas have no column."""

_ONE_ANSWER: Final = frozenset({"", "SingleAnswer", "DL", "DND"})
_TIMES: Final = {
    "FIRST_CLICK": "First click (seconds)",
    "LAST_CLICK": "Last click (seconds)",
    "PAGE_SUBMIT": "Page submit (seconds)",
    "CLICK_COUNT": "Click count",
}
_TEXT_NOTE: Final = "Free text can only be counted."
_SEVERAL_NOTE: Final = (
    "Several answers are possible, so there is no average and no grouping by this question."
)
NUMBER_NOTE: Final = "Results cannot be grouped by a number."
_LOOPS_NOTE: Final = "Combines all loops; each loop counts as a separate answer."
_COUNT_NOTES: Final = {
    "Draw": "Signatures can only be counted.",
    "FileUpload": "Uploaded files can only be counted.",
    "HeatMap": "Clicks on an image can only be counted.",
    "HL": "Highlighted words can only be counted.",
    "HotSpot": "Selected regions of an image can only be counted.",
    "Meta": "Browser information can only be counted.",
    "PGR": "Answers that combine groups and ranks can only be counted.",
    "SBS": "Side-by-side questions can only be counted.",
    "SS": "Ratings of scattered items can only be counted.",
    "TreeSelect": "Selections in a tree can only be counted.",
}


class AnswerShape(StrEnum):
    """The layout of a question's columns."""

    SINGLE = "single"
    """One column with the key of a choice."""
    MULTIPLE = "multiple"
    """One column for each choice, filled if the choice is selected."""
    NUMBER = "number"
    """One column with a number."""
    TEXT = "text"
    """One column with free text."""
    ANY = "any"
    """All columns of a question or sub-question. It is answered if one of them is filled."""


@dataclass(frozen=True)
class AnswerColumns:
    """The export columns that contain the answers to a question.

    Attributes:
        question: The question id for the export request; empty for a score or embedded field.
        shape: The layout of the columns.
        import_id: The ImportId of the column, or the common prefix of several columns.
        every_loop: Whether the question is in loops and all of them are counted. ``import_id`` then
            lacks the loop prefix.
        field: The name of the embedded field that contains the answer, or an empty string.
        ticks: The key of each choice by option id, if each choice has its own column.
        spellings: Alternative values of a cell, mapped to the keys of the choices.
        may_lack: The ids of options that may lack a column because analyses exclude them.
    """

    question: str
    shape: AnswerShape
    import_id: str = ""
    every_loop: bool = False
    field: str = ""
    ticks: Mapping[str, str] = dataclasses.field(default_factory=dict)
    spellings: Mapping[str, str] = dataclasses.field(default_factory=dict)
    may_lack: frozenset[str] = frozenset()


@dataclass(frozen=True)
class ParsedQuestion:
    """A question with its sub-questions, and the export columns of each by question id."""

    question: Question
    answer_columns: Mapping[str, AnswerColumns]


class _Named(NamedTuple):
    """The id, export tag and text of a question."""

    id: str
    tag: str
    text: str

    def part(self, suffix: str, text: str) -> _Named:
        """Return the name of a sub-question: id and tag get a suffix after an underscore."""
        return _Named(f"{self.id}_{suffix}", f"{self.tag}_{suffix}", text)


def parse_question(
    question_id: str,
    body: Mapping[str, Any],
    questions: Mapping[str, Mapping[str, Any]],
    loops: Mapping[str, str] | None,
) -> ParsedQuestion:
    """Parse one question.

    Args:
        question_id: The id of the question, such as ``QID4``.
        body: The definition of the question.
        questions: The definitions of all questions by id, to resolve carried-forward choices.
        loops: The labels of the loops by id if the question is in a loop & merge block; empty if
            the loops are unknown. ``None`` for other questions.
    """
    tag = str(body.get("DataExportTag") or question_id)
    text = (
        html_to_text(body.get("QuestionText"))
        or html_to_text(body.get("QuestionDescription"))
        or tag
    )
    named = _Named(question_id, tag, text)
    builder = _Builder(question_id, body, questions)
    question = builder.build(named)
    if loops is None:
        return ParsedQuestion(question, builder.answer_columns)
    answer_columns = {
        part: dataclasses.replace(answer, every_loop=True)
        for part, answer in builder.answer_columns.items()
    }
    inside: list[Question] = []
    for loop, label in loops.items():
        one = _Builder(question_id, body, questions)
        inside.append(one.build(_Named(f"{loop}_{question_id}", f"{loop}_{tag}", label)))
        answer_columns |= one.answer_columns
    whole = _in_every_loop(question)
    return ParsedQuestion(
        whole.model_copy(update={"sub_questions": (*whole.sub_questions, *inside)}), answer_columns
    )


def _in_every_loop(question: Question) -> Question:
    """Return the question as one that combines all loops, with up to one answer for each loop."""
    return question.model_copy(
        update={
            "can_group_by": False,
            "note": f"{_LOOPS_NOTE} {question.note}".strip(),
            "sub_questions": tuple(_in_every_loop(part) for part in question.sub_questions),
        }
    )


def _group(named: _Named, inside: Sequence[Question], note: str) -> Question:
    return Question(
        id=named.id,
        name=named.tag,
        text=named.text,
        kind=QuestionKind.GROUP,
        calculations=allowed_calculations(QuestionKind.GROUP),
        note=note,
        sub_questions=tuple(inside),
    )


class _Builder:
    """Builds a question and its sub-questions, in one loop or outside of loops."""

    def __init__(
        self,
        question_id: str,
        body: Mapping[str, Any],
        questions: Mapping[str, Mapping[str, Any]],
    ) -> None:
        self.answer_columns: dict[str, AnswerColumns] = {}
        self._id = question_id
        self._body = body
        self._questions = questions
        self._type = str(body.get("QuestionType", ""))
        self._selector = str(body.get("Selector", ""))

    def build(self, named: _Named) -> Question:
        makers: Mapping[str, Callable[[_Named], Question]] = {
            "MC": self._choice,
            "Matrix": self._matrix,
            "TE": self._text_entry,
            "Slider": self._items,
            "CS": self._items,
            "RO": self._items,
            "Timing": self._timing,
            "DD": self._drill_down,
        }
        return makers.get(self._type, self._other)(named)

    def _choice(self, named: _Named) -> Question:
        offered = with_carried(self._body, self._questions)
        made: Question
        if self._selector in MULTIPLE_SELECTORS:
            made = self._multiple(named, offered)
        elif self._selector == "NPS":
            made = self._single(named, offered, QuestionKind.NPS)
        else:
            made = self._single(named, offered)
        texts = tuple(
            self._written(named.part(f"{option.id}_TEXT", _text_label(option)), option.numeric)
            for option in offered
            if option.text_entry
        )
        return made.model_copy(update={"sub_questions": texts})

    def _matrix(self, named: _Named) -> Question:
        answers = options(self._body, "Answer")
        sub_selector = str(self._body.get("SubSelector") or "")
        if self._selector in {"Likert", "Bipolar"} and sub_selector == "MultipleAnswer":
            return self._rows(named, lambda row: self._multiple(row, answers))
        if self._selector in {"Likert", "Bipolar"} and sub_selector in _ONE_ANSWER:
            return self._rows(named, lambda row: self._single(row, answers))
        if self._selector in {"TE", "CS"}:
            make = self._number if self._selector == "CS" or self._is_numeric() else self._typed
            return self._rows(
                named,
                lambda row: self._group(
                    row, [make(row.part(a.id, a.label)) for a in answers], "Choose a column."
                ),
            )
        if self._selector == "MaxDiff":
            return self._counted(named, "MaxDiff answers can only be counted.")
        kind = f"{self._selector} {sub_selector}".strip() or "unknown"
        return self._counted(named, f"Matrix questions of the type {kind} can only be counted.")

    def _rows(self, named: _Named, make: Callable[[_Named], Question]) -> Question:
        inside: list[Question] = []
        tags = as_dict(self._body.get("ChoiceDataExportTags"))
        for row in with_carried(self._body, self._questions, valued=False):
            part = named.part(row.id, row.label)
            if tags.get(row.id):
                part = part._replace(tag=str(tags[row.id]))
            inside.append(make(part))
            if row.text_entry:
                inside.append(self._written(part.part("TEXT", _text_label(row)), row.numeric))
        return self._group(named, inside, "Choose a row.")

    def _text_entry(self, named: _Named) -> Question:
        numeric = self._is_numeric()
        if self._selector != "FORM":
            make = self._number if numeric else self._typed
            return make(named, f"{named.id}_TEXT")
        inside = [
            self._written(named.part(field.id, field.label), field.numeric or numeric)
            for field in options(self._body, valued=False)
        ]
        return self._group(named, inside, "Choose a field.")

    def _is_numeric(self) -> bool:
        settings = as_dict(as_dict(self._body.get("Validation")).get("Settings"))
        wanted = (settings.get("Type"), settings.get("ContentType"))
        return wanted == ("ContentType", "ValidNumber")

    def _items(self, named: _Named) -> Question:
        items = with_carried(self._body, self._questions, valued=False)
        inside = [self._number(named.part(item.id, item.label)) for item in items]
        if self._type == "RO":
            return self._group(named, inside, "Choose an item; 1 is the highest rank.")
        return self._group(named, inside, "Choose an item.")

    def _timing(self, named: _Named) -> Question:
        inside = [self._number(named.part(part, label)) for part, label in _TIMES.items()]
        return self._group(named, inside, "Choose a time.")

    def _drill_down(self, named: _Named) -> Question:
        """Build one sub-question for each level, with the answers of that level as choices."""
        answers = options(self._body, "Answer")
        depths = _depths(as_dict(self._body.get("AnswerMap")))
        inside = []
        for depth, level in enumerate(options(self._body, valued=False)):
            here = [answer for answer in answers if depths.get(answer.id, depth) == depth]
            inside.append(self._single(named.part(level.id, level.label), here or answers))
        return self._group(named, inside, "Choose a level.")

    def _other(self, named: _Named) -> Question:
        unknown = f"Questions of the type {self._type or '(none)'} can only be counted."
        return self._counted(named, _COUNT_NOTES.get(self._type, unknown))

    # Each of the methods below builds one question and records its columns.

    def _single(
        self,
        named: _Named,
        offered: Sequence[AnswerOption],
        kind: QuestionKind = QuestionKind.SINGLE_CHOICE,
    ) -> Question:
        self._keep(named, AnswerShape.SINGLE, spellings=other_spellings(offered))
        choices = single_choices(offered)
        note = "" if choices else "The survey definition does not list the choices."
        return _answered(named, kind, note, choices)

    def _multiple(self, named: _Named, offered: Sequence[AnswerOption]) -> Question:
        by_option = multiple_choices(offered)
        self.answer_columns[named.id] = AnswerColumns(
            question=self._id,
            shape=AnswerShape.MULTIPLE,
            import_id=named.id,
            ticks={option_id: choice.key for option_id, choice in by_option.items()},
            spellings=joined_spellings(offered),
            may_lack=frozenset(o for o, choice in by_option.items() if not choice.analyze),
        )
        choices = tuple(by_option.values())
        return _answered(named, QuestionKind.MULTIPLE_CHOICE, _SEVERAL_NOTE, choices)

    def _number(self, named: _Named, import_id: str = "") -> Question:
        self._keep(named, AnswerShape.NUMBER, import_id)
        return _answered(named, QuestionKind.NUMBER, NUMBER_NOTE)

    def _typed(self, named: _Named, import_id: str = "") -> Question:
        self._keep(named, AnswerShape.TEXT, import_id)
        return _answered(named, QuestionKind.TEXT, _TEXT_NOTE)

    def _written(self, named: _Named, numeric: bool) -> Question:  # noqa: FBT001  # One of two.
        """Build the text field of a choice or form."""
        return self._number(named) if numeric else self._typed(named)

    def _group(self, named: _Named, inside: Sequence[Question], note: str) -> Question:
        self._keep(named, AnswerShape.ANY)
        return _group(named, inside, note)

    def _counted(self, named: _Named, note: str) -> Question:
        self._keep(named, AnswerShape.ANY)
        return _answered(named, QuestionKind.OTHER, note)

    def _keep(
        self,
        named: _Named,
        shape: AnswerShape,
        import_id: str = "",
        spellings: Mapping[str, str] | None = None,
    ) -> None:
        self.answer_columns[named.id] = AnswerColumns(
            self._id, shape, import_id or named.id, spellings=spellings or {}
        )


def _text_label(option: AnswerOption) -> str:
    return f"{option.label.rstrip(':')}: text"


def _depths(parents: Mapping[str, Any]) -> dict[str, int]:
    """Return the level of each answer of a drill down, from 0, given the parent of each answer."""
    depths: dict[str, int] = {}
    for answer in parents:
        above, depth = parents[answer], 0
        while above is not None and str(above) in parents and depth < len(parents):
            above, depth = parents[str(above)], depth + 1
        depths[answer] = depth
    return depths


def _answered(
    named: _Named, kind: QuestionKind, note: str, choices: tuple[Choice, ...] = ()
) -> Question:
    return Question(
        id=named.id,
        name=named.tag,
        text=named.text,
        kind=kind,
        choices=choices,
        calculations=allowed_calculations(kind, choices),
        can_group_by=bool(choices) and kind in {QuestionKind.SINGLE_CHOICE, QuestionKind.NPS},
        note=note,
    )
