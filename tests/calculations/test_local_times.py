"""Times without a zone are read as the wall clock of the zone that the source names."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smaply_metrics_core.calculations import local_to_utc

BEGIN = datetime(2000, 1, 1)  # noqa: DTZ001  # A wall clock.
ZONES = ["Europe/Vienna", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kolkata", "UTC"]


def read(text: str, zone: str) -> datetime | None:
    """Return the instant of a text."""
    found: datetime | None = pl.DataFrame({"t": [text]}).select(local_to_utc(pl.col("t"), zone))[
        "t"
    ][0]
    return found


@given(
    wall=st.integers(0, 35 * 365 * 86_400).map(lambda after: BEGIN + timedelta(seconds=after)),
    zone=st.sampled_from(ZONES),
)
def test_times_are_those_of_the_standard_library(wall: datetime, zone: str) -> None:
    """Every time equals that of ``zoneinfo`` with ``fold=0``."""
    expected = wall.replace(tzinfo=ZoneInfo(zone)).astimezone(ZoneInfo("UTC"))

    assert read(f"{wall:%Y-%m-%d %H:%M:%S}", zone) == expected


@pytest.mark.parametrize(
    ("text", "zone", "utc"),
    [
        ("2026-10-25 02:30:00", "Europe/Vienna", "2026-10-25T00:30"),  # The first of two.
        ("2026-03-29 02:30:00", "Europe/Vienna", "2026-03-29T01:30"),  # Skipped.
        ("2026-10-04 02:15:00", "Australia/Lord_Howe", "2026-10-03T15:45"),  # By half an hour.
    ],
)
def test_hours_around_a_clock_change_have_rules(text: str, zone: str, utc: str) -> None:
    """A repeated hour is the first one; a skipped one is read with the offset before it."""
    found = read(text, zone)
    assert found is not None
    assert found.isoformat().startswith(utc)


@pytest.mark.parametrize("text", ["", "soon", "2026-02-30 00:00:00", "2026-01-01"])
def test_what_is_no_time_is_null(text: str) -> None:
    """It is not guessed."""
    assert read(text, "UTC") is None
