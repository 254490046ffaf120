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

from smaply_metrics_core.calculations.definitions import allowed_calculations
from smaply_metrics_core.models.survey import Choice, Question, QuestionKind
from smaply_metrics_qualtrics.choices import (
    Option,
    mapping,
    multiple_choices,
    options,
    single_choices,
    with_carried,
)
from smaply_metrics_qualtrics.plain import plain

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
_COUNT_NOTES: Final = {
    "DD": "Drill-down answers span several columns and are not measured yet.",
    "Draw": "A signature can be counted; there is nothing in it to calculate with.",
    "FileUpload": "An uploaded file can be counted; there is nothing in it to calculate with.",
    "HeatMap": "Clicks on a picture can be counted; they have no scale.",
    "HL": "Highlighted words can be counted; they have no scale.",
    "HotSpot": "Regions of a picture can be counted; they are not measured yet.",
    "Meta": "The respondent's browser can be counted; there is nothing in it to calculate with.",
    "PGR": "Pick, group and rank answers mix groups with ranks and are not measured.",
    "SBS": "A side-by-side question mixes questions of several kinds and is not measured.",
    "SS": "A rating of scattered items is not measured.",
    "TreeSelect": "Tree answers span several columns and are not measured.",
}


class Shape(StrEnum):
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
class Reading:
    """How the answers to a question are read from an export.

    Attributes:
        question: The id under which its columns are asked for; empty for a score or a field.
        import_id: Of its column; what those of all its columns begin with when there are several.
        every_loop: Whether the columns of all loops count, not those of ``import_id`` alone.
        field: The embedded field that holds it; empty for everything else.
        ticks: For a split question the key of each choice, by option id.
        may_lack: Options that may have no column: those left out of analyses often have none.
    """

    question: str
    shape: Shape
    import_id: str = ""
    every_loop: bool = False
    field: str = ""
    ticks: Mapping[str, str] = dataclasses.field(default_factory=dict)
    may_lack: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Asked:
    """A question with all its sub-questions, and the reading of each that can be answered."""

    question: Question
    readings: Mapping[str, Reading]


class _Named(NamedTuple):
    """What a question is called: id, export tag, and the text that people read."""

    id: str
    tag: str
    text: str

    def part(self, suffix: str, text: str) -> _Named:
        """Name a part of it: exports write ids and tags of parts after an underscore."""
        return _Named(f"{self.id}_{suffix}", f"{self.tag}_{suffix}", text)


def ask(
    question_id: str,
    body: Mapping[str, Any],
    questions: Mapping[str, Mapping[str, Any]],
    loops: Mapping[str, str] | None,
) -> Asked:
    """Read one question.

    Args:
        question_id: Its id, as in ``QID4``.
        body: Its definition.
        questions: All questions of the survey, for choices that are carried forward.
        loops: For a question of a loop & merge block its loops, label by id; empty when they are
            not known. ``None`` for every other question.
    """
    tag = str(body.get("DataExportTag") or question_id)
    text = plain(body.get("QuestionText")) or plain(body.get("QuestionDescription")) or tag
    named = _Named(question_id, tag, text)
    if loops is None:
        builder = _Builder(question_id, body, questions)
        return Asked(builder.build(named), builder.readings)
    readings = {question_id: Reading(question_id, Shape.ANY, every_loop=True)}
    if not loops:
        note = "Asked in loops that the survey's definition does not list: it can be counted."
        return Asked(_answered(named, QuestionKind.OTHER, note), readings)
    inside: list[Question] = []
    for loop, label in loops.items():
        builder = _Builder(question_id, body, questions)
        inside.append(builder.build(_Named(f"{loop}_{question_id}", f"{loop}_{tag}", label)))
        readings |= builder.readings
    return Asked(_group(named, inside, "Asked in a loop: choose one of its loops."), readings)


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
        self.readings: dict[str, Reading] = {}
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
            self._typed(named.part(f"{option.id}_TEXT", f"{option.label.rstrip(':')}: text"))
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
        kind = f"{self._selector} {sub_selector}".strip() or "unknown"
        return self._counted(named, f"A matrix of this kind ({kind}) is not measured.")

    def _rows(self, named: _Named, make: Callable[[_Named], Question]) -> Question:
        inside: list[Question] = []
        tags = mapping(self._body.get("ChoiceDataExportTags"))
        for row in with_carried(self._body, self._questions, valued=False):
            part = named.part(row.id, row.label)
            if tags.get(row.id):
                part = part._replace(tag=str(tags[row.id]))
            inside.append(make(part))
            if row.text_entry:
                inside.append(self._typed(part.part("TEXT", f"{row.label.rstrip(':')}: text")))
        return self._group(named, inside, "Choose one of its rows.")

    def _text_entry(self, named: _Named) -> Question:
        make = self._number if self._is_numeric() else self._typed
        if self._selector != "FORM":
            return make(named, f"{named.id}_TEXT")
        fields = options(self._body, valued=False)
        inside = [make(named.part(option.id, option.label)) for option in fields]
        return self._group(named, inside, "Choose one of its fields.")

    def _is_numeric(self) -> bool:
        settings = mapping(mapping(self._body.get("Validation")).get("Settings"))
        wanted = (settings.get("Type"), settings.get("ContentType"))
        return wanted == ("ContentType", "ValidNumber")

    def _items(self, named: _Named) -> Question:
        items = with_carried(self._body, self._questions, valued=False)
        inside = [self._number(named.part(item.id, item.label)) for item in items]
        return self._group(named, inside, "Choose one of its items.")

    def _timing(self, named: _Named) -> Question:
        inside = [self._number(named.part(part, label)) for part, label in _TIMES.items()]
        return self._group(named, inside, "Choose one of its times.")

    def _other(self, named: _Named) -> Question:
        unknown = f"The question type {self._type or '(none)'} is not measured."
        return self._counted(named, _COUNT_NOTES.get(self._type, unknown))

    # What the makers above end in: one question that is answered, and its reading.

    def _single(
        self,
        named: _Named,
        offered: Sequence[Option],
        kind: QuestionKind = QuestionKind.SINGLE_CHOICE,
    ) -> Question:
        self._keep(named, Shape.SINGLE)
        choices = single_choices(offered)
        note = "" if choices else "The survey's definition does not say what it offers."
        return _answered(named, kind, note, choices)

    def _multiple(self, named: _Named, offered: Sequence[Option]) -> Question:
        by_option = multiple_choices(offered)
        self.readings[named.id] = Reading(
            question=self._id,
            shape=Shape.MULTIPLE,
            import_id=named.id,
            ticks={option_id: choice.key for option_id, choice in by_option.items()},
            may_lack=frozenset(o for o, choice in by_option.items() if not choice.analyze),
        )
        choices = tuple(by_option.values())
        return _answered(named, QuestionKind.MULTIPLE_CHOICE, _SEVERAL_NOTE, choices)

    def _number(self, named: _Named, import_id: str = "") -> Question:
        self._keep(named, Shape.NUMBER, import_id)
        return _answered(named, QuestionKind.NUMBER, _NUMBER_NOTE)

    def _typed(self, named: _Named, import_id: str = "") -> Question:
        self._keep(named, Shape.TEXT, import_id)
        return _answered(named, QuestionKind.TEXT, _TEXT_NOTE)

    def _group(self, named: _Named, inside: Sequence[Question], note: str) -> Question:
        self._keep(named, Shape.ANY)
        return _group(named, inside, note)

    def _counted(self, named: _Named, note: str) -> Question:
        self._keep(named, Shape.ANY)
        return _answered(named, QuestionKind.OTHER, note)

    def _keep(self, named: _Named, shape: Shape, import_id: str = "") -> None:
        self.readings[named.id] = Reading(self._id, shape, import_id or named.id)


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
