"""Dates as exports write them, as spreadsheets rewrite them, and as requests name them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

EXPORT_FORMAT = "%Y-%m-%d %H:%M:%S"

_ISO = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[ T](\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?)?"
    r"(Z|[+-]\d{2}:?\d{2})?"
)
_SPREADSHEET = re.compile(
    r"(\d{1,2})/(\d{1,2})/(\d{2}|\d{4})(?: (\d{1,2}):(\d{2})(?::(\d{2}))?(?: ?([AP])M)?)?",
    re.IGNORECASE,
)
_REQUEST = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:Z|[+-]\d{2}:\d{2})")


def zone(name: str) -> ZoneInfo:
    """Return the zone of an IANA name; `Z` is UTC.

    Raises:
        ValueError: No zone has this name.
    """
    try:
        return ZoneInfo("UTC" if name == "Z" else name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        message = f"{name!r} is not an IANA time zone"
        raise ValueError(message) from error


def parse_cell(text: str, where: ZoneInfo) -> datetime:
    """Read a date of a responses file.

    Args:
        text: `2025-04-21 12:11:00`, ISO 8601, or a spreadsheet's `4/21/25 12:11`.
        where: The zone of a date that names none.

    Returns:
        The moment in UTC, to the second.

    Raises:
        ValueError: The text is none of these.
    """
    stripped = text.strip()
    if found := _ISO.fullmatch(stripped):
        year, month, day, hour, minute, second, offset = found.groups()
    elif found := _SPREADSHEET.fullmatch(stripped):
        month, day, year, hour, minute, second, half = found.groups()
        offset = None
        if len(year) == 2:  # noqa: PLR2004 - a spreadsheet's short year
            year = f"20{year}"
        if half:
            hour = str(int(hour) % 12 + (12 if half.upper() == "P" else 0))
    else:
        message = f"{text!r} is not a date such as 2025-04-21 12:11:00 or 4/21/25 12:11"
        raise ValueError(message)
    moment = datetime(
        int(year),
        int(month),
        int(day),
        int(hour or 0),
        int(minute or 0),
        int(second or 0),
        tzinfo=datetime.fromisoformat(f"2000-01-01T00:00:00{offset}").tzinfo if offset else where,
    )
    return moment.astimezone(UTC)


def parse_request(text: str) -> datetime:
    """Read a date of an export request: `2024-01-01T00:00:00Z`, or with an offset.

    Raises:
        ValueError: Anything else, milliseconds too.
    """
    if not _REQUEST.fullmatch(text):
        message = f"{text!r} is not a date of the form 2024-01-01T00:00:00Z"
        raise ValueError(message)
    return datetime.fromisoformat(text).astimezone(UTC)


def to_export(moment: datetime) -> str:
    """Return a UTC moment as the sandbox keeps it and the export writes it."""
    return moment.astimezone(UTC).strftime(EXPORT_FORMAT)


def from_export(text: str) -> datetime:
    """Return the moment of a kept date."""
    return datetime.fromisoformat(f"{text}+00:00")


def to_iso(moment: datetime) -> str:
    """Return a moment as JSON answers write it, `2025-04-21T12:11:00Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
