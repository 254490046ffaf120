"""Date ranges: the current and the previous windows."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smaply_metrics_core.date_ranges import ROLLING_DAYS, ends_now, make_query, midnight, resolve
from smaply_metrics_core.errors import InputError, QueryInvalid
from smaply_metrics_core.models.query import (
    PRESETS,
    Calculation,
    ComparedPeriod,
    DateRange,
    Definition,
    MetricType,
    Window,
)

VIENNA = "Europe/Vienna"
MOVING = [preset for preset in PRESETS if preset != "all_time"]
zones = st.sampled_from(
    [VIENNA, "UTC", "America/New_York", "Asia/Kathmandu", "Pacific/Chatham", "Australia/Lord_Howe"]
)
instants = st.datetimes(datetime(1980, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # Hypothesis requires naive bounds.


def local(window: Window, zone: str) -> tuple[str, str]:
    """Return both ends of a window in local time."""
    assert window.start is not None
    assert window.end is not None
    there = ZoneInfo(zone)
    return tuple(f"{end.astimezone(there):%Y-%m-%d %H:%M}" for end in (window.start, window.end))  # type: ignore[return-value]


# A Wednesday, two weeks after clocks went forward in Vienna.
NOW = datetime.fromisoformat("2026-04-15T14:30:00+02:00")


@pytest.mark.parametrize(
    ("preset", "current", "previous"),
    [
        (
            "last_7_days",
            ("2026-04-09 00:00", "2026-04-15 14:30"),
            ("2026-04-02 00:00", "2026-04-08 14:30"),
        ),
        (
            "last_28_days",
            ("2026-03-19 00:00", "2026-04-15 14:30"),
            # In standard time, up to the same local time.
            ("2026-02-19 00:00", "2026-03-18 14:30"),
        ),
        (
            "last_90_days",
            ("2026-01-16 00:00", "2026-04-15 14:30"),
            ("2025-10-18 00:00", "2026-01-15 14:30"),
        ),
        (
            "last_365_days",
            ("2025-04-16 00:00", "2026-04-15 14:30"),
            ("2024-04-16 00:00", "2025-04-15 14:30"),
        ),
        (
            "this_week",
            ("2026-04-13 00:00", "2026-04-15 14:30"),
            ("2026-04-06 00:00", "2026-04-08 14:30"),
        ),
        (
            "this_month",
            ("2026-04-01 00:00", "2026-04-15 14:30"),
            ("2026-03-01 00:00", "2026-03-15 14:30"),
        ),
        (
            "this_quarter",
            ("2026-04-01 00:00", "2026-04-15 14:30"),
            ("2026-01-01 00:00", "2026-01-15 14:30"),
        ),
        (
            "this_year",
            ("2026-01-01 00:00", "2026-04-15 14:30"),
            ("2025-01-01 00:00", "2025-04-15 14:30"),
        ),
        (
            "last_week",
            ("2026-04-06 00:00", "2026-04-13 00:00"),
            ("2026-03-30 00:00", "2026-04-06 00:00"),
        ),
        (
            "last_month",
            ("2026-03-01 00:00", "2026-04-01 00:00"),
            ("2026-02-01 00:00", "2026-03-01 00:00"),
        ),
        (
            "last_quarter",
            ("2026-01-01 00:00", "2026-04-01 00:00"),
            ("2025-10-01 00:00", "2026-01-01 00:00"),
        ),
        (
            "last_year",
            ("2025-01-01 00:00", "2026-01-01 00:00"),
            ("2024-01-01 00:00", "2025-01-01 00:00"),
        ),
    ],
)
def test_a_preset_covers(preset: str, current: tuple[str, str], previous: tuple[str, str]) -> None:
    """Each preset has these current and previous local days."""
    now, before = resolve(DateRange(preset=preset), now=NOW, zone=VIENNA, comparison=True)

    assert (now.name, local(now, VIENNA)) == ("current", current)
    assert (before.name, local(before, VIENNA)) == ("previous", previous)


def test_the_examples_cover_every_preset() -> None:
    """Every preset that depends on the current date has an example above."""
    (mark,) = test_a_preset_covers.pytestmark  # type: ignore[attr-defined]  # pytest sets it.
    assert {example[0] for example in mark.args[1]} == set(MOVING)


def test_today_counts_as_one_of_the_rolling_days() -> None:
    """The last 7 days are six complete days and today up to now."""
    now = datetime(2026, 1, 10, 0, 5, tzinfo=UTC)

    (window,) = resolve(DateRange(preset="last_7_days"), now=now, zone="UTC")

    assert local(window, "UTC") == ("2026-01-04 00:00", "2026-01-10 00:05")


def test_a_longer_month_is_compared_with_a_whole_shorter_one() -> None:
    """On 31 March, the previous window is the whole of February and nothing of March."""
    now = datetime(2026, 3, 31, 12, tzinfo=UTC)

    _, before = resolve(DateRange(preset="this_month"), now=now, zone="UTC", comparison=True)

    assert local(before, "UTC") == ("2026-02-01 00:00", "2026-03-01 00:00")


def test_a_week_may_begin_on_sunday() -> None:
    """With Sunday as the first day, this week begins on the last Sunday."""
    (window,) = resolve(DateRange(preset="this_week"), now=NOW, zone=VIENNA, week_start=7)

    assert local(window, VIENNA)[0] == "2026-04-12 00:00"


def test_the_current_day_depends_on_the_time_zone() -> None:
    """At the same instant, Auckland may have the next day and another month."""
    now = datetime(2026, 4, 30, 20, tzinfo=UTC)
    month = DateRange(preset="this_month")

    (here,) = resolve(month, now=now, zone="UTC")
    (there,) = resolve(month, now=now, zone="Pacific/Auckland")

    assert local(here, "UTC")[0] == "2026-04-01 00:00"
    assert local(there, "Pacific/Auckland")[0] == "2026-05-01 00:00"


def test_a_day_of_23_hours_is_a_day() -> None:
    """A range over the start of daylight saving time begins and ends at local midnights."""
    (window,) = resolve(
        DateRange(preset="custom", start=date(2026, 3, 29), end=date(2026, 3, 30)),
        now=NOW,
        zone=VIENNA,
    )

    assert window.start is not None
    assert window.end is not None
    assert window.end - window.start == timedelta(hours=23)


def test_dates_are_compared_with_the_same_number_of_days_before() -> None:
    """Ten days from 20 January are compared with the ten days before it."""
    dates = DateRange(preset="custom", start=date(2026, 1, 20), end=date(2026, 1, 30))

    now, before = resolve(dates, now=NOW, zone="UTC", comparison=True)

    assert local(now, "UTC") == ("2026-01-20 00:00", "2026-01-30 00:00")
    assert local(before, "UTC") == ("2026-01-10 00:00", "2026-01-20 00:00")


def test_dates_may_be_open_on_one_side() -> None:
    """A custom range may have only a first day or only an end."""
    (since,) = resolve(DateRange(preset="custom", start=date(2026, 1, 20)), now=NOW, zone="UTC")
    (until,) = resolve(DateRange(preset="custom", end=date(2026, 1, 20)), now=NOW, zone="UTC")

    day = midnight(date(2026, 1, 20), ZoneInfo("UTC"))
    assert (since.start, since.end) == (day, None)
    assert (until.start, until.end) == (None, day)


def test_all_time_is_open_on_both_sides() -> None:
    """The window of all time has no start and no end."""
    (window,) = resolve(DateRange(), now=NOW, zone=VIENNA)

    assert (window.start, window.end) == (None, None)


@pytest.mark.parametrize(
    "open_range",
    [
        DateRange(),
        DateRange(preset="custom", start=date(2026, 1, 1)),
        DateRange(preset="custom", end=date(2026, 1, 1)),
    ],
)
def test_an_open_range_has_no_previous_window(open_range: DateRange) -> None:
    """A comparison over all time, or over a range without a start or end, is rejected."""
    with pytest.raises(QueryInvalid) as caught:
        resolve(open_range, now=NOW, zone="UTC", comparison=True)

    assert "range" in caught.value.remedy


@pytest.mark.parametrize("week_start", [0, 8, -1])
def test_a_week_begins_on_one_of_seven_days(week_start: int) -> None:
    """Another number for the first day of the week is rejected."""
    with pytest.raises(InputError, match="day of the week"):
        resolve(DateRange(), now=NOW, zone="UTC", week_start=week_start)


def test_now_requires_a_time_zone() -> None:
    """A naive current time is rejected."""
    with pytest.raises(InputError, match="time zone"):
        resolve(DateRange(), now=NOW.replace(tzinfo=None), zone="UTC")


def test_an_unknown_zone_is_rejected() -> None:
    """An unknown time zone is rejected, even for all time."""
    with pytest.raises(InputError, match="time zone"):
        resolve(DateRange(), now=NOW, zone="Vienna")


@given(st.sampled_from(MOVING), instants, zones, st.integers(1, 7))
def test_windows_are_in_order_and_do_not_overlap(
    preset: str, now: datetime, zone: str, week_start: int
) -> None:
    """The previous window ends at or before the current one, and neither is in the future.

    At the first instant of a period, both windows are empty.
    """
    current, previous = resolve(
        DateRange(preset=preset), now=now, zone=zone, week_start=week_start, comparison=True
    )

    assert previous.start is not None
    assert previous.end is not None
    assert current.start is not None
    assert current.end is not None
    assert previous.start <= previous.end <= current.start <= current.end <= now
    assert ends_now(DateRange(preset=preset)) == (
        not preset.startswith("last_") or "days" in preset
    )
    if ends_now(DateRange(preset=preset)):
        assert current.end == now


@pytest.mark.parametrize(
    ("dates", "now", "previous"),
    [
        # Year to date: the same days, to the same time of day.
        ("this_year", "2026-11-29 10:30", ("2025-01-01 00:00", "2025-11-29 10:30")),
        ("this_month", "2026-07-10 10:30", ("2025-07-01 00:00", "2025-07-10 10:30")),
        ("this_quarter", "2026-05-10 10:30", ("2025-04-01 00:00", "2025-05-10 10:30")),
        ("last_month", "2026-03-05 10:30", ("2025-02-01 00:00", "2025-03-01 00:00")),
        ("last_quarter", "2026-03-05 10:30", ("2024-10-01 00:00", "2025-01-01 00:00")),
        ("last_year", "2026-03-05 10:30", ("2024-01-01 00:00", "2025-01-01 00:00")),
        ("last_7_days", "2026-03-05 10:30", ("2025-02-27 00:00", "2025-03-05 10:30")),
        # February of a leap year is compared with all of a shorter one, and the other way round.
        ("last_month", "2024-03-05 10:30", ("2023-02-01 00:00", "2023-03-01 00:00")),
        ("last_month", "2025-03-05 10:30", ("2024-02-01 00:00", "2024-03-01 00:00")),
        # 29 February: all of February, and nothing of March.
        ("this_month", "2024-02-29 10:30", ("2023-02-01 00:00", "2023-03-01 00:00")),
        (
            ("2024-02-29", "2024-03-15"),
            "2024-04-01 00:00",
            ("2023-03-01 00:00", "2023-03-15 00:00"),
        ),
        (
            ("2024-02-01", "2024-02-29"),
            "2024-04-01 00:00",
            ("2023-02-01 00:00", "2023-03-01 00:00"),
        ),
        # Week 10 of 2026 begins on 2 March, that of 2025 on 3 March.
        ("this_week", "2026-03-05 10:30", ("2025-03-03 00:00", "2025-03-06 10:30")),
        ("last_week", "2026-03-12 10:30", ("2025-03-03 00:00", "2025-03-10 00:00")),
        # Week 53 of 2026; 2025 ends with week 52.
        ("last_week", "2027-01-05 10:30", ("2025-12-22 00:00", "2025-12-29 00:00")),
        # Week 53 of 2020 is compared with week 52 of 2019; week 1 of 2021 with week 1 of 2020.
        ("last_week", "2021-01-05 10:30", ("2019-12-23 00:00", "2019-12-30 00:00")),
        ("last_week", "2021-01-12 10:30", ("2019-12-30 00:00", "2020-01-06 00:00")),
    ],
)
def test_the_same_period_last_year(
    dates: str | tuple[str, str], now: str, previous: tuple[str, str]
) -> None:
    """The same days of the year before, or the week with the same number."""
    there = ZoneInfo(VIENNA)
    asked = (
        DateRange(preset=dates)
        if isinstance(dates, str)
        else DateRange(
            preset="custom",
            start=date.fromisoformat(dates[0]),
            end=date.fromisoformat(dates[1]),
        )
    )
    current, before = resolve(
        asked,
        now=datetime.fromisoformat(now).replace(tzinfo=there),
        zone=VIENNA,
        comparison=True,
        compare_with=ComparedPeriod.SAME_PERIOD_LAST_YEAR,
    )

    assert (current,) == resolve(
        asked, now=datetime.fromisoformat(now).replace(tzinfo=there), zone=VIENNA
    )
    assert local(before, VIENNA) == previous


def test_the_year_before_has_its_own_daylight_saving_time() -> None:
    """10:00 on 28 March is in summer time in 2027 and in winter time in 2026."""
    now = datetime(2027, 3, 28, 10, tzinfo=ZoneInfo(VIENNA))
    current, before = resolve(
        DateRange(preset="this_month"),
        now=now,
        zone=VIENNA,
        comparison=True,
        compare_with=ComparedPeriod.SAME_PERIOD_LAST_YEAR,
    )

    assert (current.end, before.end) == (
        datetime(2027, 3, 28, 8, tzinfo=UTC),
        datetime(2026, 3, 28, 9, tzinfo=UTC),
    )


@given(st.sampled_from(MOVING), instants, zones, st.integers(1, 7))
def test_the_year_before_ends_before_a_range_begins(
    preset: str, now: datetime, zone: str, week_start: int
) -> None:
    """No response is in both windows of a named range."""
    current, before = resolve(
        DateRange(preset=preset),
        now=now,
        zone=zone,
        week_start=week_start,
        comparison=True,
        compare_with=ComparedPeriod.SAME_PERIOD_LAST_YEAR,
    )
    assert before.start is not None
    assert before.end is not None
    assert current.start is not None
    assert before.start <= before.end <= current.start


@given(st.sampled_from(sorted(ROLLING_DAYS)), instants, zones)
def test_rolling_days_begin_at_a_local_midnight(preset: str, now: datetime, zone: str) -> None:
    """A range of N days begins at the midnight N-1 days before today."""
    (window,) = resolve(DateRange(preset=preset), now=now, zone=zone)

    assert window.start is not None
    there = ZoneInfo(zone)
    passed = now.astimezone(there).date() - window.start.astimezone(there).date()
    assert passed.days == ROLLING_DAYS[preset] - 1
    assert window.start == midnight(window.start.astimezone(there).date(), there)


def test_a_query_has_its_windows() -> None:
    """The query of a Comparison has two windows, others have one; settings are included."""
    number = Definition(
        survey_id="S", calculation=Calculation.RESPONSES, range=DateRange(preset="last_week")
    )
    comparison = number.model_copy(update={"type": MetricType.COMPARISON})

    one = make_query("a", number, now=NOW, zone=VIENNA, week_start=7)
    two = make_query("b", comparison, now=NOW, zone=VIENNA, week_start=7)

    assert (one.id, one.zone, one.week_start) == ("a", VIENNA, 7)
    assert [window.name for window in one.windows] == ["current"]
    assert [window.name for window in two.windows] == ["current", "previous"]
    assert two.windows[0] == one.windows[0]


@pytest.mark.parametrize("day", [date(1, 1, 1), date(1899, 12, 31), date(2200, 1, 1)])
def test_the_years_of_a_range_must_be_plausible(day: date) -> None:
    """A date with an implausible year is rejected."""
    with pytest.raises(ValueError, match="1900 to 2199"):
        DateRange(preset="custom", start=day)
