"""Dates and instants as option values."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Final

from smaply_metrics_core.cli.errors import CommandLineError

YEARS: Final = range(1970, 2200)
"""Years in which there may be surveys, and with which dates can be calculated."""


def calendar_day(option: str, given: str | None) -> date | None:
    """Read a date.

    Raises:
        CommandLineError: when it is not a date, or centuries away.
    """
    if given is None:
        return None
    try:
        read = date.fromisoformat(given)
    except ValueError:
        read = date.min
    if read.year not in YEARS:
        raise CommandLineError(f"{option} “{given}” is not a date.", "Write it as in 2026-01-31.")
    return read


def instant(option: str, given: str | None) -> datetime | None:
    """Read an instant; one without a time zone is UTC.

    Raises:
        CommandLineError: when it is not an instant, or centuries away.
    """
    if given is None:
        return None
    try:
        read = datetime.fromisoformat(given)
    except ValueError:
        read = datetime.min  # noqa: DTZ901  # Only its year is looked at.
    if read.year not in YEARS:
        raise CommandLineError(
            f"{option} “{given}” is not a date and time.", "Write it as in 2026-01-31T12:00:00Z."
        )
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
