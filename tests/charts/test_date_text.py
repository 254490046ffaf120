"""Texts for times and date ranges."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from smaply_metrics_core.charts import date_range_text, instant_text
from smaply_metrics_core.errors import InputError
from smaply_metrics_core.models.query import Window


@pytest.mark.parametrize(
    ("start", "end", "text"),
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
def test_a_date_range_includes_its_last_day(start: str | None, end: str | None, text: str) -> None:
    """The text has the first and last day of a window, whose end is excluded."""
    window = Window.model_validate({"start": start, "end": end})

    assert date_range_text(window, "UTC") == text


def test_days_are_those_of_the_accounts_zone() -> None:
    """Dates are in the account's time zone."""
    window = Window.model_validate({"start": "2026-06-30T22:00:00Z", "end": "2026-07-31T22:00:00Z"})

    assert date_range_text(window, "Europe/Vienna") == "1 Jul \N{EN DASH} 31 Jul 2026"
    assert instant_text(datetime(2026, 7, 1, 12, tzinfo=UTC), "Europe/Vienna") == "1 Jul 2026 14:00"


def test_an_unknown_zone_is_rejected() -> None:
    """A misspelt zone is rejected, and the remedy suggests a similar one."""
    with pytest.raises(InputError) as refused:
        instant_text(datetime(2026, 7, 1, 12, tzinfo=UTC), "Europe/Viena")

    assert "Europe/Vienna" in refused.value.remedy
