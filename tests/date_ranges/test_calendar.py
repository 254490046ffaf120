"""Calendar periods: their start, keys and labels."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smaply_metrics_core.date_ranges import (
    midnight,
    next_period,
    period_key,
    period_label,
    period_of_key,
    period_start,
    previous_period,
    zone_info,
)
from smaply_metrics_core.errors import InputError
from smaply_metrics_core.models.query import YEARS, Period

periods = st.sampled_from(Period)
days = st.dates(date(YEARS[0], 1, 1), date(YEARS[-1], 12, 31))
week_starts = st.integers(1, 7)


@given(periods, days, week_starts)
def test_a_day_is_in_its_period(period: Period, day: date, week_start: int) -> None:
    """A period begins on or before each of its days, and the next period begins after."""
    start = period_start(period, day, week_start)

    assert start <= day < next_period(period, start)
    assert period_start(period, start, week_start) == start


@given(periods, days, week_starts)
def test_periods_follow_each_other_without_a_gap(
    period: Period, day: date, week_start: int
) -> None:
    """The day before the next period is in this one, which is the previous one of the next."""
    start = period_start(period, day, week_start)
    after = next_period(period, start)

    assert period_start(period, after - timedelta(days=1), week_start) == start
    assert previous_period(period, after, week_start) == start


@example(Period.WEEK, date(1900, 1, 1), 7)
@given(periods, days, week_starts)
def test_a_key_identifies_a_period(period: Period, day: date, week_start: int) -> None:
    """A key can be converted back to its period, and keys sort by time."""
    start = period_start(period, day, week_start)
    key = period_key(period, start)

    assert period_of_key(period, key) == start
    assert key < period_key(period, next_period(period, start))


@given(days, week_starts)
def test_a_week_begins_on_the_chosen_day(day: date, week_start: int) -> None:
    """The first day of a week is that of the account."""
    assert period_start(Period.WEEK, day, week_start).isoweekday() == week_start


@pytest.mark.parametrize(
    ("period", "start", "key", "label"),
    [
        (Period.DAY, date(2026, 1, 5), "2026-01-05", "5 Jan 2026"),
        (Period.WEEK, date(2026, 1, 5), "2026-01-05", "Week of 5 Jan 2026"),
        (Period.MONTH, date(2026, 1, 1), "2026-01", "Jan 2026"),
        (Period.QUARTER, date(2026, 4, 1), "2026-Q2", "Q2 2026"),
        (Period.YEAR, date(2026, 1, 1), "2026", "2026"),
    ],
)
def test_keys_and_labels(period: Period, start: date, key: str, label: str) -> None:
    """Each kind of period has its own format of keys and labels."""
    assert period_key(period, start) == key
    assert period_label(period, start) == label


@pytest.mark.parametrize(
    ("period", "key"),
    [
        (Period.DAY, "2026-1-5"),
        (Period.DAY, "yesterday"),
        (Period.WEEK, "2026-W01"),
        (Period.MONTH, "2026-13"),
        (Period.MONTH, "2026-1"),
        (Period.QUARTER, "2026-Q5"),
        (Period.QUARTER, "2026-q1"),
        (Period.YEAR, "26"),
        (Period.YEAR, "9999"),
        (Period.DAY, "0001-01-01"),
        (Period.MONTH, ""),
    ],
)
def test_an_invalid_key_is_rejected(period: Period, key: str) -> None:
    """A text that is not a key, or has an implausible year, raises ValueError."""
    with pytest.raises(ValueError):  # noqa: PT011  # Some texts are from the standard library.
        period_of_key(period, key)


@pytest.mark.parametrize(
    ("zone", "day", "instant"),
    [
        ("UTC", date(2026, 3, 29), "2026-03-29T00:00Z"),
        # Vienna: clocks go forward on 29 March at 2:00, so the day has 23 hours.
        ("Europe/Vienna", date(2026, 3, 29), "2026-03-28T23:00Z"),
        ("Europe/Vienna", date(2026, 3, 30), "2026-03-29T22:00Z"),
        # Vienna: clocks go back on 25 October at 3:00, so the day has 25 hours.
        ("Europe/Vienna", date(2026, 10, 25), "2026-10-24T22:00Z"),
        ("Europe/Vienna", date(2026, 10, 26), "2026-10-25T23:00Z"),
        # Sao Paulo: 4 November 2018 had no midnight; clocks went from 23:59 to 1:00.
        ("America/Sao_Paulo", date(2018, 11, 4), "2018-11-04T03:00Z"),
        # Havana: 1 November 2026 has two midnights; the first one counts.
        ("America/Havana", date(2026, 11, 1), "2026-11-01T04:00Z"),
        # Kathmandu is 5:45 ahead.
        ("Asia/Kathmandu", date(2026, 1, 1), "2025-12-31T18:15Z"),
    ],
)
def test_a_day_begins_at_its_local_midnight(zone: str, day: date, instant: str) -> None:
    """A day begins at local midnight, also when clocks change in that night."""
    assert midnight(day, ZoneInfo(zone)) == datetime.fromisoformat(instant)
    assert midnight(day, ZoneInfo(zone)).tzinfo is UTC


@pytest.mark.parametrize(
    ("zone", "remedy"),
    [
        ("Europe/Viena", "Did you mean Europe/Vienna?"),
        ("Mars/Olympus Mons", "IANA name"),
        ("", "IANA name"),
        ("../etc/passwd", "IANA name"),
        ("America", "America/"),
    ],
)
def test_an_unknown_time_zone_is_rejected(zone: str, remedy: str) -> None:
    """The remedy for an unknown time zone has a suggestion or examples."""
    with pytest.raises(InputError) as caught:
        zone_info(zone)

    assert f"“{zone}”" in caught.value.message
    assert remedy in caught.value.remedy
