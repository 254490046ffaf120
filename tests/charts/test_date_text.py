"""Dates and instants as cards say them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from smaply_metrics_core.charts import date_range_text, instant_text
from smaply_metrics_core.errors import InputError
from smaply_metrics_core.models.query import Window


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        (None, None, "all time"),
        ("2026-01-01T00:00:00Z", None, "from 1 Jan 2026"),
        (None, "2026-01-01T00:00:00Z", "until 31 Dec 2025"),
        ("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", "1 Jan \N{EN DASH} 31 Jan 2026"),
        ("2025-12-31T00:00:00Z", "2026-01-01T08:00:00Z", "31 Dec 2025 \N{EN DASH} 1 Jan 2026"),
        ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "1 Jan 2026"),
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", "1 Jan 2026"),
    ],
)
def test_a_window_is_said_with_its_last_day(start: str | None, end: str | None, said: str) -> None:
    """The days that a window covers are said, both included; its end is not in it."""
    window = Window.model_validate({"start": start, "end": end})

    assert date_range_text(window, "UTC") == said


def test_days_are_those_of_the_accounts_zone() -> None:
    """What is midnight in Vienna is the evening before in UTC."""
    window = Window.model_validate({"start": "2026-06-30T22:00:00Z", "end": "2026-07-31T22:00:00Z"})

    assert date_range_text(window, "Europe/Vienna") == "1 Jul \N{EN DASH} 31 Jul 2026"
    assert instant_text(datetime(2026, 7, 1, 12, tzinfo=UTC), "Europe/Vienna") == "1 Jul 2026 14:00"


def test_a_zone_that_is_none_is_refused_with_a_remedy() -> None:
    """A misspelt zone is said to be none, with the one that was meant."""
    with pytest.raises(InputError) as refused:
        instant_text(datetime(2026, 7, 1, 12, tzinfo=UTC), "Europe/Viena")

    assert "Europe/Vienna" in refused.value.remedy
