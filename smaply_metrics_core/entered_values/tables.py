"""The tables of entered values of an account."""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    Field,
    NonNegativeInt,
    StringConstraints,
    ValidationError,
    model_validator,
)

from smaply_metrics_core.models.base import Finite, Frozen, first_error
from smaply_metrics_core.models.query import YEARS, Calculation

SOURCE_ID: Final = "entered_values"
MOST_TABLES: Final = 200
MOST_ROWS: Final = 500
"""Of one table."""
LONGEST_NAME: Final = 100
MOST_CHARACTERS: Final = 1_000_000
"""Of the text that all tables of an account are stored as."""

MOST_ANSWERS: Final = 10**9
"""Larger numbers of answers are typing errors, and do not fit into the store."""

_TABLE_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,40}")


def is_text(text: str) -> bool:
    """Whether a text can be stored and shown in one line: without control characters."""
    return not any(unicodedata.category(one) in {"Cc", "Cs"} for one in text)


def _require_text(text: str) -> str:
    if not is_text(text):
        raise ValueError("names and labels have no line breaks and control characters")
    return text


Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=LONGEST_NAME),
    AfterValidator(_require_text),
]


class EnteredUnit(StrEnum):
    """The unit of the values of a table."""

    NUMBER = "number"
    """With one decimal, such as the average of a rating."""
    COUNT = "count"
    """A whole number of at least 0."""
    PERCENT = "percent"
    """0 to 100."""
    POINTS = "points"
    """Minus 100 to 100, such as an NPS."""

    @property
    def calculation(self) -> Calculation:
        """The calculation that shows values of this unit."""
        return Calculation(f"entered_{self.value}")

    def refusal(self, value: float) -> str:
        """Return what a value of this unit must be; empty for a number that is one."""
        if self is EnteredUnit.COUNT and (value < 0 or not value.is_integer()):
            return "a whole number of at least 0"
        low, high = _LIMITS.get(self, (value, value))
        return (
            "" if low <= value <= high else f"from {low} to {high}".replace("-", "\N{MINUS SIGN}")
        )


_LIMITS: Final = {EnteredUnit.PERCENT: (0, 100), EnteredUnit.POINTS: (-100, 100)}


class EnteredInput(Frozen):
    """A value as a person enters it.

    Attributes:
        day: The day that the value is for.
        label: What it is for, such as a region; empty for the whole.
        value: The value, in the unit of its table.
        n: The number of answers behind it; ``None`` if it is unknown.
    """

    day: date
    label: Name = ""
    value: Finite
    n: Annotated[int, Field(ge=1, le=MOST_ANSWERS)] | None = None

    @property
    def key(self) -> tuple[date, str]:
        """What identifies it in its table."""
        return self.day, self.label


class EnteredRow(EnteredInput):
    """An entered value of a table.

    Attributes:
        entered_by: Who entered it, as the host app names them in ``Actor.user``.
        entered_at: When it was entered or last changed (aware).
    """

    entered_by: str
    entered_at: AwareDatetime


def _by_day(rows: tuple[EnteredRow, ...]) -> tuple[EnteredRow, ...]:
    return tuple(sorted(rows, key=lambda row: row.day))


def _table_id(text: str) -> str:
    """Return the id of a table.

    Raises:
        ValueError: when it cannot be a part of an address.
    """
    if not _TABLE_ID.fullmatch(text):
        raise ValueError("an ID has 1 to 40 letters, digits, hyphens and underscores")
    return text


class EnteredTable(Frozen):
    """A table of entered values, which metrics use as a survey.

    Attributes:
        id: The id of the survey.
        name: Its name, unique in the account in any case.
        unit: The unit of its values.
        rows: The values, oldest first; of a day and label there is only one.
        version: Incremented by each change, to detect conflicting edits.
    """

    id: Annotated[str, AfterValidator(_table_id)]
    name: Annotated[Name, StringConstraints(min_length=1)]
    unit: EnteredUnit
    rows: Annotated[tuple[EnteredRow, ...], AfterValidator(_by_day)] = ()
    version: NonNegativeInt = 0

    @model_validator(mode="after")
    def _valid(self) -> Self:
        if len(self.rows) > MOST_ROWS:
            raise ValueError(f"a table has at most {MOST_ROWS:,} values")
        if len({row.key for row in self.rows}) < len(self.rows):
            raise ValueError("two values have the same date and label")
        for row in self.rows:
            if row.day.year not in YEARS:
                raise ValueError(f"the years must be from {YEARS[0]} to {YEARS[-1]}")
            if expected := self.unit.refusal(row.value):
                raise ValueError(f"the value {row.value:g} must be {expected}")
        return self

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels, in the order of their first value; without the empty one."""
        return tuple(dict.fromkeys(row.label for row in self.rows if row.label))


class EnteredTables(Frozen):
    """All tables of an account."""

    tables: tuple[EnteredTable, ...] = ()

    @model_validator(mode="after")
    def _valid(self) -> Self:
        if len(self.tables) > MOST_TABLES:
            raise ValueError(f"there are at most {MOST_TABLES:,} tables")
        ids = {table.id for table in self.tables}
        names = {table.name.casefold() for table in self.tables}
        if min(len(ids), len(names)) < len(self.tables):
            raise ValueError("two tables have the same name or ID")
        return self

    def find(self, table_id: str) -> EnteredTable | None:
        """Return the table with an id; ``None`` if there is none."""
        return next((table for table in self.tables if table.id == table_id), None)

    def replaced(self, table_id: str, table: EnteredTable | None) -> EnteredTables:
        """Return the tables with one added, replaced or, with ``None``, removed.

        Raises:
            ValueError: when the tables are then not valid.
        """
        others = [one for one in self.tables if one.id != table_id]
        return EnteredTables(tables=(*others, *([] if table is None else [table])))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the tables in a text, which ``text`` returned.

        Raises:
            ValueError: with a sentence for people, when it is not valid.
        """
        if len(text) > MOST_CHARACTERS:
            raise ValueError(f"The tables have more than {MOST_CHARACTERS:,} characters")
        if not text:
            return cls()
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            path, reason = first_error(error)
            where = " → ".join(map(str, path))
            raise ValueError(f"{where + ': ' if where else ''}{reason}") from None

    def text(self) -> str:
        """Return the tables as JSON of several lines, of which lists show only the first."""
        return self.model_dump_json(indent=1)
