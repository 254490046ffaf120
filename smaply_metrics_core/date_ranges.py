"""Calendar periods and date ranges: which instants they cover in an account's time zone.

Days, weeks, months, quarters and years are those of the zone; every span is half-open, so its
start belongs to it and its end does not.
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
    DateRange,
    Definition,
    MetricQuery,
    MetricType,
    Period,
    Window,
)

MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
"""English and the same on every machine, which ``strftime`` is not."""

ROLLING_DAYS: Final[Mapping[str, int]] = {
    "last_7_days": 7,
    "last_28_days": 28,
    "last_90_days": 90,
    "last_365_days": 365,
}

MOST_PERIODS: Final = 5_000
"""A Series has no more calendar periods than this."""

DAYS_IN_WEEK: Final = 7
MONTHS_IN_QUARTER: Final = 3


def zone_info(zone: str) -> ZoneInfo:
    """Find a time zone by its IANA name.

    Raises:
        InputError: when there is none of this name.
    """
    try:
        return ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        near = get_close_matches(zone, sorted(available_timezones()), n=1)
        raise InputError(
            f"“{zone}” is no time zone.",
            remedy=f"Did you mean {near[0]}?"
            if near
            else "Give an IANA name such as Europe/Vienna or UTC.",
        ) from None


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return the first instant of a day in a zone, in UTC.

    Where clocks go forward at midnight the day begins at one o'clock; where they go back over
    midnight, the first of the two counts.
    """
    return datetime.combine(day, time(), zone).astimezone(UTC)


def period_start(period: Period, day: date, week_start: int = 1) -> date:
    """Return the first day of the period that a day lies in.

    Args:
        period: The kind of period.
        day: Any day in it.
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
    """Name the period that begins on ``start``; keys of one kind sort by time.

    ``2026-01-05`` for a day or week, ``2026-01``, ``2026-Q1``, ``2026``.
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
    """Return the first day of the period that ``period_key`` named.

    Raises:
        ValueError: when it is no key of this kind of period, or of a year that no response has.
    """
    start = _first_day(period, key)
    # The local year may differ from the believed one by a day, and a week begins before it.
    believed = YEARS[0] - 1 <= start.year <= YEARS[-1] + 1
    if not believed or period_key(period, start) != key:
        raise ValueError(f"{key!r} is no key of a {period}")
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
    """Say the period that begins on ``start`` for people: ``Jan 2026``, ``Week of 5 Jan 2026``."""
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


def resolve(
    date_range: DateRange,
    *,
    now: datetime,
    zone: str,
    week_start: int = 1,
    comparison: bool = False,
) -> tuple[Window, ...]:
    """Turn a range into instants (UTC): the current window, and the previous one to compare with.

    - ``last_N_days``: from midnight N-1 days ago to now, so today is one of the N days. Previous:
      the N days before, up to the same time of day.
    - ``this_…``: from the beginning of the period to now. Previous: the same elapsed part of the
      period before, never beyond its end. Elapsed time is read off the local clock, so a change to
      or from summer time shifts nothing.
    - ``last_…``: the whole period before the present one. Previous: the one before that.
    - dates: from the first day's midnight to the end day's. Previous: as many days just before.
    - ``all_time``: open on both sides; it has no previous.

    Raises:
        QueryInvalid: for a comparison with a range that has no previous one.
        InputError: for an unknown zone, or a week that begins on no day.
    """
    where = zone_info(zone)
    if week_start not in range(1, DAYS_IN_WEEK + 1):
        raise InputError(
            f"A week cannot begin on day {week_start}.", remedy="Use 1 (Monday) to 7 (Sunday)."
        )
    if now.tzinfo is None:
        raise InputError("The present time has no time zone.", remedy="Add one, as in +00:00.")
    if comparison:
        refuse_without_previous(date_range)
    if date_range.preset == "custom":
        current, previous = _custom(date_range, where)
    elif date_range.preset == "all_time":
        current = previous = Window()
    else:
        current, previous = _preset(date_range.preset, now, where, week_start)
    return (current, previous) if comparison else (current,)


def refuse_without_previous(date_range: DateRange) -> None:
    """Refuse a range that a Comparison cannot use.

    Raises:
        QueryInvalid: for all time, and for dates that are open on one side.
    """
    if date_range.preset == "all_time":
        raise QueryInvalid(
            "All time has nothing before it to compare with.",
            remedy="Choose another date range for the Comparison, such as last_28_days.",
        )
    if date_range.preset == "custom" and (date_range.start is None or date_range.end is None):
        raise QueryInvalid(
            "A range that is open on one side has nothing to compare with.",
            remedy="Give both the first day and the end of the Comparison's range.",
        )


def ends_now(date_range: DateRange) -> bool:
    """Whether a range reaches to the present instant, so that its end cuts no finished period."""
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
    """From ``first`` to now, and from ``before`` for as long, but not into the current window."""
    start = midnight(first, zone)
    elapsed = local.replace(tzinfo=None) - datetime.combine(first, time())
    end = (datetime.combine(before, time()) + elapsed).replace(tzinfo=zone).astimezone(UTC)
    return (
        Window(start=start, end=local.astimezone(UTC)),
        Window(name="previous", start=midnight(before, zone), end=min(end, start)),
    )


def make_query(
    query_id: str, definition: Definition, *, now: datetime, zone: str, week_start: int = 1
) -> MetricQuery:
    """Make the query that a source answers, with the definition's range resolved to instants.

    Raises:
        QueryInvalid: for a Comparison over a range that has no previous one.
        InputError: for an unknown zone, or a week that begins on no day.
    """
    return MetricQuery(
        id=query_id,
        definition=definition,
        windows=resolve(
            definition.range,
            now=now,
            zone=zone,
            week_start=week_start,
            comparison=definition.type is MetricType.COMPARISON,
        ),
        zone=zone,
        week_start=week_start,
    )
