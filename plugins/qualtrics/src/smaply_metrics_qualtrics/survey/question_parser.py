"""One question of a definition: what people see of it, and how its answers are read.

Each type of question has its columns (see the docs' table of types). A type that is not known, or
whose columns do not hold one number or one choice each, is listed with a note and can be counted:
it is answered when any of its columns holds something.
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
"""Types that ask nothing: descriptive text and captchas have no column."""

_ONE_ANSWER: Final = frozenset({"", "SingleAnswer", "DL", "DND"})
_TIMES: Final = {
    "FIRST_CLICK": "First click (seconds)",
    "LAST_CLICK": "Last click (seconds)",
    "PAGE_SUBMIT": "Page submit (seconds)",
    "CLICK_COUNT": "Click count",
}
_TEXT_NOTE: Final = "Free text: it has no value to calculate with, and each answer may be its own."
_SEVERAL_NOTE: Final = (
    "Several answers may be given: it has shares and no average, and nothing is grouped by it."
)
_NUMBER_NOTE: Final = "Numbers are calculated with, but nothing is grouped by them."
_LOOPS_NOTE: Final = "Asked in loops, here all together: each loop gives an answer of its own."
_COUNT_NOTES: Final = {
    "Draw": "A signature can be counted; there is nothing in it to calculate with.",
    "FileUpload": "An uploaded file can be counted; there is nothing in it to calculate with.",
    "HeatMap": "Clicks on a picture can be counted; they have no scale.",
    "HL": "Highlighted words can be counted; they have no scale.",
    "HotSpot": "A marked picture can be counted; its regions have no common scale.",
    "Meta": "The respondent's browser can be counted; there is nothing in it to calculate with.",
    "PGR": "Pick, group and rank answers mix groups with ranks and are not measured.",
    "SBS": "A side-by-side question mixes questions of several kinds and is not measured.",
    "SS": "A rating of scattered items is not measured.",
    "TreeSelect": "Tree answers span several columns and are not measured.",
}


class AnswerShape(StrEnum):
    """How the cells of a question are read."""

    SINGLE = "single"
    """One column with the key of one choice."""
    MULTIPLE = "multiple"
    """One column for each choice, filled when it was chosen."""
    NUMBER = "number"
    """One column with a number."""
    TEXT = "text"
    """One column with whatever was typed."""
    ANY = "any"
    """Any column of a question or of a part of it: answered when one of them is filled."""


@dataclass(frozen=True)
class AnswerColumns:
    """How the answers to a question are read from an export.

    Attributes:
        question: The id under which its columns are asked for; empty for a score or a field.
        import_id: Of its column; what those of all its columns begin with when there are several.
        every_loop: It is asked in loops, and counts in each: ``import_id`` is that outside of them.
        field: The embedded field that holds it; empty for everything else.
        ticks: For a split question the key of each choice, by option id.
        spellings: What else than a choice's key may stand in a cell, and the key that it means.
        may_lack: Options that may have no column: those left out of analyses often have none.
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
    """A question with all its sub-questions, and the columns of each answer."""

    question: Question
    answer_columns: Mapping[str, AnswerColumns]


class _Named(NamedTuple):
    """What a question is called: id, export tag, and the text that people read."""

    id: str
    tag: str
    text: str

    def part(self, suffix: str, text: str) -> _Named:
        """Name a part of it: exports write ids and tags of parts after an underscore."""
        return _Named(f"{self.id}_{suffix}", f"{self.tag}_{suffix}", text)


def parse_question(
    question_id: str,
    body: Mapping[str, Any],
    questions: Mapping[str, Mapping[str, Any]],
    loops: Mapping[str, str] | None,
) -> ParsedQuestion:
    """Read one question.

    Args:
        question_id: Its id, as in ``QID4``.
        body: Its definition.
        questions: All questions of the survey, for choices that are carried forward.
        loops: For a question of a loop & merge block its loops, label by id; empty when they are
            not known, and all together all the same. ``None`` for every other question.
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
    """Say that a question stands for all of its loops: one response may give several answers."""
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
    """Makes a question and its sub-questions, in one loop or outside of loops."""

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
            self._written(named.part(f"{option.id}_TEXT", _beside(option)), option.numeric)
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
            note = "MaxDiff answers set choices against each other; alone they have no scale."
            return self._counted(named, note)
        kind = f"{self._selector} {sub_selector}".strip() or "unknown"
        return self._counted(named, f"A matrix of this kind ({kind}) is not measured.")

    def _rows(self, named: _Named, make: Callable[[_Named], Question]) -> Question:
        inside: list[Question] = []
        tags = as_dict(self._body.get("ChoiceDataExportTags"))
        for row in with_carried(self._body, self._questions, valued=False):
            part = named.part(row.id, row.label)
            if tags.get(row.id):
                part = part._replace(tag=str(tags[row.id]))
            inside.append(make(part))
            if row.text_entry:
                inside.append(self._written(part.part("TEXT", _beside(row)), row.numeric))
        return self._group(named, inside, "Choose one of its rows.")

    def _text_entry(self, named: _Named) -> Question:
        numeric = self._is_numeric()
        if self._selector != "FORM":
            make = self._number if numeric else self._typed
            return make(named, f"{named.id}_TEXT")
        inside = [
            self._written(named.part(field.id, field.label), field.numeric or numeric)
            for field in options(self._body, valued=False)
        ]
        return self._group(named, inside, "Choose one of its fields.")

    def _is_numeric(self) -> bool:
        settings = as_dict(as_dict(self._body.get("Validation")).get("Settings"))
        wanted = (settings.get("Type"), settings.get("ContentType"))
        return wanted == ("ContentType", "ValidNumber")

    def _items(self, named: _Named) -> Question:
        items = with_carried(self._body, self._questions, valued=False)
        inside = [self._number(named.part(item.id, item.label)) for item in items]
        if self._type == "RO":
            return self._group(named, inside, "Choose one of its items; 1 is the first rank.")
        return self._group(named, inside, "Choose one of its items.")

    def _timing(self, named: _Named) -> Question:
        inside = [self._number(named.part(part, label)) for part, label in _TIMES.items()]
        return self._group(named, inside, "Choose one of its times.")

    def _drill_down(self, named: _Named) -> Question:
        """Read its levels: each is a list, and offers what the level above leads to."""
        answers = options(self._body, "Answer")
        depths = _depths(as_dict(self._body.get("AnswerMap")))
        inside = []
        for depth, level in enumerate(options(self._body, valued=False)):
            here = [answer for answer in answers if depths.get(answer.id, depth) == depth]
            inside.append(self._single(named.part(level.id, level.label), here or answers))
        return self._group(named, inside, "Choose one of its levels.")

    def _other(self, named: _Named) -> Question:
        unknown = f"The question type {self._type or '(none)'} is not measured."
        return self._counted(named, _COUNT_NOTES.get(self._type, unknown))

    # What the makers above end in: one question that is answered, and its columns.

    def _single(
        self,
        named: _Named,
        offered: Sequence[AnswerOption],
        kind: QuestionKind = QuestionKind.SINGLE_CHOICE,
    ) -> Question:
        self._keep(named, AnswerShape.SINGLE, spellings=other_spellings(offered))
        choices = single_choices(offered)
        note = "" if choices else "The survey's definition does not say what it offers."
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
        return _answered(named, QuestionKind.NUMBER, _NUMBER_NOTE)

    def _typed(self, named: _Named, import_id: str = "") -> Question:
        self._keep(named, AnswerShape.TEXT, import_id)
        return _answered(named, QuestionKind.TEXT, _TEXT_NOTE)

    def _written(self, named: _Named, numeric: bool) -> Question:  # noqa: FBT001  # Of two.
        """Return what is written beside a choice, or in the field of a form."""
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


def _beside(option: AnswerOption) -> str:
    return f"{option.label.rstrip(':')}: text"


def _depths(parents: Mapping[str, Any]) -> dict[str, int]:
    """Return the level of each answer of a drill down from the answer above each, 0 for none."""
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
