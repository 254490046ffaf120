"""Windows are instants: two ways to write one are the same."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from smaply_metrics_core.models.query import Window


def test_an_instant_of_another_zone_is_taken_over_to_utc() -> None:
    """So that sources and stores need to know one way only."""
    window = Window(start=datetime(2026, 3, 29, 3, tzinfo=ZoneInfo("Europe/Vienna")))
    assert window.start == datetime(2026, 3, 29, 1, tzinfo=UTC)
    assert window.start is not None
    assert window.start.tzinfo is UTC
    assert window.end is None


def test_a_time_without_a_zone_is_no_instant() -> None:
    """It could mean anything."""
    with pytest.raises(ValidationError, match="time zone"):
        Window(end=datetime(2026, 3, 29, 3))  # noqa: DTZ001  # The point of the test.
