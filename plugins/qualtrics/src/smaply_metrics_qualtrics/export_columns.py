"""Identify the columns of an export by the ImportId objects in row 3 of the header.

The names in row 1 can repeat and can be edited by users, and row 2 is in the account's language.
All properties of the ImportId object, such as ``choiceId``, belong to the key, except ``timeZone``,
which is the time zone of the column's dates.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final, NamedTuple

NEEDED_METADATA: Final = ("status", "finished", "recordedDate")
"""The columns that determine whether and when a response counts. Every export contains them, which
also avoids an export with a single column, where blank rows would be lost."""

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
"""Columns with personal data. They are exported only for a debug bundle that includes them."""

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
"""All columns of an export that describe the response."""


class ColumnKey(NamedTuple):
    """An ImportId object: its ``ImportId``, and its other properties, sorted, without time zone."""

    import_id: str
    rest: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class ExportColumn:
    """One column of an export.

    Attributes:
        position: The index of the column, from 0.
        key: The ImportId object.
        zone: The IANA time zone of the column's dates.
    """

    position: int
    key: ColumnKey
    zone: str = "UTC"


def read_key(cell: str) -> tuple[ColumnKey, str] | None:
    """Parse a cell of row 3 and return its key and time zone.

    Return ``None`` if the cell is not an ImportId object, as in a column that a user added. Never
    raises.
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
    """The header of an export.

    Attributes:
        width: The number of columns.
        columns: The columns with an ImportId, in file order.
        ignored: The names of the other columns, which users or spreadsheets added.
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
        """Return all columns with this key. More than one are ambiguous."""
        return self._by_key.get(key, [])

    def metadata(self, name: str) -> ExportColumn | None:
        """Return a metadata column.

        An embedded field can have the same name, but metadata precedes embedded data in a file.
        """
        return next(iter(self.all(ColumnKey(name))), None)

    def choices(self, import_id: str) -> dict[str, list[ExportColumn]]:
        """Return the columns of a question with one column per choice, by choice id."""
        found: dict[str, list[ExportColumn]] = {}
        for column in self.columns:
            if column.key.import_id == import_id and dict(column.key.rest).keys() == {"choiceId"}:
                found.setdefault(dict(column.key.rest)["choiceId"], []).append(column)
        return found
