"""The columns of an export: what row 3 of its header says, as keys that are compared whole.

Header names repeat and are people's to edit, and row 2 is in the account's language, so a column
is known by its ImportId object alone. ``choiceId`` and whatever else stands in the object belongs
to the key; ``timeZone`` only tells how to read the column's dates.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Final, NamedTuple

_QUESTION: Final = re.compile(
    r"(?:(?P<loop>[^_]+)_)?(?P<question>QID\d+)(?P<rest>(?:[_#].*)?)", re.DOTALL
)
_DERIVED: Final = re.compile(r"_(?:DO|NPS_GROUP)|.*_TEXT_[0-9a-f]{24}.*", re.DOTALL)

NEEDED_METADATA: Final = ("status", "finished", "recordedDate")
"""What decides whether and when a response counts; in every export. Three columns: an export of one
column would lose its blank rows in most readers."""

PERSONAL_METADATA: Final = frozenset(
    {
        "ipAddress",
        "locationLatitude",
        "locationLongitude",
        "recipientEmail",
        "recipientFirstName",
        "recipientLastName",
        "externalDataReference",
    }
)
"""Columns about the person who answered: exported only for a debug bundle that asks for them."""

METADATA: Final = PERSONAL_METADATA | {
    "startDate",
    "endDate",
    "status",
    "progress",
    "duration",
    "finished",
    "recordedDate",
    "_recordId",
    "distributionChannel",
    "userLanguage",
}
"""What an export can tell about a response beside its answers."""


class ColumnKey(NamedTuple):
    """An ImportId object: its ``ImportId`` and, sorted, everything else but the time zone."""

    import_id: str
    rest: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class ExportColumn:
    """One column of an export by its position.

    Attributes:
        zone: The IANA zone that its dates are written in.
    """

    position: int
    key: ColumnKey
    zone: str = "UTC"

    @property
    def question(self) -> str:
        """The question that this is an answer to; empty for metadata, fields, scores and orders."""
        found = _QUESTION.fullmatch(self.key.import_id)
        if found is None or _DERIVED.fullmatch(found["rest"]):
            return ""
        return found["question"]

    @property
    def loop(self) -> str:
        """The loop in which that was asked; empty outside of loops."""
        found = _QUESTION.fullmatch(self.key.import_id)
        return (found["loop"] or "") if found else ""


def read_key(cell: str) -> tuple[ColumnKey, str] | None:
    """Read a cell of row 3: its key and the time zone of its dates.

    Gives ``None`` for what is no ImportId object, as in columns that people wrote. Never raises.
    """
    try:
        content = json.loads(cell)
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict) or not isinstance(content.get("ImportId"), str):
        return None
    zone = content.pop("timeZone", "UTC")
    import_id = content.pop("ImportId")
    rest = tuple(sorted((name, _spell(value)) for name, value in content.items()))
    return ColumnKey(import_id, rest), zone if isinstance(zone, str) else ""


def _spell(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


class Header:
    """The three header records of an export.

    Attributes:
        width: How many columns there are.
        columns: Those with an ImportId, in the order of the file.
        ignored: The names of the others, which people or spreadsheets added.
    """

    def __init__(self, names: list[str], keys: list[str]) -> None:
        self.width = len(keys)
        self.columns: list[ExportColumn] = []
        self.ignored: list[str] = []
        self._by_key: dict[ColumnKey, list[ExportColumn]] = {}
        for position, cell in enumerate(keys):
            found = read_key(cell)
            if found is None:
                name = names[position] if position < len(names) else ""
                self.ignored.append(name.strip() or f"column {position + 1}")
                continue
            column = ExportColumn(position, *found)
            self.columns.append(column)
            self._by_key.setdefault(column.key, []).append(column)

    def all(self, key: ColumnKey) -> list[ExportColumn]:
        """Return every column with this key: more than one and nobody can tell which is meant."""
        return self._by_key.get(key, [])

    def metadata(self, name: str) -> ExportColumn | None:
        """Return a column of metadata.

        An embedded field may have the same name; metadata stands before all embedded data.
        """
        return next(iter(self.all(ColumnKey(name))), None)

    def field(self, name: str) -> list[ExportColumn]:
        """Return the columns of an embedded field: more than one are ambiguous."""
        found = self.all(ColumnKey(name))
        return found[1:] if name in NEEDED_METADATA else found

    def parts(self, import_id: str) -> list[ExportColumn]:
        """Return every column of a question, in one loop, or of a part of it such as a row."""
        begins = (f"{import_id}_", f"{import_id}#")
        return [
            column
            for column in self.columns
            if column.question
            and (column.key.import_id == import_id or column.key.import_id.startswith(begins))
        ]

    def loops(self, question: str) -> list[str]:
        """Return a question's loops in the order of the file; one outside of loops is empty."""
        found = (c.loop for c in self.columns if c.question == question)
        return list(dict.fromkeys(found))

    def choices(self, import_id: str) -> dict[str, list[ExportColumn]]:
        """Return the columns of a question that was split by choice, by the id of the choice."""
        found: dict[str, list[ExportColumn]] = {}
        for column in self.columns:
            if column.key.import_id == import_id and dict(column.key.rest).keys() == {"choiceId"}:
                found.setdefault(dict(column.key.rest)["choiceId"], []).append(column)
        return found
