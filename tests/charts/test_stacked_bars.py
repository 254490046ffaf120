"""The distribution of the rows of a matrix: stacked bars, their table and their summary."""

from __future__ import annotations

from typing import Any

import pytest

from smaply_metrics_core.calculations.small_groups import hide_small_groups
from smaply_metrics_core.charts import (
    THEMES,
    chart_types,
    data_table,
    default_chart,
    summary,
    unavailable_reason,
    vega_lite,
)
from smaply_metrics_core.charts.marks.stacked_bars import ramp
from smaply_metrics_core.charts.theme import ThemeName
from smaply_metrics_core.models.metric import ChartType
from smaply_metrics_core.models.query import Calculation, Definition, GroupBy, MetricType
from smaply_metrics_core.models.result import Result
from tests.charts.factories import PLAIN, display, matrix
from tests.charts.test_theme import MARKS, TEXT, contrast

ROW = GroupBy(kind="row")
RATED = matrix(
    {"Speed": {"Bad": 10, "Fair": 0, "Good": 30}, "Price": {"Bad": 24, "Fair": 8, "Good": 8}}
)
EMPTY = matrix({"Speed": {"Bad": 0, "Good": 0}})


def drawn(result: Result, theme: ThemeName = "light") -> dict[str, Any]:
    """Return the specification of a result that has a chart."""
    spec = vega_lite(result, PLAIN, theme=theme)
    assert spec is not None
    return spec


def segments(result: Result, theme: ThemeName = "light") -> list[dict[str, Any]]:
    """Return the data of the segments."""
    bars = next(layer for layer in drawn(result, theme)["layer"] if layer["mark"]["type"] == "bar")
    found: list[dict[str, Any]] = bars["data"]["values"]
    return found


def test_each_row_is_a_bar_of_the_shares_of_its_answers() -> None:
    """From 0 to 100 percent in the order of the scale; an answer without responses has none."""
    found = [(one["i"], one["part"], one["start"], one["end"]) for one in segments(RATED)]
    assert found == [(0, 0, 0, 25), (0, 2, 25, 100), (1, 0, 0, 60), (1, 1, 60, 80), (1, 2, 80, 100)]
    assert segments(RATED)[0]["tip"].splitlines() == [
        "Speed: Bad",
        "25%",
        "between 14% and 40%, at 95 % confidence",
        "n = 10",
    ]


def test_each_row_shows_its_own_number_of_answers() -> None:
    """Also a row without answers, which has no bar."""
    assert [one["text"] for one in drawn(RATED)["data"]["values"]] == ["n = 40", "n = 40"]
    assert segments(EMPTY) == []
    assert drawn(EMPTY)["data"]["values"][0]["text"] == "n = 0"


def test_rows_are_drawn_as_horizontal_bars_or_listed() -> None:
    """Other charts have a reason."""
    kind = (MetricType.SERIES, Calculation.DISTRIBUTION, ROW)
    assert chart_types(*kind) == (ChartType.HORIZONTAL_BAR, ChartType.TABLE)
    assert "horizontal bars" in unavailable_reason(ChartType.BAR, *kind)
    assert default_chart(RATED, PLAIN) is ChartType.HORIZONTAL_BAR
    assert default_chart(RATED, display(ChartType.BAR)) is ChartType.HORIZONTAL_BAR
    assert default_chart(RATED, display(ChartType.TABLE)) is ChartType.TABLE


def test_several_answers_do_not_add_up_to_a_bar() -> None:
    """A matrix with several answers in a row is a table."""
    (row,) = matrix({"Speed": {"Bad": 10, "Good": 30}}).groups
    several = RATED.model_copy(update={"groups": (row.model_copy(update={"answered": 35}),)})
    assert default_chart(several, PLAIN) is ChartType.TABLE
    assert default_chart(several, display(ChartType.HORIZONTAL_BAR)) is ChartType.TABLE
    assert vega_lite(several, PLAIN) is None


def test_the_table_has_the_share_of_each_answer() -> None:
    """With intervals, and the number of answers of each row."""
    table = data_table(RATED, PLAIN)
    assert table.columns == ("Row", "Bad", "Fair", "Good", "Answers")
    assert table.rows == (
        ("Speed", "25% (14 to 40%)", "0% (0 to 9%)", "75% (60 to 86%)", "40"),
        ("Price", "60% (45 to 74%)", "20% (10 to 35%)", "20% (10 to 35%)", "40"),
    )


def test_the_summary_has_the_most_frequent_answer() -> None:
    """Of each row, of the first ones if there are many."""
    told = summary(RATED, PLAIN)
    assert "2 rows, Speed: most often Good 75%, Price: most often Bad 60%" in told
    many = summary(matrix({f"Row {n}": {"Yes": 40} for n in range(30)}), PLAIN)
    assert "Row 7" in many
    assert "Row 8" not in many
    assert "and others" in many
    assert "1 row" in summary(EMPTY, PLAIN)


def test_hidden_answers_have_no_segment() -> None:
    """Nor a value in the table; the row is still drawn."""
    asked = Definition(
        type=MetricType.SERIES,
        survey_id="S",
        question_id="Q",
        calculation=Calculation.DISTRIBUTION,
        group_by=ROW,
    )
    few = matrix({"Speed": {"Bad": 2, "Fair": 9, "Good": 30}})
    shown = hide_small_groups(few, asked, 5)
    assert [one["part"] for one in segments(shown)] == [2]
    assert data_table(shown, PLAIN).rows[0][1:4] == ("—", "—", "73% (58 to 84%)")
    assert "5%" not in str(drawn(shown))


@pytest.mark.parametrize("theme", list(THEMES))
@pytest.mark.parametrize("steps", [1, 2, 5, 11])
def test_every_step_of_the_scale_is_legible(theme: ThemeName, steps: int) -> None:
    """The values on the bars, and the bars on the page."""
    result = matrix({"Speed": {f"Answer {n}": 10 for n in range(steps)}})
    colors = ramp(THEMES[theme], steps)
    assert len({*colors}) == steps
    for segment, color in zip(segments(result, theme), colors, strict=True):
        assert contrast(color, segment["ink"]) >= TEXT
        assert all(contrast(color, page) >= MARKS for page in THEMES[theme].page)
