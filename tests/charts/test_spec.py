"""The content of specifications, chart by chart."""

from __future__ import annotations

import json
from typing import Any

import pytest

from smaply_metrics_core.charts import vega_lite
from smaply_metrics_core.models.metric import ChartType, Display
from smaply_metrics_core.models.query import Calculation, Period
from smaply_metrics_core.models.result import Result
from smaply_metrics_core.models.uncertainty import Interval, IntervalMethod
from tests.charts.factories import (
    PLAIN,
    comparison,
    display,
    distribution,
    group,
    number,
    periods,
    series,
)
from tests.charts.gallery_charts import pictures

BAR, LYING, PIE = ChartType.BAR, ChartType.HORIZONTAL_BAR, ChartType.PIE
LINE, GAUGE, BOTH = ChartType.LINE, ChartType.GAUGE, ChartType.BAR_COMPARISON


def spec(result: Result, shown: Display, **other: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return the specification of a result."""
    made = vega_lite(result, shown, **other)
    assert made is not None
    return made


def rows(made: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the data rows of a specification."""
    found: list[dict[str, Any]] = made["data"]["values"]
    return found


def bar_of(made: dict[str, Any]) -> dict[str, Any]:
    """Return the layer of bars."""
    found: dict[str, Any] = next(layer for layer in made["layer"] if layer["mark"]["type"] == "bar")
    return found


def values_in(part: Any) -> list[Any]:  # noqa: ANN401
    """Return every value of JSON data, keys included."""
    if isinstance(part, dict):
        return [one for key, value in part.items() for one in (key, *values_in(value))]
    return [one for value in part for one in values_in(value)] if isinstance(part, list) else [part]


def test_every_specification_is_plain_and_complete() -> None:
    """It is JSON, fills its container, contains its data and has a description."""
    for picture in pictures():
        made = spec(picture.result, picture.display)

        assert json.loads(json.dumps(made, allow_nan=False)) == made, picture.name
        assert (made["width"], made["height"]) == ("container", "container"), picture.name
        assert made["config"]["background"] is None, picture.name
        assert "url" not in values_in(made), picture.name
        assert made["description"], picture.name


def test_texts_and_tables_have_no_specification() -> None:
    """A number, a table, a comparison and a series without values have no specification."""
    assert vega_lite(number(3.0), PLAIN) is None
    assert vega_lite(comparison(3.0, 2.0), PLAIN) is None
    assert vega_lite(distribution({"Yes": 4}), display(ChartType.TABLE)) is None
    assert vega_lite(series([]), display(BAR)) is None
    assert vega_lite(series([group("North", None, 0)]), display(BAR)) is None


def test_the_theme_changes_only_colours() -> None:
    """The specifications of both themes differ only in colours."""
    months = series(periods(Period.MONTH, "2026-01", [1.0, 2.0, None]))
    for result, shown in ((months, PLAIN), (distribution({"Yes": 40, "No": 60}), display(PIE))):
        light, dark = (
            [
                one
                for one in values_in(spec(result, shown, theme=theme))
                if not str(one).startswith("#")
            ]
            for theme in ("light", "dark")
        )
        assert light == dark


@pytest.mark.parametrize("chart", [BAR, LYING])
@pytest.mark.parametrize(
    ("values", "domain"),
    [([40.0, 60.0], [0, 60]), ([-10.0, 20.0], [-10, 20]), ([-5.0, -2.0], [-5, 0]), ([0.0], [0, 1])],
)
def test_bars_begin_at_zero(chart: ChartType, values: list[float], domain: list[float]) -> None:
    """The axis of bars includes zero, whatever the display settings are."""
    groups = [group(f"G{n}", value) for n, value in enumerate(values)]
    made = spec(series(groups, Calculation.NPS), display(chart, start_at_zero=False))

    sizes = bar_of(made)["encoding"]["y" if chart is BAR else "x"]
    assert sizes["scale"]["domain"] == domain


def test_a_line_begins_at_zero_on_request() -> None:
    """By default the axis of a line covers its values and the target."""
    months = series(periods(Period.MONTH, "2026-01", [40.0, 60.0]), Calculation.AVERAGE)

    for shown, domain in (
        (PLAIN, [40, 60]),
        (display(start_at_zero=True), [0, 60]),
        (display(target=75), [40, 75]),
    ):
        line = spec(months, shown)["layer"][-3 if shown.target is None else -4]
        assert line["encoding"]["y"]["scale"]["domain"] == domain


def test_groups_without_a_value_are_gaps() -> None:
    """A group without a value keeps its place, and its tooltip says "no value"."""
    groups = [group("North", 40.0), group("West", None, 0)]
    made = spec(series(groups), display(BAR))

    assert [row["v"] for row in rows(made)] == [40.0, None]
    assert rows(made)[1]["tip"] == "West\nno value\nn = 0 · fewer than 30 answers"


def test_a_line_has_gaps() -> None:
    """A line has a gap at a period without a value; a period between two gaps has a dot."""
    made = spec(series(periods(Period.MONTH, "2026-01", [1, 2, None, 3, None, 4, 5])), PLAIN)

    strokes: dict[int, list[int]] = {}
    for point in made["layer"][0]["data"]["values"]:
        strokes.setdefault(point["stroke"], []).append(point["i"])
    assert list(strokes.values()) == [[0, 1], [5, 6]]
    assert [row["i"] for row in rows(made) if row["alone"] and row["v"] is not None] == [3]


def test_the_segment_to_a_running_period_is_dashed() -> None:
    """The segment to a running period is dashed, and the tooltip names the reason."""
    months = series(periods(Period.MONTH, "2026-01", [1.0, 2.0, 3.0], running=True))
    made = spec(months, PLAIN)

    looks = [(point["i"], point["part"]) for point in made["layer"][0]["data"]["values"]]
    assert looks == [(0, False), (1, False), (1, True), (2, True)]
    assert rows(made)[-1]["tip"] == "Mar 2026\n3%\nn = 100 · still running"


def test_a_rule_marks_a_change_of_the_question() -> None:
    """In the middle of the periods in which it may have been made; the latest has a label."""
    months = periods(Period.MONTH, "2026-01", [1.0, 2.0, 3.0, 4.0, 5.0])
    for place in (0, 2, 3):
        months[place] = months[place].model_copy(update={"question_changed": True})
    rules, label, *_ = spec(series(months), PLAIN)["layer"]

    assert [row["i"] for row in rules["data"]["values"]] == [0, 2.5]
    assert [row["i"] for row in label["data"]["values"]] == [2.5]
    assert label["mark"]["align"] == "right"
    assert "not comparable" in rules["data"]["values"][0]["tip"]
    assert rows(spec(series(months), PLAIN))[0]["tip"] == "Jan 2026\n1%\nn = 100 · question changed"


def test_the_latest_period_stands_out() -> None:
    """Bars of earlier periods have a softer colour; bars of other groups have one colour."""
    months = series(periods(Period.MONTH, "2026-01", [1.0, 2.0, None]))
    shops = series([group("North", 40.0), group("South", 60.0)])

    first, last, gap = (row["color"] for row in rows(spec(months, display(BAR))))
    assert first == gap != last
    assert len({row["color"] for row in rows(spec(shops, display(BAR)))}) == 1


def test_colours_show_whether_the_target_is_reached() -> None:
    """The colour shows whether a value reaches the target, and so does the tooltip."""
    shops = series([group("North", 40.0), group("South", 60.0)])
    north, south = rows(spec(shops, display(BAR, target=50)))
    other_north, other_south = rows(spec(shops, display(BAR, target=50, reverse_colors=True)))

    assert (north["color"], south["color"]) == (other_south["color"], other_north["color"])
    assert north["tip"] == "North\n40%\nTarget 50%: missed\nn = 100"


def test_values_are_formatted_by_the_core() -> None:
    """Labels and tooltips have the same prefix, separators and rounding."""
    sums = series([group("Österreich", 1234567.25)], Calculation.SUM)
    made = spec(sums, display(BAR, prefix="€ ", suffix=" netto"))

    assert rows(made)[0]["text"] == "€ 1,234,567.3 netto"
    assert rows(made)[0]["tip"].splitlines()[:2] == ["Österreich", "€ 1,234,567.3 netto"]


def test_titles_can_be_on_the_right() -> None:
    """The axis of values, the labels of horizontal bars and the legend change sides."""
    answers = distribution({"Yes": 40, "No": 60})
    right = {"titles_on_right": True}

    assert (
        bar_of(spec(answers, display(BAR, **right)))["encoding"]["y"]["axis"]["orient"] == "right"
    )
    starts = [
        bar_of(spec(answers, display(LYING, **options)))["encoding"]["x"]["scale"]["range"]
        for options in ({}, right)
    ]
    assert starts[0] != starts[1]
    assert spec(answers, display(PIE)) != spec(answers, display(PIE, **right))


def test_a_pie_combines_small_slices() -> None:
    """Beyond six slices, the smallest become Other, whose share is that of its answers."""
    answers = distribution({f"Answer {n}": n + 1 for n in range(14)})

    slices = rows(spec(answers, display(PIE)))

    assert [one["label"] for one in slices] == [*(f"Answer {n}" for n in range(8, 14)), "Other (8)"]
    assert slices[-1]["tip"] == "Other (8)\n34%\nn = 36"
    assert sum(one["v"] for one in slices) == pytest.approx(100)


def test_a_long_series_has_a_note() -> None:
    """The latest periods or the largest groups are drawn, and a note has their number."""
    days = series(periods(Period.DAY, "2025-01-01", [1.0] * 500))
    shops = series([group(f"Shop {n}", 40.0, 1 + n) for n in range(250)])

    line, bars = spec(days, PLAIN), spec(shops, display(BAR))

    assert "of 500 shown" in line["title"]["text"]["expr"]
    assert [row["i"] for row in rows(line)] == list(range(100, 500))
    assert "of 250 shown" in bars["title"]["text"]["expr"]
    assert {row["i"] for row in rows(bars)} == set(range(50, 250))
    assert "title" not in spec(distribution({"Yes": 4}), display(BAR))


def test_a_comparison_has_two_bars_with_dates() -> None:
    """Both bars have their dates in the account's time zone, and a tooltip has the change."""
    made = spec(comparison(42.2, 38.0), display(BOTH), zone="Europe/Vienna")

    before, now = rows(made)
    assert before["label"] == ["Previous", "1 Jun \N{EN DASH} 25 Aug 2026"]
    assert now["tip"].splitlines()[2:4] == ["42%", "+4.2 points"]
    assert before["color"] != now["color"]


def test_a_gauge_fills_from_zero_to_its_value() -> None:
    """A negative NPS fills the arc to the left; a value beyond a bound fills it up to there."""
    half = 1.5707963
    for result, target, arc in (
        (number(50.0), None, (-half, 0)),
        (number(-50.0, Calculation.NPS), None, (-half / 2, 0)),
        (number(50.0, Calculation.NPS), None, (0, half / 2)),
        (number(5000.0, Calculation.RESPONSES), 1000, (-half, half)),
    ):
        filled = spec(result, display(GAUGE, target=target))["layer"][1]["mark"]
        assert (filled["theta"], filled["theta2"]) == pytest.approx(arc)


def test_the_tooltip_of_a_gauge_has_the_interval() -> None:
    """The arc does not show it."""
    interval = Interval(low=38.2, high=61.8, level=95, method=IntervalMethod.WILSON)
    result = number(50.0)
    current = result.current.model_copy(update={"interval": interval})
    made = spec(result.model_copy(update={"current": current}), display(GAUGE))
    assert "between 38% and 62%, at 95 % confidence" in made["layer"][1]["mark"]["tooltip"]


def test_control_characters_are_replaced() -> None:
    """Characters that are not valid in SVG are replaced by spaces."""
    shown = display(BAR, target=5, prefix="\x12", suffix="😀")
    made = spec(distribution({"A\x00B\x1f\ud800": 40}), shown)

    assert rows(made)[0]["label"] == "A B  "
    assert '["Target", " 5%😀"]' in values_in(made)
