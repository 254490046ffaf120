"""The columns of an export, with the kind and role that their ImportIds determine.

The key of a column is the whole object in row 3, since header names can repeat. The ImportId of a
question is `[loop_]id`, followed by a row (`_2`), a row and answer (`_2_3`), a column of a
side-by-side question (`#1_2`), a text (`_TEXT`, `_4_TEXT`), a group (`_NPS_GROUP`), a timing or a
display order (`_DO`). `import_ids` explains the others.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from smaply_metrics_qualtrics_sandbox.surveys.cell_table import Cells
from smaply_metrics_qualtrics_sandbox.surveys.import_ids import ColumnKind, ImportIdParser
from smaply_metrics_qualtrics_sandbox.surveys.questions import (
    CODED_TYPES,
    NUMBER_TYPES,
    Coding,
    SandboxOption,
    column_of,
    has_rows,
    is_multiple,
    items,
    options,
)

DATES = frozenset({"startDate", "endDate", "recordedDate", "lastModifiedDate"})
NUMERIC_METADATA = frozenset({"status", "progress", "duration", "finished"})
STATUS_LABELS = {
    "0": "IP Address",
    "1": "Survey Preview",
    "2": "Survey Test",
    "4": "Imported",
    "8": "Spam",
    "9": "Survey Preview Spam",
    "12": "Imported Spam",
    "16": "Offline",
    "17": "Offline Survey Preview",
    "32": "EX",
    "40": "EX Spam",
    "48": "EX Offline",
}
FINISHED_LABELS = {"0": "False", "1": "True"}
GROUP_LABELS = {"1": "Detractor", "2": "Passive", "3": "Promoter"}

_REST = re.compile(r"(?:#(?P<col>\d+))?(?P<path>(?:_x?\d+)*)(?P<tail>.*)", re.DOTALL)


class ColumnRole(Enum):
    """The meaning of the cells of a column."""

    DATE = "date"
    PLAIN = "plain"
    TEXT = "text"
    NUMBER = "number"
    CODED = "coded"
    TICKED = "ticked"
    ORDER = "order"


@dataclass(eq=False)
class SandboxColumn:
    """One column of the responses of a survey.

    Attributes:
        header: The cell in row 1.
        text: The cell in row 2.
        raw: The cell in row 3, unparsed.
        key: The object in row 3.
        kind: The kind of the column.
        role: The meaning of the cells.
        cells: The cells, with dates in UTC and coded cells as recodes.
        question: The id of the question.
        loop: The id of the loop, or an empty string.
        group: Identifies the columns of one answer: (loop, question, side-by-side column, row).
        answers: The possible answers of a coded cell; for a ticked cell, its choice; for a display
            order, what it lists.
        zone: The IANA time zone of a date column in the file.
    """

    header: str
    text: str
    raw: str
    key: Mapping[str, Any]
    kind: ColumnKind
    role: ColumnRole
    cells: Cells
    question: str | None = None
    loop: str = ""
    group: tuple[str, ...] = ()
    answers: tuple[SandboxOption, ...] = ()
    zone: str = "UTC"

    @property
    def import_id(self) -> str:
        """The ImportId."""
        return str(self.key["ImportId"])

    @property
    def is_order(self) -> bool:
        """Whether the column is a display order."""
        return self.role is ColumnRole.ORDER

    def labels(self) -> Mapping[str, str]:
        """Return the labels by cell value."""
        if self.kind is ColumnKind.METADATA:
            return {"status": STATUS_LABELS, "finished": FINISHED_LABELS}.get(self.import_id, {})
        if self.role is ColumnRole.TICKED:
            return {"1": self.answers[0].label} if self.answers else {}
        if self.import_id.endswith("_NPS_GROUP"):
            return GROUP_LABELS
        found: dict[str, str] = {}
        for answer in self.answers:
            found.setdefault(answer.recode, answer.label)
        return found


def parse_key(raw: str) -> Mapping[str, Any] | None:
    """Return the object in a cell of row 3, or None if it is not an ImportId object."""
    try:
        key = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    if isinstance(key, dict) and isinstance(key.get("ImportId"), str) and key["ImportId"]:
        return key
    return None


def column_maker(definition: Mapping[str, Any]) -> Callable[..., SandboxColumn]:
    """Return a function that makes the columns of a survey.

    Its arguments are the three header cells, the parsed third cell and a number of blank cells.
    """
    ids = ImportIdParser(definition)
    questions = definition["Questions"]

    def make(
        header: str, text: str, raw: str, key: Mapping[str, Any], rows: int = 0
    ) -> SandboxColumn:
        import_id = str(key["ImportId"])
        name = ids.parse(import_id, header)
        column = SandboxColumn(header, text, raw, key, name.kind, ColumnRole.PLAIN, Cells(rows))
        if name.kind is ColumnKind.METADATA and import_id in DATES:
            column.role = ColumnRole.DATE
            column.zone = str(key.get("timeZone") or "UTC")
        elif name.kind is ColumnKind.SCORE:
            column.role = ColumnRole.NUMBER
        elif name.kind is ColumnKind.ORDER:
            column.role = ColumnRole.ORDER
        elif name.question is not None:
            column.role = ColumnRole.TEXT
            column.question, column.loop = name.question, name.loop
            _explain(column, name.rest, questions.get(name.question))
        return column

    return make


def _explain(column: SandboxColumn, rest: str, question: Mapping[str, Any] | None) -> None:
    """Set the role of a question's column from the rest of its ImportId."""
    parts = _REST.fullmatch(rest)
    if parts is None:  # pragma: no cover - the pattern matches every text
        return
    path = [step for step in parts["path"].split("_") if step]
    tail = parts["tail"]
    column.group = (column.loop, str(column.question), parts["col"] or "", "")
    if tail == "_DO":
        column.role = ColumnRole.ORDER
        column.answers = items(question or {})
    elif tail == "_NPS_GROUP":
        column.role = ColumnRole.CODED
    elif tail:
        column.role = ColumnRole.TEXT if tail.startswith("_TEXT") else ColumnRole.NUMBER
        if tail in {"_BROWSER", "_VERSION", "_OS", "_RESOLUTION"} or tail.startswith("_FILE_"):
            column.role = ColumnRole.TEXT
    elif question is not None:
        if parts["col"]:
            question = column_of(question, parts["col"])
        _explain_cells(column, path, question)


def _explain_cells(column: SandboxColumn, path: list[str], question: Mapping[str, Any]) -> None:
    """Set the role of a column that contains answers."""
    kind = question.get("QuestionType")
    if kind in NUMBER_TYPES:
        column.role = ColumnRole.NUMBER
    if kind not in CODED_TYPES or question.get("Selector") == "TE":
        return
    answers = options(question)
    row = path[0] if has_rows(question) and path else ""
    column.group = (*column.group[:3], row)
    ticked = column.key.get("choiceId")
    if ticked is None and row and len(path) > 1:
        ticked = path[1]
    if ticked is not None and is_multiple(question):
        column.role = ColumnRole.TICKED
        column.answers = tuple(answer for answer in answers if answer.id == str(ticked))
    elif ticked is not None:
        column.role = ColumnRole.TEXT
    else:
        column.role = ColumnRole.CODED
        column.answers = answers


def metadata_column(columns: Iterable[SandboxColumn], import_id: str) -> SandboxColumn | None:
    """Return a metadata column, or None."""
    for column in columns:
        if column.kind is ColumnKind.METADATA and column.import_id == import_id:
            return column
    return None


def settle(column: SandboxColumn) -> None:
    """Convert the cells of a newly read column to recodes, whatever format the file has."""
    if column.role is ColumnRole.CODED and column.answers:
        column.cells.translate(Coding(column.answers, column.cells.words).recode)
    elif column.role is ColumnRole.TICKED:
        for answer in column.answers:
            ticks = {"1", answer.id, answer.recode, answer.label} - {"0"}
            column.cells.translate(lambda word, ticks=ticks: "1" if word in ticks else word)  # type: ignore[misc]
