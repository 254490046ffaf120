"""Counting rows: the window, period or group of each response."""

from __future__ import annotations

import polars as pl
import pytest

from smaply_metrics_core.errors import GroupingRefused
from smaply_metrics_core.models.query import Calculation, Weight, Window
from tests.calculations.factories import JANUARY, count, current, frame, instant, query

EDGES = ["2025-12-31T23:59:59.999999", "2026-01-01", "2026-01-31T23:59:59.999999", "2026-02-01"]


def test_windows_are_half_open() -> None:
    """The first instant of a window is in it, its end is not."""
    rows = frame(["1", "2", "3", "4"], recorded=[instant(edge) for edge in EDGES])
    since, until = Window(start=JANUARY.start), Window(end=JANUARY.start)

    assert [
        list(current(rows, query(Calculation.AVERAGE, windows=[window])).total.answers)
        for window in (JANUARY, since, until)
    ] == [["2", "3"], ["2", "3", "4"], ["1"]]


def test_both_windows_of_a_comparison_are_counted() -> None:
    """Each window has its own counts and its own exclusions."""
    rows = frame(
        ["1", "2", "3", "4"],
        recorded=[instant(edge) for edge in EDGES],
        kind=["test", None, "spam", None],
    )
    december = Window(name="previous", start=instant("2025-12-01"), end=JANUARY.start)
    asked = query(Calculation.AVERAGE, windows=[JANUARY, december])

    counted = count(rows, asked, left_out=pl.col("kind"))

    assert counted.window("current").total.answers == {"2": 1}
    assert counted.window("current").excluded == {"spam": 1}
    assert counted.window("previous").total.answers == {}
    assert counted.window("previous").excluded == {"test": 1}


@pytest.mark.parametrize("weight", [None, "w"])
def test_choices_keep_their_order_in_two_windows(weight: str | None) -> None:
    """A choice that only the other window has is in its place, without responses."""
    rows = frame(
        ["5", "5", "5", "5"],
        recorded=[instant(edge) for edge in EDGES],
        channel=["b", "a", "c", "c"],
        w=["2", "2", "2", "2"],
    )
    december = Window(name="previous", start=instant("2025-12-01"), end=JANUARY.start)
    labels = {"a": "App", "b": "Bank", "c": "Call", "d": "Desk"}
    asked = query(
        Calculation.AVERAGE,
        group_by="question:channel",
        windows=[JANUARY, december],
        compare_groups=True,
        weight=weight and Weight(kind="field", of=weight),
    )

    counted = count(
        rows,
        asked,
        group=pl.col("channel"),
        group_labels=labels,
        weight=weight and pl.col(weight),
    )

    assert [
        [(group.label, group.counts.responses) for group in counted.window(name).groups]
        for name in ("current", "previous")
    ] == [[("App", 1), ("Bank", 0), ("Call", 1)], [("App", 0), ("Bank", 1), ("Call", 0)]]


def test_an_unknown_date_counts_in_all_time_only() -> None:
    """A response without a plausible date is in no range; a note has their number."""
    rows = frame(
        ["1", "2", "3", "4"],
        recorded=[None, instant("0001-01-01"), instant("2026-01-05"), None],
        kind=[None, None, None, "test"],
    )
    ever = count(rows, left_out=pl.col("kind"))
    january = count(rows, query(Calculation.AVERAGE, windows=[JANUARY]), left_out=pl.col("kind"))

    assert list(ever.window("current").total.answers) == ["1", "2", "3"]
    assert ever.notes == ()
    assert january.window("current").total.answers == {"3": 1}
    assert january.window("current").excluded == {}
    assert january.notes == ("2 responses without a date were excluded.",)


def test_periods_are_those_of_the_zone() -> None:
    """23:30 in London is the next day, month and year in Vienna; no date is in no group."""
    rows = frame(
        ["1", "2", "3", "4"],
        recorded=[
            instant("2025-12-31T22:30"),
            instant("2025-12-31T23:30"),
            instant("2026-01-31T22:59"),
            None,
        ],
    )
    window = current(
        rows, query(Calculation.AVERAGE, group_by="period:month", zone="Europe/Vienna")
    )

    assert [(g.key, g.label, g.counts.responses) for g in window.groups] == [
        ("2025-12", "Dec 2025", 1),
        ("2026-01", "Jan 2026", 2),
    ]
    assert window.ungrouped == 1


def test_the_day_that_clocks_change_is_one_day() -> None:
    """Responses before and after the change to winter time fall on their local days."""
    rows = frame(
        ["1", "2", "3", "4"],
        recorded=[
            instant("2026-10-24T21:59"),
            instant("2026-10-24T22:00"),
            instant("2026-10-25T22:59"),
            instant("2026-10-25T23:00"),
        ],
    )
    window = current(rows, query(Calculation.AVERAGE, group_by="period:day", zone="Europe/Vienna"))

    assert [(group.key, group.counts.responses) for group in window.groups] == [
        ("2026-10-24", 1),
        ("2026-10-25", 2),
        ("2026-10-26", 1),
    ]


@pytest.mark.parametrize(
    ("week_start", "weeks"), [(1, ["2026-01-05", "2026-01-12"]), (7, ["2026-01-11"])]
)
def test_weeks_begin_when_the_account_says(week_start: int, weeks: list[str]) -> None:
    """A Sunday and the Monday after it are in one week if weeks begin on Sunday."""
    rows = frame(["1", "2"], recorded=[instant("2026-01-11"), instant("2026-01-12")])
    asked = query(Calculation.AVERAGE, group_by="period:week", week_start=week_start)

    assert [group.key for group in current(rows, asked).groups] == weeks


def test_groups_of_a_question_come_as_it_offers_them() -> None:
    """Choices are in order with their labels; unknown answers follow, largest first."""
    rows = frame(["1"] * 8, by=["zz", "web", "shop", "yy", "yy", "", "web", None])
    asked = query(Calculation.AVERAGE, group_by="question:CHANNEL")
    labels = {"shop": "In the shop", "fax": "By fax", "web": "On the web"}

    window = current(rows, asked, group=pl.col("by"), group_labels=labels)

    assert [(g.key, g.label, g.counts.responses) for g in window.groups] == [
        ("shop", "In the shop", 1),
        ("web", "On the web", 2),
        ("yy", "yy", 2),
        ("zz", "zz", 1),
    ]
    assert window.ungrouped == 2


def test_groups_of_a_field_come_by_size() -> None:
    """The largest group comes first; of two equal ones the first by name."""
    rows = frame(["1", "", "2", "3", "4"], by=["north", "north", "west", "east", ""])
    asked = query(Calculation.AVERAGE, group_by="field:region")

    window = current(rows, asked, group=pl.col("by"))

    assert [(g.key, g.counts.responses, g.counts.answered) for g in window.groups] == [
        ("north", 2, 1),
        ("east", 1, 1),
        ("west", 1, 1),
    ]


def test_excluded_responses_have_no_group() -> None:
    """A region of excluded responses only is not shown."""
    rows = frame(["1", "2"], by=["north", "nowhere"], kind=["", "preview"])
    asked = query(Calculation.AVERAGE, group_by="field:region")

    window = current(rows, asked, group=pl.col("by"), left_out=pl.col("kind"))

    assert [group.key for group in window.groups] == ["north"]
    assert window.ungrouped == 0


@pytest.mark.parametrize(
    ("sizes", "refused"),
    [
        ([1] * 20, False),
        ([1] * 21, True),
        # Exactly half as many groups as responses are still groups.
        ([2] * 21, False),
        ([*[2] * 20, 1], True),
        ([10] * 200, False),
        ([10] * 201, True),
    ],
)
def test_identifiers_are_no_groups(sizes: list[int], *, refused: bool) -> None:
    """More than 200 groups are refused, and more than 20 that are nearly one per response."""
    by = [f"person-{n}" for n, size in enumerate(sizes) for _ in range(size)]
    rows = frame(["1"] * len(by), by=by)
    asked = query(Calculation.AVERAGE, group_by="field:id")

    if not refused:
        assert len(current(rows, asked, group=pl.col("by")).groups) == len(sizes)
        return
    with pytest.raises(GroupingRefused) as caught:
        current(rows, asked, group=pl.col("by"))
    assert "person" not in caught.value.message + caught.value.remedy


def test_days_may_be_many_but_not_without_end() -> None:
    """5,000 days are periods like any other; 5,001 are refused."""
    start = instant("2000-01-01")
    days = pl.datetime_range(
        start, start.replace(year=2013, month=9, day=8), "1d", time_zone="UTC", eager=True
    )
    rows = frame(["1"] * len(days), recorded=days.to_list())
    asked = query(Calculation.AVERAGE, group_by="period:day")

    assert len(days) == 5_000
    assert len(current(rows, asked).groups) == 5_000
    with pytest.raises(GroupingRefused, match="5,000 periods"):
        current(pl.concat([rows, frame(["1"], recorded=[instant("2020-01-01")])]), asked)
