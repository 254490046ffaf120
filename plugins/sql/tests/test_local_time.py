"""Wall-clock times in SQL equal those of Python's ``zoneinfo``."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import BigInteger, ColumnElement, literal, select

from plugins.sql.tests.databases import sqlite_with
from plugins.sql.tests.random_survey import CHANGES, ZONES
from smaply_metrics_sql.counting import local_time
from smaply_metrics_sql.databases.database import SqlDatabase

FIRST = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp())
LAST = int(datetime(2027, 1, 1, tzinfo=UTC).timestamp())
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def database() -> SqlDatabase:
    """A database that computes."""
    return sqlite_with()


def computed(database: SqlDatabase, expressions: list[ColumnElement[int]]) -> list[int]:
    """Return the values of expressions."""
    ((*values,),) = database.rows(
        select(*(one.label(f"c{n}") for n, one in enumerate(expressions)))
    )
    return [int(value) for value in values]


def seconds(second: int) -> ColumnElement[int]:
    """Return a number as an expression."""
    return literal(second, BigInteger)


def instants() -> list[int]:
    """Return instants near changes of clocks, and random ones."""
    chance = random.Random(5)  # noqa: S311  # Repeatable.
    near = [int(one.timestamp()) + shift for one in CHANGES for shift in (-1, 0, 1, 1_800, 3_600)]
    return near + [chance.randrange(FIRST, LAST) for _ in range(30)]


@pytest.mark.parametrize("zone", ZONES)
def test_local_seconds_are_those_of_zoneinfo(zone: str, database: SqlDatabase) -> None:
    """UTC to the wall clock, to the second of each change."""
    offsets = local_time.offsets(zone, FIRST, LAST)
    found = computed(
        database, [local_time.local_seconds(seconds(one), offsets) for one in instants()]
    )

    for utc, local in zip(instants(), found, strict=True):
        here = (EPOCH + timedelta(seconds=utc)).astimezone(ZoneInfo(zone))
        assert local == int((here.replace(tzinfo=UTC) - EPOCH).total_seconds())


@pytest.mark.parametrize("zone", ZONES)
def test_utc_seconds_are_those_of_python(zone: str, database: SqlDatabase) -> None:
    """The wall clock to UTC: the first of two, and before a gap, as Python's ``fold=0``."""
    offsets = local_time.offsets(zone, FIRST, LAST)
    walls = [utc + offset.seconds for utc in instants() for offset in {offsets[0], offsets[-1]}]
    found = computed(database, [local_time.utc_seconds(seconds(one), offsets) for one in walls])

    for wall, utc in zip(walls, found, strict=True):
        naive = (EPOCH + timedelta(seconds=wall)).replace(tzinfo=ZoneInfo(zone))
        assert utc == int(naive.timestamp())


def test_offsets_begin_at_the_second_of_the_change() -> None:
    """Berlin: summer time from 01:00 UTC on the last Sunday of March."""
    offsets = local_time.offsets("Europe/Berlin", FIRST, LAST)
    change = int(datetime(2025, 3, 30, 1, tzinfo=UTC).timestamp())

    assert offsets[0] == (FIRST, 3_600)
    assert (change, 7_200) in offsets
    assert len(offsets) == 7


def test_a_zone_without_changes_has_one_offset() -> None:
    """Nepal has 5:45 all year."""
    assert local_time.offsets("Asia/Kathmandu", FIRST, LAST) == ((FIRST, 20_700),)


@pytest.mark.parametrize("week_start", range(1, 8))
def test_weeks_and_days_begin_at_midnight(week_start: int, database: SqlDatabase) -> None:
    """Also before 1970."""
    times = [datetime(1969, 12, 28, 5, tzinfo=UTC), datetime(2026, 3, 4, 23, 59, tzinfo=UTC)]
    for time in times:
        second = seconds(int(time.timestamp()))
        week, day = computed(
            database,
            [local_time.week_start_second(second, week_start), local_time.day_start(second)],
        )
        midnight = time.replace(hour=0, minute=0)
        assert EPOCH + timedelta(seconds=day) == midnight
        back = (time.isoweekday() - week_start) % 7
        assert EPOCH + timedelta(seconds=week) == midnight - timedelta(days=back)
