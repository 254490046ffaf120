"""The columns of an export, with the kind and role that their ImportIds determine.

The key of a column is the whole object in row 3, since header names can repeat. The ImportId of a
question is `[loop_]QIDn`, followed by a row (`_2`), a row and answer (`_2_3`), a column of a
side-by-side question (`#1_2`), a text (`_TEXT`, `_4_TEXT`), a group (`_NPS_GROUP`), a timing or a
display order (`_DO`). `FL_…_DO` and `BL_…_DO` are display orders of the flow, `SC_…` is a score,
the names in `METADATA` are metadata, and everything else is embedded data. A column that a user
added in a spreadsheet has no object in row 3. With a header it is embedded data of that name;
without one it cannot be requested. Both are exported unchanged if there is no filter.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from smaply_metrics_qualtrics_sandbox.surveys.cell_table import Cells
from smaply_metrics_qualtrics_sandbox.surveys.questions import (
    CODED_TYPES,
    NUMBER_TYPES,
    Coding,
    SandboxOption,
    column_of,
    has_rows,
    is_multiple,
    options,
)

METADATA: Mapping[str, str] = {
    "startDate": "StartDate",
    "endDate": "EndDate",
    "status": "Status",
    "ipAddress": "IPAddress",
    "progress": "Progress",
    "duration": "Duration (in seconds)",
    "finished": "Finished",
    "recordedDate": "RecordedDate",
    "_recordId": "ResponseId",
    "recipientLastName": "RecipientLastName",
    "recipientFirstName": "RecipientFirstName",
    "recipientEmail": "RecipientEmail",
    "externalDataReference": "ExternalReference",
    "locationLatitude": "LocationLatitude",
    "locationLongitude": "LocationLongitude",
    "distributionChannel": "DistributionChannel",
    "userLanguage": "UserLanguage",
    "lastModifiedDate": "LastModifiedDate",
}
DATES = frozenset({"startDate", "endDate", "recordedDate", "lastModifiedDate"})
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

_QUESTION = re.compile(
    r"(?:(?P<loop>[A-Za-z0-9]+)_)?(?P<qid>QID\d+)(?P<rest>(?:[_#].*)?)", re.DOTALL
)
_ORDER = re.compile(r"(?:FL|BL)_.+_DO")
_REST = re.compile(r"(?:#(?P<col>\d+))?(?P<path>(?:_x?\d+)*)(?P<tail>.*)", re.DOTALL)


class ColumnKind(Enum):
    """The kind of a column, which determines the filter that applies to it."""

    METADATA = "metadata"
    QUESTION = "question"
    EMBEDDED = "embedded data"
    ORDER = "order of the flow"
    SCORE = "score"
    NAMELESS = "nameless"


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
        key: The object in row 3; None for a column that a user added.
        kind: The kind of the column.
        role: The meaning of the cells.
        cells: The cells, with dates in UTC and coded cells as recodes.
        question: The id of the question.
        loop: The id of the loop, or an empty string.
        group: Identifies the columns of one answer: (loop, question, side-by-side column, row).
        answers: The possible answers of a coded cell; for a ticked cell, its choice.
        zone: The IANA time zone of a date column in the file.
    """

    header: str
    text: str
    raw: str
    key: Mapping[str, Any] | None
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
        """The ImportId, or the header if there is none."""
        return str(self.key["ImportId"]) if self.key else self.header

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
    except ValueError:
        return None
    if isinstance(key, dict) and isinstance(key.get("ImportId"), str):
        return key
    return None


def make_column(
    header: str, text: str, raw: str, questions: Mapping[str, Mapping[str, Any]], rows: int = 0
) -> SandboxColumn:
    """Return a column with these three header cells and `rows` blank cells."""
    key = parse_key(raw)
    cells = Cells(rows)
    if key is None:
        kind = ColumnKind.EMBEDDED if header else ColumnKind.NAMELESS
        return SandboxColumn(header, text, raw, None, kind, ColumnRole.PLAIN, cells)
    import_id = str(key["ImportId"])
    if import_id in METADATA:
        role = ColumnRole.DATE if import_id in DATES else ColumnRole.PLAIN
        column = SandboxColumn(header, text, raw, key, ColumnKind.METADATA, role, cells)
        column.zone = str(key.get("timeZone") or "UTC")
        return column
    if import_id.startswith("SC_"):
        return SandboxColumn(header, text, raw, key, ColumnKind.SCORE, ColumnRole.NUMBER, cells)
    if _ORDER.fullmatch(import_id):
        return SandboxColumn(header, text, raw, key, ColumnKind.ORDER, ColumnRole.ORDER, cells)
    if found := _QUESTION.fullmatch(import_id):
        column = SandboxColumn(header, text, raw, key, ColumnKind.QUESTION, ColumnRole.TEXT, cells)
        column.question, column.loop = found["qid"], found["loop"] or ""
        _explain(column, found["rest"], questions.get(found["qid"]))
        return column
    return SandboxColumn(header, text, raw, key, ColumnKind.EMBEDDED, ColumnRole.PLAIN, cells)


def _explain(column: SandboxColumn, rest: str, question: Mapping[str, Any] | None) -> None:
    """Set the role of a question's column from the rest of its ImportId."""
    parts = _REST.fullmatch(rest)
    if parts is None or column.key is None:  # pragma: no cover - the pattern matches every text
        return
    path = [step for step in parts["path"].split("_") if step]
    tail = parts["tail"]
    column.group = (column.loop, str(column.question), parts["col"] or "", "")
    if tail == "_DO":
        column.role = ColumnRole.ORDER
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
    ticked = column.key.get("choiceId") if column.key else None
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


def settle(column: SandboxColumn) -> None:
    """Convert the cells of a newly read column to recodes, whatever format the file has."""
    if column.role is ColumnRole.CODED and column.answers:
        column.cells.translate(Coding(column.answers, column.cells.words).recode)
    elif column.role is ColumnRole.TICKED:
        for answer in column.answers:
            ticks = {"1", answer.id, answer.recode, answer.label} - {"0"}
            column.cells.translate(lambda word, ticks=ticks: "1" if word in ticks else word)  # type: ignore[misc]
