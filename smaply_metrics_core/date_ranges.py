"""Calendar periods and date ranges, resolved in the time zone of an account.

Days, weeks, months, quarters and years are those of the time zone. All intervals are half-open:
they include their start and exclude their end.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from difflib import get_close_matches
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from smaply_metrics_core.errors import InputError, QueryInvalid
from smaply_metrics_core.models.query import (
    YEARS,
    ComparedPeriod,
    DateRange,
    Definition,
    MetricQuery,
    Period,
    Window,
)

MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
"""In English on every machine; ``strftime`` depends on the locale."""

ROLLING_DAYS: Final[Mapping[str, int]] = {
    "last_7_days": 7,
    "last_28_days": 28,
    "last_90_days": 90,
    "last_365_days": 365,
}

MOST_PERIODS: Final = 5_000
"""The maximum number of calendar periods in a Series."""

DAYS_IN_WEEK: Final = 7
MONTHS_IN_QUARTER: Final = 3


def zone_info(zone: str) -> ZoneInfo:
    """Return the time zone with an IANA name.

    Raises:
        InputError: when there is no such time zone.
    """
    try:
        return ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        near = get_close_matches(zone, sorted(available_timezones()), n=1)
        raise InputError(
            f"“{zone}” is not a time zone.",
            remedy=f"Did you mean {near[0]}?"
            if near
            else "Enter an IANA name, such as Europe/Vienna or UTC.",
        ) from None


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return the first instant of a day in a time zone, in UTC.

    If clocks go forward at midnight, the day begins at 01:00. If midnight occurs twice, the day
    begins with the first.
    """
    return datetime.combine(day, time(), zone).astimezone(UTC)


def period_start(period: Period, day: date, week_start: int = 1) -> date:
    """Return the first day of the period that contains a day.

    Args:
        period: The kind of period.
        day: A day in the period.
        week_start: First day of the week, ISO: 1 = Monday … 7 = Sunday.
    """
    match period:
        case Period.DAY:
            return day
        case Period.WEEK:
            return day - timedelta(days=(day.isoweekday() - week_start) % DAYS_IN_WEEK)
        case Period.MONTH:
            return day.replace(day=1)
        case Period.QUARTER:
            return day.replace(month=day.month - (day.month - 1) % MONTHS_IN_QUARTER, day=1)
        case Period.YEAR:
            return day.replace(month=1, day=1)


def next_period(period: Period, start: date) -> date:
    """Return the first day of the period after the one that begins on ``start``."""
    match period:
        case Period.DAY:
            return start + timedelta(days=1)
        case Period.WEEK:
            return start + timedelta(days=DAYS_IN_WEEK)
        case Period.MONTH:
            return _add_months(start, 1)
        case Period.QUARTER:
            return _add_months(start, MONTHS_IN_QUARTER)
        case Period.YEAR:
            return start.replace(year=start.year + 1)


def _add_months(first: date, months: int) -> date:
    years, month = divmod(first.month - 1 + months, 12)
    return first.replace(year=first.year + years, month=month + 1)


def previous_period(period: Period, start: date, week_start: int = 1) -> date:
    """Return the first day of the period before the one that begins on ``start``."""
    return period_start(period, start - timedelta(days=1), week_start)


def period_key(period: Period, start: date) -> str:
    """Return the key of the period that begins on ``start``; keys of one kind sort by time.

    The keys are ``2026-01-05`` for a day or week, ``2026-01``, ``2026-Q1`` and ``2026``.
    """
    match period:
        case Period.DAY | Period.WEEK:
            return start.isoformat()
        case Period.MONTH:
            return f"{start.year:04}-{start.month:02}"
        case Period.QUARTER:
            return f"{start.year:04}-Q{_quarter(start)}"
        case Period.YEAR:
            return f"{start.year:04}"


def period_of_key(period: Period, key: str) -> date:
    """Return the first day of the period with a key from ``period_key``.

    Raises:
        ValueError: when it is not a key of this kind of period, or its year is not plausible.
    """
    start = _first_day(period, key)
    # A local date may lie a day outside ``YEARS``, and a week may begin in the year before.
    plausible = YEARS[0] - 1 <= start.year <= YEARS[-1] + 1
    if not plausible or period_key(period, start) != key:
        raise ValueError(f"{key!r} is not the key of a {period}")
    return start


def _first_day(period: Period, key: str) -> date:
    match period:
        case Period.DAY | Period.WEEK:
            return date.fromisoformat(key)
        case Period.MONTH:
            return date(int(key[:4]), int(key[5:]), 1)
        case Period.QUARTER:
            return date(int(key[:4]), (int(key[6:]) - 1) * MONTHS_IN_QUARTER + 1, 1)
        case Period.YEAR:
            return date(int(key), 1, 1)


def period_label(period: Period, start: date) -> str:
    """Return the label of the period that begins on ``start``, such as ``Week of 5 Jan 2026``."""
    day = f"{start.day} {MONTHS[start.month - 1]} {start.year}"
    match period:
        case Period.DAY:
            return day
        case Period.WEEK:
            return f"Week of {day}"
        case Period.MONTH:
            return f"{MONTHS[start.month - 1]} {start.year}"
        case Period.QUARTER:
            return f"Q{_quarter(start)} {start.year}"
        case Period.YEAR:
            return str(start.year)


def _quarter(day: date) -> int:
    return (day.month - 1) // MONTHS_IN_QUARTER + 1


def resolve(  # noqa: PLR0913  # All by name but the first.
    date_range: DateRange,
    *,
    now: datetime,
    zone: str,
    week_start: int = 1,
    comparison: bool = False,
    compare_with: ComparedPeriod = ComparedPeriod.PREVIOUS_PERIOD,
) -> tuple[Window, ...]:
    """Resolve a date range to windows in UTC: the current one and, to compare, the previous one.

    The previous window is by default the period before, as follows:

    - ``last_N_days``: from midnight N-1 days ago to now, so that today is one of the N days.
      Previous: the N days before, up to the same time of day.
    - ``this_…``: from the start of the period to now. Previous: the same elapsed part of the
      period before, but not past its end. Elapsed time is local time, so that a change to or from
      daylight saving time has no effect.
    - ``last_…``: the last complete period. Previous: the period before it.
    - ``custom``: from midnight of the first day to midnight of the end day. Previous: the same
      number of days immediately before.
    - ``all_time``: open on both sides, without a previous window.

    With the same period last year, it has the same days of the year before. 29 February is 1 March,
    which excludes no day of a range that ends there. ``this_week`` and ``last_week`` have the week
    with the same number; week 53 has the last week of a year without one.

    Raises:
        QueryInvalid: for a comparison with a range that has no previous window.
        InputError: for an unknown time zone or an invalid first day of the week.
    """
    where = zone_info(zone)
    if week_start not in range(1, DAYS_IN_WEEK + 1):
        raise InputError(
            f"{week_start} is not a day of the week.", remedy="Use 1 (Monday) to 7 (Sunday)."
        )
    if now.tzinfo is None:
        raise InputError(
            "The current time has no time zone.", remedy="Add a UTC offset, such as +00:00."
        )
    if comparison:
        refuse_without_previous(date_range)
    if date_range.preset == "custom":
        current, previous = _custom(date_range, where)
    elif date_range.preset == "all_time":
        current = previous = Window()
    else:
        current, previous = _preset(date_range.preset, now, where, week_start)
    if not comparison:
        return (current,)
    if compare_with is ComparedPeriod.SAME_PERIOD_LAST_YEAR:
        previous = _last_year(date_range, current, where)
    return (current, previous)


def refuse_without_previous(date_range: DateRange) -> None:
    """Raise if a date range cannot be compared with an earlier one.

    Raises:
        QueryInvalid: for all time, and for custom ranges without a start or an end.
    """
    if date_range.preset == "all_time":
        raise QueryInvalid(
            "All time has no previous period to compare with.",
            remedy="Choose another date range, such as the last 28 days.",
        )
    if date_range.preset == "custom" and (date_range.start is None or date_range.end is None):
        raise QueryInvalid(
            "A date range without a start or an end has no previous period to compare with.",
            remedy="Enter both the first day and the end of the range.",
        )


def ends_now(date_range: DateRange) -> bool:
    """Whether a range ends at the current time, so that its end cuts off no complete period."""
    return date_range.preset in ROLLING_DAYS or date_range.preset.startswith("this_")


def _custom(date_range: DateRange, zone: ZoneInfo) -> tuple[Window, Window]:
    start, end = date_range.start, date_range.end
    current = Window(
        start=midnight(start, zone) if start else None, end=midnight(end, zone) if end else None
    )
    if start is None or end is None:
        return current, Window(name="previous")
    before = midnight(start - (end - start), zone)
    return current, Window(name="previous", start=before, end=current.start)


def _preset(preset: str, now: datetime, zone: ZoneInfo, week_start: int) -> tuple[Window, Window]:
    local = now.astimezone(zone)
    today = local.date()
    if preset in ROLLING_DAYS:
        days = timedelta(days=ROLLING_DAYS[preset])
        first = today - days + timedelta(days=1)
        return _to_date(first, first - days, local, zone)
    which, _, name = preset.partition("_")
    period = Period(name)
    this = period_start(period, today, week_start)
    last = previous_period(period, this, week_start)
    if which == "this":
        return _to_date(this, last, local, zone)
    before = previous_period(period, last, week_start)
    return (
        Window(start=midnight(last, zone), end=midnight(this, zone)),
        Window(name="previous", start=midnight(before, zone), end=midnight(last, zone)),
    )


def _to_date(first: date, before: date, local: datetime, zone: ZoneInfo) -> tuple[Window, Window]:
    """Return the window from ``first`` to now, and the same elapsed time from ``before``."""
    start = midnight(first, zone)
    elapsed = local.replace(tzinfo=None) - datetime.combine(first, time())
    end = (datetime.combine(before, time()) + elapsed).replace(tzinfo=zone).astimezone(UTC)
    return (
        Window(start=start, end=local.astimezone(UTC)),
        Window(name="previous", start=midnight(before, zone), end=min(end, start)),
    )


def _last_year(date_range: DateRange, current: Window, zone: ZoneInfo) -> Window:
    """Return the window of the year before that corresponds to one with two ends."""
    if current.start is None or current.end is None:
        return Window(name="previous")
    first, local = current.start.astimezone(zone).date(), current.end.astimezone(zone)
    if date_range.preset in {"this_week", "last_week"}:
        before = _week_last_year(first)
        last, is_leap_day = before + (local.date() - first), False
    else:
        before, last = _day_last_year(first), _day_last_year(local.date())
        is_leap_day = last.day != local.day
    end = midnight(last, zone)
    if ends_now(date_range) and not is_leap_day:
        end = datetime.combine(last, local.time(), zone).astimezone(UTC)
    return Window(name="previous", start=midnight(before, zone), end=end)


def _day_last_year(day: date) -> date:
    try:
        return day.replace(year=day.year - 1)
    except ValueError:  # 29 February
        return date(day.year - 1, 3, 1)


def _week_last_year(first: date) -> date:
    """Return the first day of the week with the same number in the year before.

    A week belongs to the year of its fourth day. Week 1 is the first of its year, as in ISO 8601.
    """
    fourth = first + timedelta(days=3)
    before = date(fourth.year - 1, 1, 1)
    number = (fourth.timetuple().tm_yday - 1) // DAYS_IN_WEEK
    offset = (fourth.weekday() - before.weekday()) % DAYS_IN_WEEK
    found = before + timedelta(days=offset + number * DAYS_IN_WEEK)
    if found.year == fourth.year:
        found -= timedelta(days=DAYS_IN_WEEK)
    return found - timedelta(days=3)


def make_query(
    query_id: str, definition: Definition, *, now: datetime, zone: str, week_start: int = 1
) -> MetricQuery:
    """Return the query of a definition, with its date range resolved to windows.

    Raises:
        QueryInvalid: to compare a range that has no previous window.
        InputError: for an unknown time zone or an invalid first day of the week.
    """
    return MetricQuery(
        id=query_id,
        definition=definition,
        windows=resolve(
            definition.range,
            now=now,
            zone=zone,
            week_start=week_start,
            comparison=definition.compares,
            compare_with=definition.compare_with,
        ),
        zone=zone,
        week_start=week_start,
    )
