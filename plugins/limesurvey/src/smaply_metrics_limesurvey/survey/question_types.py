"""The question types of LimeSurvey: their questions, and how the answers are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

import polars as pl

from smaply_metrics_core import Choice, EmbeddedField, Question, QuestionKind
from smaply_metrics_core.calculations import AnswerExpr, allowed_calculations
from smaply_metrics_limesurvey.html_text import EXPRESSION, html_to_text
from smaply_metrics_limesurvey.survey.choices import FIXED, labels_of, read_choices, scales_of
from smaply_metrics_limesurvey.survey.columns import Column

Properties = Callable[[], Mapping[str, Any]]

FREE_TEXT: Final = "The answers are free text."
DATE: Final = "Dates are only counted."
LANGUAGE: Final = "Group by the field of the same name."
EQUATION: Final = "The result of an equation. Group by the field of the same name."
UNKNOWN: Final = "Answers of this question type are only counted."

_NPS: Final = {float(value) for value in range(11)}
_COMMENT: Final = "comment"
_OTHER: Final = "other"
_FILE_COUNT: Final = "filecount"

DISPLAY: Final = "X"
"""The type of a text that is only shown: it has a column, which is always blank."""


@dataclass
class Readings:
    """The questions of a survey, and how the answers are read from rows.

    Attributes:
        questions: The top questions.
        answers: The answer to each question and sub-question, by id.
        fields: The values to group by that are not answers, by name.
        labels: The label of each field.
    """

    questions: list[Question] = field(default_factory=list)
    answers: dict[str, AnswerExpr] = field(default_factory=dict)
    fields: dict[str, pl.Expr] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)

    def add_field(self, heading: str, label: str) -> None:
        """Offer a column as a field."""
        self.fields[heading] = pl.col(heading)
        self.labels[heading] = label

    def embedded(self) -> tuple[EmbeddedField, ...]:
        """Return the fields."""
        return tuple(EmbeddedField(name=name, label=self.labels[name]) for name in self.fields)


class QuestionReader:
    """Reads one top question.

    Args:
        found: The question in the list of questions.
        columns: Its columns, in order.
        properties: Returns its answer options and attributes, which costs a request.
        readings: Receives the questions and answers.
    """

    def __init__(
        self,
        found: Mapping[str, Any],
        columns: Sequence[Column],
        properties: Properties,
        readings: Readings,
    ) -> None:
        self._type = str(found.get("type"))
        self._code = str(found.get("title"))
        text = html_to_text(found.get("question"))
        self._text = "" if text == EXPRESSION else text
        self._other = found.get("other") == "Y"
        self._columns = columns
        self._properties = properties
        self._readings = readings
        self._routings = {one.heading: one.row_routing for one in columns}
        if columns:  # All have the same. A question with one column has its code as the heading.
            self._routings[self._code] = columns[0].routing

    def read(self) -> bool:
        """Add the question to the readings; return whether it could be read.

        Raises:
            SourceUnavailable: if its properties cannot be read.
        """
        if self._type == DISPLAY:
            return True
        if not self._columns:
            return False
        question = self._BY_TYPE.get(self._type, QuestionReader._counted)(self)
        self._readings.questions.append(question)
        return True

    def _choices(self) -> tuple[Choice, ...]:
        return read_choices(
            self._properties().get("answeroptions"),
            other=self._other_label() if self._other else "",
        )

    def _attribute(self, name: str) -> str:
        found = self._properties().get("attributes")
        return str(found.get(name, "")) if isinstance(found, dict) else ""

    def _other_label(self) -> str:
        found = self._properties().get("attributes_lang")
        text = found.get("other_replace_text") if isinstance(found, dict) else ""
        return html_to_text(text) or "Other"

    def _add(  # noqa: PLR0913  # All but the first three are keywords.
        self,
        key: str,
        text: str,
        kind: QuestionKind,
        *,
        answer: AnswerExpr,
        choices: tuple[Choice, ...] = (),
        note: str = "",
    ) -> Question:
        self._readings.answers[key] = answer
        return Question(
            id=key,
            name=key,
            text=text or key,
            kind=kind,
            choices=choices,
            calculations=allowed_calculations(kind, choices),
            can_group_by=bool(choices) and kind is not QuestionKind.MULTIPLE_CHOICE,
            note=note,
            routing=self._routings.get(key),
        )

    def _group(self, rows: Iterable[Question]) -> Question:
        return Question(
            id=self._code,
            name=self._code,
            text=self._text or self._code,
            kind=QuestionKind.GROUP,
            sub_questions=tuple(rows),
            routing=self._routings.get(self._code),
        )

    def _single(self, heading: str, text: str, choices: tuple[Choice, ...]) -> Question:
        values = {one.value for one in choices if one.analyze}
        kind = QuestionKind.NPS if values == _NPS else QuestionKind.SINGLE_CHOICE
        if not choices:
            kind = QuestionKind.OTHER
        note = "" if choices else UNKNOWN
        return self._add(heading, text, kind, answer=pl.col(heading), choices=choices, note=note)

    def _number(self, heading: str, text: str) -> Question:
        return self._add(heading, text, QuestionKind.NUMBER, answer=pl.col(heading))

    def _text_only(self, heading: str, text: str, note: str) -> Question:
        return self._add(heading, text, QuestionKind.TEXT, answer=pl.col(heading), note=note)

    def _free_text(self, heading: str, text: str) -> Question:
        if self._attribute("numbers_only") == "1":
            return self._number(heading, text)
        return self._text_only(heading, text, FREE_TEXT)

    # The question types. Each method reads the one question of the reader.

    def _list(self) -> Question:
        """Read a list, also one with a comment, which is free text in a column of its own."""
        return self._single(self._columns[0].heading, self._text, self._choices())

    def _fixed_list(self) -> Question:
        return self._single(self._columns[0].heading, self._text, FIXED[self._type])

    def _array(self) -> Question:
        choices = FIXED.get(self._type) or self._choices()
        return self._group(self._single(*_row(one), choices) for one in self._columns)

    def _numbers(self) -> Question:
        return self._group(self._number(*_row(one)) for one in self._columns)

    def _texts(self) -> Question:
        return self._group(self._free_text(*_row(one)) for one in self._columns)

    def _numbers_or_boxes(self) -> Question:
        is_boxes = self._attribute("multiflexible_checkbox") == "1"
        return self._check_boxes() if is_boxes else self._numbers()

    def _one_number(self) -> Question:
        return self._number(self._columns[0].heading, self._text)

    def _date(self) -> Question:
        return self._text_only(self._columns[0].heading, self._text, DATE)

    def _language(self) -> Question:
        """Read a language. Which ones a survey has is not known to ordinary users."""
        heading = self._columns[0].heading
        self._readings.add_field(heading, self._text)
        return self._text_only(heading, self._text, LANGUAGE)

    def _one_text(self) -> Question:
        """Read a text. If it is hidden, it holds a value passed in the address: a field."""
        heading = self._columns[0].heading
        if self._attribute("hidden") == "1":
            self._readings.add_field(heading, self._text)
        return self._free_text(heading, self._text)

    def _equation(self) -> Question:
        heading = self._columns[0].heading
        self._readings.add_field(heading, self._text)
        if self._attribute("numbers_only") == "1":
            return self._number(heading, self._text)
        return self._text_only(heading, self._text, EQUATION)

    def _multiple(self) -> Question:
        """Read a multiple choice, without its comments, which are free text."""
        codes = {one.code for one in self._columns}
        boxes = [
            one
            for one in self._columns
            if not (self._type == "P" and one.code.removesuffix(_COMMENT) in codes - {one.code})
        ]
        texts = [
            (one.code, self._other_label() if self._is_other(one) else one.label) for one in boxes
        ]
        # Only the column “Other” holds a text, which may be “Y” or “0”.
        answers: AnswerExpr = {
            one.code: pl.col(one.heading).is_not_null()
            if self._is_other(one)
            else pl.col(one.heading) == "Y"
            for one in boxes
        }
        choices = tuple(Choice(key=code, label=one) for code, one in labels_of(texts).items())
        return self._add(
            self._code, self._text, QuestionKind.MULTIPLE_CHOICE, answer=answers, choices=choices
        )

    def _is_other(self, column: Column) -> bool:
        return self._other and column.code == _OTHER

    def _check_boxes(self) -> Question:
        """Read an array of check boxes: each row is a multiple choice of the columns."""
        rows: dict[str, list[Column]] = {}
        for one in self._columns:
            rows.setdefault(one.code.partition("_")[0], []).append(one)
        questions = []
        for row, boxes in rows.items():
            codes = {one.code.partition("_")[2]: one for one in boxes}
            labels = labels_of([(code, one.scale) for code, one in codes.items()])
            questions.append(
                self._add(
                    f"{self._code}[{row}]",
                    boxes[0].label,
                    QuestionKind.MULTIPLE_CHOICE,
                    answer={code: pl.col(one.heading) == "1" for code, one in codes.items()},
                    choices=tuple(Choice(key=code, label=label) for code, label in labels.items()),
                )
            )
        return self._group(questions)

    def _dual_scale(self) -> Question:
        scales = [read_choices(one) for one in scales_of(self._properties().get("answeroptions"))]
        rows = []
        for one in self._columns:
            number = int(one.heading[-2]) - 1  # The heading ends with [1] or [2].
            choices = scales[number] if number < len(scales) else ()
            rows.append(self._single(*_row(one), choices))
        return self._group(rows)

    def _ranking(self) -> Question:
        """Read a ranking: the item in each place, and the place of each item."""
        items = self._choices()
        places = [self._single(one.heading, one.label, items) for one in self._columns]
        ranks = [
            self._add(
                f"{self._code}:{item.key}",
                f"Rank of {item.label}",
                QuestionKind.NUMBER,
                answer=pl.coalesce(
                    pl.when(pl.col(one.heading) == item.key).then(pl.lit(str(place)))
                    for place, one in enumerate(self._columns, start=1)
                ),
            )
            for item in items
        ]
        return self._group((*places, *ranks))

    def _files(self) -> Question:
        """Read the number of files of an upload. Their names and titles are personal."""
        count = next((one for one in self._columns if one.code == _FILE_COUNT), None)
        if count is None:
            return self._counted()
        files = pl.col(count.heading)
        text = f"{self._text or self._code} (number of files)"
        answer = pl.when(files != "0").then(files)
        return self._add(self._code, text, QuestionKind.NUMBER, answer=answer)

    def _counted(self) -> Question:
        """Read a question of an unknown type, which is answered if any cell is filled."""
        filled = pl.any_horizontal(pl.col(one.heading).is_not_null() for one in self._columns)
        answer = pl.when(filled).then(pl.lit("1"))
        return self._add(self._code, self._text, QuestionKind.OTHER, answer=answer, note=UNKNOWN)

    _BY_TYPE: ClassVar[Mapping[str, Callable[[Any], Question]]] = {
        **dict.fromkeys("L!O", _list),
        **dict.fromkeys("5GY", _fixed_list),
        **dict.fromkeys("ABCEFH", _array),
        **dict.fromkeys("MP", _multiple),
        **dict.fromkeys("STU", _one_text),
        **dict.fromkeys(";Q", _texts),
        "1": _dual_scale,
        ":": _numbers_or_boxes,
        "K": _numbers,
        "N": _one_number,
        "R": _ranking,
        "D": _date,
        "I": _language,
        "*": _equation,
        "|": _files,
    }


def _row(column: Column) -> tuple[str, str]:
    """Return the id and the text of a row, or of a cell of two dimensions."""
    parts = [one for one in (column.label, column.scale) if one]
    return column.heading, ": ".join(parts).replace("|", " / ")
