"""Dates and instants as option values."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Final

from smaply_metrics_core.cli.errors import CommandLineError

YEARS: Final = range(1970, 2200)
"""The accepted years, whose dates and their ranges stay within the limits of ``datetime``."""


def calendar_day(option: str, given: str | None) -> date | None:
    """Return the date in the value of an option.

    Raises:
        CommandLineError: when it is not a date within the accepted years.
    """
    if given is None:
        return None
    try:
        read = date.fromisoformat(given)
    except ValueError:
        read = date.min
    if read.year not in YEARS:
        raise CommandLineError(f"{option} “{given}” is not a date.", "Write it as 2026-01-31.")
    return read


def instant(option: str, given: str | None) -> datetime | None:
    """Return the UTC time in the value of an option; without an offset it is read as UTC.

    Raises:
        CommandLineError: when it is not a date and time within the accepted years.
    """
    if given is None:
        return None
    try:
        read = datetime.fromisoformat(given)
    except ValueError:
        read = datetime.min  # noqa: DTZ901  # Only its year is read.
    if read.year not in YEARS:
        raise CommandLineError(
            f"{option} “{given}” is not a date and time.", "Write it as 2026-01-31T12:00:00Z."
        )
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
