"""Parse and format dates of exports, spreadsheets and requests."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
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
_REQUEST = re.compile(
    r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d+))?(Z|[+-]\d{2}:?\d{2})", re.ASCII
)


def zone(name: str) -> ZoneInfo:
    """Return the time zone with an IANA name; `Z` is UTC.

    Raises:
        ValueError: if the time zone is unknown.
    """
    try:
        return ZoneInfo("UTC" if name == "Z" else name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        message = f"{name!r} is not an IANA time zone"
        raise ValueError(message) from error


def parse_cell(text: str, where: ZoneInfo) -> datetime:
    """Parse a date in a responses file.

    Args:
        text: `2025-04-21 12:11:00`, ISO 8601, or the spreadsheet format `4/21/25 12:11`.
        where: The time zone of a date without an offset.

    Returns:
        The time in UTC, in whole seconds.

    Raises:
        ValueError: if the text has none of these formats.
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
    """Parse a date in an export request: `2024-01-01T00:00:00Z`, or with an offset or a fraction.

    A fraction is rounded up: responses have whole seconds, so those from (or before) 00:00:00.5 on
    are those from (or before) 00:00:01 on.

    Raises:
        ValueError: if the text has another format, for example without an offset.
    """
    found = _REQUEST.fullmatch(text)
    if not found:
        message = f"{text!r} is not a date of the form 2024-01-01T00:00:00Z"
        raise ValueError(message)
    try:
        moment = datetime.fromisoformat(found[1] + found[3]).astimezone(UTC)
        return moment + timedelta(seconds=bool((found[2] or "").strip("0")))
    except OverflowError as error:
        message = f"{text!r} is out of range"
        raise ValueError(message) from error


def to_export(moment: datetime) -> str:
    """Return a time in the format of stored cells and exports, in UTC."""
    return moment.astimezone(UTC).strftime(EXPORT_FORMAT)


def from_export(text: str) -> datetime:
    """Return the time of a stored cell."""
    return datetime.fromisoformat(f"{text}+00:00")


def to_iso(moment: datetime) -> str:
    """Return a time in the format of JSON responses, `2025-04-21T12:11:00Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
