"""Parse a question of a survey definition, and determine the export columns of its answers.

``docs/qualtrics.md`` lists the supported types. A question of another type can only be counted: it
is answered if any of its columns is filled. A note on the question states this.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from smaply_metrics_core import Choice, Question, QuestionKind
from smaply_metrics_core.calculations import allowed_calculations
from smaply_metrics_qualtrics.html_text import html_to_text
from smaply_metrics_qualtrics.json_values import as_dict
from smaply_metrics_qualtrics.survey.answer_columns import AnswerColumns, AnswerShape
from smaply_metrics_qualtrics.survey.choices import (
    AnswerOption,
    joined_spellings,
    multiple_choices,
    option_labels,
    options,
    other_spellings,
    single_choices,
    with_carried,
)
from smaply_metrics_qualtrics.survey.labels import says_something, with_distinct_texts
from smaply_metrics_qualtrics.survey.side_by_side import side_by_side_columns

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
_NO_COLUMNS_NOTE: Final = (
    "The survey definition does not list the columns, so the question can only be counted."
)
_COLUMNS_NOTE: Final = "Choose a column; the question as a whole can only be counted."
_LOOPS_NOTE: Final = "Combines all loops; each loop counts as a separate answer."
_COUNT_NOTES: Final = {
    "Draw": "Signatures can only be counted.",
    "FileUpload": "Uploaded files can only be counted.",
    "HeatMap": "Clicks on an image can only be counted.",
    "HL": "Highlighted words can only be counted.",
    "HotSpot": "Selected regions of an image can only be counted.",
    "Meta": "Browser information can only be counted.",
    "PGR": "Answers that combine groups and ranks can only be counted.",
    "SS": "Ratings of scattered items can only be counted.",
    "TreeSelect": "Selections in a tree can only be counted.",
}


@dataclass(frozen=True)
class ParsedQuestion:
    """A question with its sub-questions, and the export columns of each by question id."""

    question: Question
    answer_columns: Mapping[str, AnswerColumns]


class Named(NamedTuple):
    """The id, export tag and text of a question."""

    id: str
    tag: str
    text: str

    def part(self, suffix: str, text: str, *, by: str = "_") -> Named:
        """Return the name of a sub-question: id and tag get a suffix after an underscore."""
        return Named(f"{self.id}{by}{suffix}", f"{self.tag}{by}{suffix}", text)


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
    named = Named(question_id, tag, _text(body) or tag)
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
        inside.append(one.build(Named(f"{loop}_{question_id}", f"{loop}_{tag}", label)))
        answer_columns |= one.answer_columns
    whole = _in_every_loop(question)
    parts = with_distinct_texts((*whole.sub_questions, *inside))
    return ParsedQuestion(whole.model_copy(update={"sub_questions": parts}), answer_columns)


def _text(body: Mapping[str, Any]) -> str:
    """Return the text of a question, or its description if the text is only piped text."""
    texts = (html_to_text(body.get(name)) for name in ("QuestionText", "QuestionDescription"))
    return next(filter(says_something, texts), "")


def _in_every_loop(question: Question) -> Question:
    """Return the question as one that combines all loops, with up to one answer for each loop."""
    return question.model_copy(
        update={
            "can_group_by": False,
            "note": f"{_LOOPS_NOTE} {question.note}".strip(),
            "sub_questions": tuple(_in_every_loop(part) for part in question.sub_questions),
        }
    )


def _group(named: Named, inside: Sequence[Question], note: str) -> Question:
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

    def build(self, named: Named) -> Question:
        makers: Mapping[str, Callable[[Named], Question]] = {
            "MC": self._choice,
            "Matrix": self._matrix,
            "TE": self._text_entry,
            "Slider": self._items,
            "CS": self._items,
            "RO": self._items,
            "Timing": self._timing,
            "DD": self._drill_down,
            "SBS": self._side_by_side,
        }
        return makers.get(self._type, self._other)(named)

    def _choice(self, named: Named) -> Question:
        offered = with_carried(self._body, self._questions)
        made: Question
        if self._selector in MULTIPLE_SELECTORS:
            made = self._multiple(named, offered)
        elif self._selector == "NPS":
            made = self._single(named, offered, QuestionKind.NPS)
        else:
            made = self._single(named, offered)
        labels = option_labels(offered)
        texts = tuple(
            self._written(
                named.part(f"{option.id}_TEXT", _text_label(labels[option.id])), option.numeric
            )
            for option in offered
            if option.text_entry
        )
        return made.model_copy(update={"sub_questions": texts})

    def _matrix(self, named: Named) -> Question:
        answers = with_carried(self._body, self._questions, "Answer")
        sub_selector = str(self._body.get("SubSelector") or "")
        if self._selector in {"Likert", "Bipolar"} and sub_selector == "MultipleAnswer":
            return self._rows(named, lambda row: self._multiple(row, answers))
        if self._selector in {"Likert", "Bipolar"} and sub_selector in _ONE_ANSWER:
            return self._rows(named, lambda row: self._single(row, answers))
        if self._selector in {"TE", "CS"}:
            make = self._number if self._selector == "CS" or self._is_numeric() else self._typed
            if not answers:
                # The only column of a side-by-side question's texts need not be listed.
                return self._rows(named, make)
            columns = option_labels(answers)
            return self._rows(
                named,
                lambda row: self._group(
                    row, [make(row.part(*column)) for column in columns.items()], "Choose a column."
                ),
            )
        if self._selector == "MaxDiff":
            return self._counted(named, "MaxDiff answers can only be counted.")
        kind = f"{self._selector} {sub_selector}".strip() or "unknown"
        return self._counted(named, f"Matrix questions of the type {kind} can only be counted.")

    def _rows(self, named: Named, make: Callable[[Named], Question]) -> Question:
        inside: list[Question] = []
        tags = as_dict(self._body.get("ChoiceDataExportTags"))
        rows = with_carried(self._body, self._questions, valued=False)
        labels = option_labels(rows, tags)
        for row in rows:
            part = named.part(row.id, labels[row.id])
            if tags.get(row.id):
                part = part._replace(tag=str(tags[row.id]))
            inside.append(make(part))
            if row.text_entry:
                written = part.part("TEXT", _text_label(part.text))
                inside.append(self._written(written, row.numeric))
        return self._group(named, inside, "Choose a row.")

    def _text_entry(self, named: Named) -> Question:
        numeric = self._is_numeric()
        if self._selector != "FORM":
            make = self._number if numeric else self._typed
            return make(named, f"{named.id}_TEXT")
        fields = options(self._body, valued=False)
        labels = option_labels(fields)
        inside = [
            self._written(named.part(field.id, labels[field.id]), field.numeric or numeric)
            for field in fields
        ]
        return self._group(named, inside, "Choose a field.")

    def _is_numeric(self) -> bool:
        settings = as_dict(as_dict(self._body.get("Validation")).get("Settings"))
        wanted = (settings.get("Type"), settings.get("ContentType"))
        return wanted == ("ContentType", "ValidNumber")

    def _items(self, named: Named) -> Question:
        items = with_carried(self._body, self._questions, valued=False)
        inside = [self._number(named.part(*item)) for item in option_labels(items).items()]
        if self._type == "RO":
            return self._group(named, inside, "Choose an item; 1 is the highest rank.")
        return self._group(named, inside, "Choose an item.")

    def _timing(self, named: Named) -> Question:
        inside = [self._number(named.part(part, label)) for part, label in _TIMES.items()]
        return self._group(named, inside, "Choose a time.")

    def _drill_down(self, named: Named) -> Question:
        """Build one sub-question for each level, with the answers of that level as choices."""
        answers = options(self._body, "Answer")
        depths = _depths(as_dict(self._body.get("AnswerMap")))
        levels = option_labels(options(self._body, valued=False))
        inside = []
        for depth, level in enumerate(levels.items()):
            here = [answer for answer in answers if depths.get(answer.id, depth) == depth]
            inside.append(self._single(named.part(*level), here or answers))
        return self._group(named, inside, "Choose a level.")

    def _side_by_side(self, named: Named) -> Question:
        """Build one sub-question for each column, which is a matrix of its own."""
        inside = []
        for column, body in side_by_side_columns(self._body).items():
            one = _Builder(self._id, body, self._questions)
            inside.append(one.build(named.part(column, _text(body) or f"Column {column}", by="#")))
            self.answer_columns |= {
                part: dataclasses.replace(answer, alternative=_other_text_column(answer, body))
                for part, answer in one.answer_columns.items()
            }
        whole = self._counted(named, _COLUMNS_NOTE if inside else _NO_COLUMNS_NOTE)
        return whole.model_copy(update={"sub_questions": with_distinct_texts(inside)})

    def _other(self, named: Named) -> Question:
        unknown = f"Questions of the type {self._type or '(none)'} can only be counted."
        return self._counted(named, _COUNT_NOTES.get(self._type, unknown))

    # Each of the methods below builds one question and records its columns.

    def _single(
        self,
        named: Named,
        offered: Sequence[AnswerOption],
        kind: QuestionKind = QuestionKind.SINGLE_CHOICE,
    ) -> Question:
        self._keep(named, AnswerShape.SINGLE, spellings=other_spellings(offered))
        choices = single_choices(offered)
        note = "" if choices else "The survey definition does not list the choices."
        return answered(named, kind, note, choices)

    def _multiple(self, named: Named, offered: Sequence[AnswerOption]) -> Question:
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
        return answered(named, QuestionKind.MULTIPLE_CHOICE, _SEVERAL_NOTE, choices)

    def _number(self, named: Named, import_id: str = "") -> Question:
        self._keep(named, AnswerShape.NUMBER, import_id)
        return answered(named, QuestionKind.NUMBER, NUMBER_NOTE)

    def _typed(self, named: Named, import_id: str = "") -> Question:
        self._keep(named, AnswerShape.TEXT, import_id)
        return answered(named, QuestionKind.TEXT, _TEXT_NOTE)

    def _written(self, named: Named, numeric: bool) -> Question:  # noqa: FBT001  # One of two.
        """Build the text field of a choice or form."""
        return self._number(named) if numeric else self._typed(named)

    def _group(self, named: Named, inside: Sequence[Question], note: str) -> Question:
        self._keep(named, AnswerShape.ANY)
        return _group(named, inside, note)

    def _counted(self, named: Named, note: str) -> Question:
        self._keep(named, AnswerShape.ANY)
        return answered(named, QuestionKind.OTHER, note)

    def _keep(
        self,
        named: Named,
        shape: AnswerShape,
        import_id: str = "",
        spellings: Mapping[str, str] | None = None,
    ) -> None:
        self.answer_columns[named.id] = AnswerColumns(
            self._id, shape, import_id or named.id, spellings=spellings or {}
        )


def _text_label(label: str) -> str:
    return f"{label.rstrip(':')}: text"


def _other_text_column(answer: AnswerColumns, column: Mapping[str, Any]) -> str:
    """Return the other ImportId that a text of a side-by-side question can have.

    It is undocumented whether the id of its only text box is part of the ImportId.
    """
    boxes = options(column, "Answer")
    if answer.shape not in {AnswerShape.NUMBER, AnswerShape.TEXT} or len(boxes) > 1:
        return ""
    if answer.import_id.endswith("_TEXT"):  # It belongs to a row with a text field.
        return ""
    return answer.import_id.rpartition("_")[0] if boxes else f"{answer.import_id}_1"


def _depths(parents: Mapping[str, Any]) -> dict[str, int]:
    """Return the level of each answer of a drill down, from 0, given the parent of each answer."""
    depths: dict[str, int] = {}
    for answer in parents:
        above, depth = parents[answer], 0
        while above is not None and str(above) in parents and depth < len(parents):
            above, depth = parents[str(above)], depth + 1
        depths[answer] = depth
    return depths


def answered(
    named: Named, kind: QuestionKind, note: str, choices: tuple[Choice, ...] = ()
) -> Question:
    """Return a question with answers of a kind and the calculations that they allow."""
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
