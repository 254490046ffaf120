"""Windows have aware datetimes in UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from smaply_metrics_core.models.query import Window


def test_other_time_zones_are_converted_to_utc() -> None:
    """Equal instants in different time zones are equal windows."""
    window = Window(start=datetime(2026, 3, 29, 3, tzinfo=ZoneInfo("Europe/Vienna")))
    assert window.start == datetime(2026, 3, 29, 1, tzinfo=UTC)
    assert window.start is not None
    assert window.start.tzinfo is UTC
    assert window.end is None


def test_naive_datetimes_are_rejected() -> None:
    """A datetime without a time zone is ambiguous."""
    with pytest.raises(ValidationError, match="time zone"):
        Window(end=datetime(2026, 3, 29, 3))  # noqa: DTZ001  # Deliberately naive.
