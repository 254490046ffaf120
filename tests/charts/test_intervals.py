"""Whiskers and bands: when they are shown, what they do to the axis, and where they are cut."""

from __future__ import annotations

from typing import Any

import pytest

from smaply_metrics_core.charts import data_table, summary, vega_lite
from smaply_metrics_core.models.metric import ChartType, IntervalVisibility
from smaply_metrics_core.models.query import Calculation, Period
from smaply_metrics_core.models.result import GroupValue, Result
from tests.charts.factories import (
    PLAIN,
    around,
    comparison,
    display,
    group,
    periods,
    series,
    shares,
)

BAR, LYING, LINE = ChartType.BAR, ChartType.HORIZONTAL_BAR, ChartType.LINE
ALWAYS, NEVER = IntervalVisibility.ALWAYS, IntervalVisibility.NEVER
LARGE = {"Web": (160, 400), "App": (204, 340)}
MIXED = LARGE | {"Phone": (3, 10)}


def drawn(
    result: Result, chart: ChartType, intervals: IntervalVisibility = ALWAYS
) -> dict[str, Any]:
    """Return the specification of a chart."""
    made = vega_lite(result, display(chart, intervals=intervals))
    assert made is not None
    return made


def marks(made: dict[str, Any]) -> list[str]:
    """Return the marks of the layers that show intervals."""
    return [
        layer["mark"]["type"]
        for layer in made["layer"]
        if {"x2", "y2"} & set(layer["encoding"]) or layer["mark"]["type"] in {"tick", "point"}
    ]


def domain(made: dict[str, Any]) -> list[float]:
    """Return the domain of the axis of the values, which all layers share."""
    encodings = [
        layer["encoding"][channel[0]]
        for layer in made["layer"]
        for channel in ("x2", "y2")
        if channel in layer["encoding"]
    ]
    low, high = {tuple(one["scale"]["domain"]) for one in encodings}.pop()
    return [low, high]


def of_periods(values: dict[str, tuple[int, int]]) -> Result:
    """Return shares by month from January on, with Wilson's intervals."""
    named = periods(Period.MONTH, "2026-01", [0.0] * len(values))
    groups = [
        one.model_copy(update={"key": month.key, "label": month.label})
        for one, month in zip(shares(values), named, strict=True)
    ]
    return series(groups)


@pytest.mark.parametrize("chart", [BAR, LYING])
@pytest.mark.parametrize(
    ("groups", "intervals", "expected"),
    [
        (LARGE, IntervalVisibility.AUTOMATIC, False),
        (MIXED, IntervalVisibility.AUTOMATIC, True),
        (LARGE, ALWAYS, True),
        (MIXED, NEVER, False),
    ],
)
def test_when_bars_have_whiskers(
    chart: ChartType,
    groups: dict[str, tuple[int, int]],
    intervals: IntervalVisibility,
    expected: bool,  # noqa: FBT001  # A parameter of a test.
) -> None:
    """By default if a group is based on few answers, otherwise on request."""
    made = drawn(series(shares(groups)), chart, intervals)

    assert marks(made) == (["rule", "rule", "tick"] if expected else [])
    assert any("lo" in row for row in made["data"]["values"]) == expected


def test_a_small_group_without_an_interval() -> None:
    """The others have whiskers by default: its own is missing, not short."""
    groups = [*shares(LARGE), group("Phone", 100.0, 1)]

    made = drawn(series(groups), BAR, IntervalVisibility.AUTOMATIC)

    assert marks(made) == ["rule", "rule", "tick"]


def test_values_without_intervals_have_no_whiskers() -> None:
    """Counts and groups without answers have none, even on request."""
    assert marks(drawn(series([group("North", 12.0)], Calculation.RESPONSES), BAR)) == []
    made = drawn(series(shares(LARGE | {"Post": (0, 0)})), BAR)
    assert ["lo" in row for row in made["data"]["values"]] == [True, True, False]


def test_undrawn_groups_show_no_whiskers() -> None:
    """Small groups beyond the largest 200 do not matter."""
    groups = shares({f"Shop {n}": (50, 100) for n in range(200)} | {"Tiny": (1, 2)})

    assert marks(drawn(series(groups), BAR, IntervalVisibility.AUTOMATIC)) == []


def test_a_bar_chart_has_the_ends_of_the_intervals() -> None:
    """Rows have both ends with six digits; the text of a value is at the end of its whisker."""
    groups = [
        group("North", 25.0, 8, interval=around(-29.4166666, 65.7777777)),
        group("South", -48.0, 9, interval=around(-83.0, 12.0)),
    ]

    north, south = drawn(series(groups, Calculation.NPS), BAR)["data"]["values"]

    assert (north["lo"], north["hi"], north["at"]) == (-29.4167, 65.7778, 65.7778)
    assert (south["lo"], south["hi"], south["at"]) == (-83.0, 12.0, -83.0)


@pytest.mark.parametrize(
    ("intervals", "expected", "cut"),
    [
        # The axis includes all intervals that are alike.
        ([(40, (31, 50)), (60, (50, 69))], [0, 69], [None, None]),
        # One long whisker widens the axis by up to a half, and is cut beyond.
        ([(10, (8, 12)), (12, (9, 15)), (12, (2, 70))], [0, 18], [None, None, "hi"]),
        # If most are long, none is cut.
        ([(10, (2, 60)), (12, (3, 70)), (12, (2, 75))], [0, 75], [None, None, None]),
        # A share never leaves 0 to 100.
        ([(99, (90, 100.0000001)), (0, (-1e-9, 16))], [0, 100], [None, None]),
        # Zero alone has an axis, too.
        ([(0, (0, 16))], [0, 16], [None]),
    ],
)
@pytest.mark.parametrize("chart", [BAR, LYING])
def test_the_axis_of_bars(
    chart: ChartType,
    intervals: list[tuple[float, tuple[float, float]]],
    expected: list[float],
    cut: list[str | None],
) -> None:
    """A single group with few answers does not flatten the others; its whisker has an arrow."""
    groups = [
        group(f"G{n}", value, interval=around(*ends)) for n, (value, ends) in enumerate(intervals)
    ]

    made = drawn(series(groups), chart)

    assert domain(made) == expected
    assert [row.get("cut") for row in made["data"]["values"]] == cut
    assert ("point" in marks(made)) == any(cut)
    for row in made["data"]["values"]:
        assert expected[0] <= row["lo"] <= row["hi"] <= expected[1]


def test_a_line_has_a_band() -> None:
    """The band is interrupted like the line; a single period has a bar of the same colour."""
    months = {"a": (31, 90), "b": (33, 90), "c": (0, 0), "d": (40, 90), "e": (0, 0), "f": (9, 20)}

    made = drawn(of_periods(months), LINE, IntervalVisibility.AUTOMATIC)

    area, alone = made["layer"][:2]
    assert (area["mark"]["type"], alone["mark"]["type"]) == ("area", "rule")
    points = area["data"]["values"]
    assert [(point["i"], point["alone"]) for point in points] == [(0, False), (1, False)] + [
        (place, True) for place in (3, 5)
    ]
    assert len({point["run"] for point in points}) == 3
    assert set(points[0]) == {"i", "lo", "hi", "run", "alone"}
    low, high = domain(made)
    assert low == min(point["lo"] for point in points)
    assert high == max(point["hi"] for point in points)


def test_a_line_of_many_answers_has_no_band() -> None:
    """Unless it is requested."""
    result = of_periods({"a": (31, 90), "b": (33, 90)})

    assert marks(drawn(result, LINE, IntervalVisibility.AUTOMATIC)) == []
    assert marks(drawn(result, LINE)) == ["area", "rule"]


def test_a_band_without_room_ends_in_an_arrow() -> None:
    """One month with few answers does not flatten the line."""
    months = {str(n): (400 + n, 1000) for n in range(6)} | {"last": (2, 5)}

    made = drawn(of_periods(months), LINE)

    assert made["layer"][2]["mark"]["type"] == "point"
    assert made["layer"][0]["data"]["values"][-1]["cut"] == "lo hi"
    low, high = domain(made)
    assert high - low < 15


def test_a_comparison_has_whiskers() -> None:
    """On request, or if one of the two values is based on few answers."""
    plain = comparison(39.4, 46.0, Calculation.NPS)
    assert plain.previous is not None
    few = plain.previous.model_copy(update={"interval": around(20, 66), "low_sample": True})
    result = plain.model_copy(update={"previous": few})

    made = vega_lite(result, display(ChartType.BAR_COMPARISON))

    assert made is not None
    assert marks(made) == ["rule", "rule", "tick"]
    assert domain(made) == [0, 66]
    assert "between 20 and 66, at 95 % confidence" in made["data"]["values"][0]["tip"]


def test_tooltips_state_intervals_in_words() -> None:
    """Whether or not the chart has whiskers."""
    made = drawn(series(shares({"Web": (4, 10)})), BAR, NEVER)

    assert "\nbetween 17% and 69%, at 95 % confidence\n" in made["data"]["values"][0]["tip"]


def small() -> list[GroupValue]:
    """Return two groups with few answers."""
    return shares({"North": (4, 10), "South": (3, 10)})


def test_a_summary_states_intervals_in_words() -> None:
    """Each value of the sentence has its interval, and the level is stated once."""
    result = series(small()).model_copy(update={"confidence": 95.0})

    assert (
        "highest North 40% (between 17% and 69%, fewer than 30 answers), "
        "lowest South 30% (between 11% and 60%, fewer than 30 answers), at 95 % confidence;"
    ) in summary(result, PLAIN)


def test_a_table_has_a_column_of_intervals() -> None:
    """The heading has the level of the account."""
    table = data_table(series(small()).model_copy(update={"confidence": 99.0}), PLAIN)

    assert table.columns[3] == "99 % interval"
    assert [row[3] for row in table.rows] == ["17 to 69%", "11 to 60%"]
