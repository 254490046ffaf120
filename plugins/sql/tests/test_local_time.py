"""Wall-clock times and pieces of time in SQL equal those of Python's ``zoneinfo``."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import BigInteger, literal, select, union_all

from plugins.sql.tests.databases import sqlite_with
from plugins.sql.tests.random_survey import CHANGES, ZONES
from smaply_metrics_core import Period
from smaply_metrics_core.date_ranges import period_start
from smaply_metrics_sql.counting import local_time
from smaply_metrics_sql.counting.time_pieces import (
    EARLIEST,
    LATEST,
    period_limits,
    piece_expression,
    piece_of,
    second_in,
)
from smaply_metrics_sql.databases.database import SqlDatabase

FIRST_YEAR, LAST_YEAR = 2024, 2027
FIRST = int(datetime(FIRST_YEAR, 1, 1, tzinfo=UTC).timestamp())
LAST = int(datetime(LAST_YEAR, 1, 2, tzinfo=UTC).timestamp())
DAY = 86_400


@pytest.fixture(scope="module")
def database() -> SqlDatabase:
    """A database that computes."""
    return sqlite_with()


def instants() -> list[int]:
    """Return instants near changes of clocks, and random ones."""
    chance = random.Random(5)  # noqa: S311  # Repeatable.
    near = [int(one.timestamp()) + shift for one in CHANGES for shift in (-1, 0, 1, 1_800, 3_600)]
    return near + [chance.randrange(FIRST, LAST) for _ in range(30)]


@pytest.mark.parametrize("zone", [*ZONES, "America/Sao_Paulo"])
@pytest.mark.parametrize("period", Period)
def test_periods_begin_where_the_wall_clock_says(period: Period, zone: str) -> None:
    """Each limit is the first second of a period, and between limits is one period."""
    limits = period_limits(period, zone, 3, FIRST, LAST)

    def start(second: int) -> date:
        here = datetime.fromtimestamp(second, ZoneInfo(zone))
        return period_start(period, here.date(), 3)

    for begin, end in pairwise(sorted({FIRST, *limits, LAST})):
        assert start(begin) == start(end - 1)
    for limit in limits:
        assert limit == FIRST or start(limit - 1) != start(limit)
    assert len(limits) >= LAST_YEAR - FIRST_YEAR


def test_a_day_that_clocks_repeat_a_part_of() -> None:
    """St. John's set clocks back to 23:01 at 00:01 until 2011: the day before went on."""
    first, last = (int(datetime(2010, 11, day, tzinfo=UTC).timestamp()) for day in (7, 8))
    limits = period_limits(Period.DAY, "America/St_Johns", 1, first, last)
    days = [
        datetime.fromtimestamp(limit, ZoneInfo("America/St_Johns")).strftime("%d %H:%M")
        for limit in limits
    ]

    assert days == ["07 00:00", "06 23:01", "07 00:00"]


@pytest.mark.parametrize("limits", [(FIRST,), (-86_400, 0, 86_400), tuple(range(FIRST, LAST, DAY))])
def test_pieces_are_between_limits(limits: tuple[int, ...], database: SqlDatabase) -> None:
    """By comparison in SQL as by a search in Python; a time that is not known is in none."""
    wanted = [one + shift for one in {*limits[:2], *limits[-2:]} for shift in (-1, 0, 1)]
    unknown = [None, EARLIEST - 1, LATEST]
    times = union_all(*(select(literal(one, BigInteger).label("s")) for one in wanted + unknown))
    column = times.subquery("times").c.s
    found = dict(database.rows(select(column, piece_expression(column, limits))))

    assert found == {one: piece_of(one, limits) for one in wanted} | dict.fromkeys(unknown)
    for piece in filter(None, found.values()):
        assert piece_of(second_in(piece, limits), limits) == piece


@pytest.mark.parametrize("zone", ZONES)
def test_utc_seconds_are_those_of_python(zone: str, database: SqlDatabase) -> None:
    """The wall clock to UTC: the first of two, and before a gap, as Python's ``fold=0``."""
    offsets = local_time.offsets(zone, FIRST, LAST)
    walls = [utc + offset.seconds for utc in instants() for offset in {offsets[0], offsets[-1]}]
    times = union_all(*(select(literal(one, BigInteger).label("s")) for one in walls))
    column = times.subquery("times").c.s
    found = dict(database.rows(select(column, local_time.utc_seconds(column, offsets))))

    assert found.keys() == {*walls}
    for wall, utc in found.items():
        naive = datetime.fromtimestamp(wall, UTC).replace(tzinfo=ZoneInfo(zone))
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
