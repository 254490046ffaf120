"""How a file is read: its encoding, delimiter, formats, and the role of each column."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from smaply_metrics_core.errors import ExportFailed

ENCODINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "utf_8": "Unicode (UTF-8)",
        "utf_16": "Unicode (UTF-16)",
        "utf_16_le": "Unicode (UTF-16, little endian)",
        "utf_16_be": "Unicode (UTF-16, big endian)",
        "cp1252": "Western European (Windows-1252, Latin-1)",
        "cp1250": "Central European (Windows-1250)",
        "cp1251": "Cyrillic (Windows-1251)",
        "cp1253": "Greek (Windows-1253)",
        "cp1254": "Turkish (Windows-1254)",
        "shift_jis": "Japanese (Shift JIS)",
        "gb18030": "Simplified Chinese (GB 18030)",
        "big5": "Traditional Chinese (Big5)",
        "euc_kr": "Korean (EUC-KR)",
    }
)
"""The titles of the encodings that are read, by their names in Python."""

DELIMITERS: Final[Mapping[str, str]] = MappingProxyType(
    {",": "Comma", ";": "Semicolon", "\t": "Tab", "|": "Vertical bar"}
)
"""The titles of the characters that can separate columns."""


class DateOrder(StrEnum):
    """The order of year, month and day in dates.

    A date with the year first is read under each of them.
    """

    YEAR_FIRST = "year_first"
    DAY_FIRST = "day_first"
    MONTH_FIRST = "month_first"


class FileColumnRole(StrEnum):
    """What a column contains."""

    DATE = "date"
    """When the response was recorded."""
    QUESTION = "question"
    MULTIPLE = "multiple"
    """A question with several answers in a cell, separated by semicolons."""
    FIELD = "field"
    """An embedded field, to group and filter by."""
    WEIGHT = "weight"
    """An embedded field with the weight of the response, a number of at least 0."""
    STATUS = "status"
    """Why the response is excluded: a reason of ``ExclusionReason``, or blank."""
    FINISHED = "finished"
    """``0`` if the response is unfinished, ``1`` or blank otherwise."""
    RESPONSE_ID = "response_id"
    """Identifies the response. It is checked for duplicates, and not returned."""
    IGNORE = "ignore"


class FileMapping(BaseModel):
    """How a file is read. What is missing is recognised.

    As JSON, it is the content of a mapping file.

    Attributes:
        encoding: One of ``ENCODINGS``.
        delimiter: One of ``DELIMITERS``.
        sheet: The name of the sheet of a workbook.
        decimal: The decimal sign of numbers in text; the other sign separates thousands.
        dates: The order of year, month and day.
        columns: The role of columns, by their names in the header.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    encoding: str | None = None
    delimiter: Literal[",", ";", "\t", "|"] | None = None
    sheet: str | None = None
    decimal: Literal[".", ","] | None = None
    dates: DateOrder | None = None
    columns: dict[str, FileColumnRole] = Field(default_factory=dict)

    @classmethod
    def parse(cls, content: bytes, name: str) -> FileMapping:
        """Return the mapping in a mapping file.

        Args:
            content: The JSON.
            name: The name of the file in messages.

        Raises:
            ExportFailed: if it is not a mapping; the message names the place.
        """
        try:
            return cls.model_validate_json(content)
        except ValidationError as error:
            first = error.errors()[0]
            place = " → ".join(str(part) for part in first["loc"])
            where = f"“{place}”: " if place else ""
            raise ExportFailed(
                f"{name}: {where}{first['msg']}.",
                remedy="Correct the mapping file; the documentation of the source describes it.",
            ) from None
