"""The available chart types of metrics and results."""

from __future__ import annotations

import pytest

from smaply_metrics_core.charts import (
    chart_types,
    data_table,
    default_chart,
    unavailable_reason,
    vega_lite,
)
from smaply_metrics_core.models.metric import ChartType
from smaply_metrics_core.models.query import Calculation, GroupBy, MetricType, Period
from smaply_metrics_core.models.result import Result
from tests.charts.factories import comparison, display, distribution, group, number, periods, series

ROW = GroupBy(kind="row")
BAR, LYING, PIE = ChartType.BAR, ChartType.HORIZONTAL_BAR, ChartType.PIE
LINE, TABLE, GAUGE = ChartType.LINE, ChartType.TABLE, ChartType.GAUGE
MONTH, ANSWER = GroupBy.parse("period:month"), GroupBy.parse("answer")


@pytest.mark.parametrize(
    ("kind", "calculation", "group_by", "charts"),
    [
        (MetricType.NUMBER, Calculation.NPS, None, [ChartType.NUMBER, GAUGE]),
        (MetricType.SERIES, Calculation.DISTRIBUTION, None, [BAR, LYING, PIE, TABLE]),
        (MetricType.SERIES, Calculation.RESPONSES, ANSWER, [BAR, LYING, PIE, TABLE]),
        (MetricType.SERIES, Calculation.ANSWERED, ROW, [LYING, BAR, TABLE]),
        (MetricType.SERIES, Calculation.AVERAGE, ANSWER, [BAR, LYING, TABLE]),
        (MetricType.SERIES, Calculation.SHARE, ANSWER, [BAR, LYING, TABLE]),
        (MetricType.SERIES, Calculation.RESPONSES, MONTH, [LINE, BAR, LYING, TABLE]),
        (
            MetricType.COMPARISON,
            Calculation.AVERAGE,
            None,
            [ChartType.COMPARISON, ChartType.BAR_COMPARISON],
        ),
    ],
)
def test_chart_types_depend_on_the_metric(
    kind: MetricType, calculation: Calculation, group_by: GroupBy | None, charts: list[ChartType]
) -> None:
    """The automatic chart comes first; a line is for periods, a pie for parts of a whole."""
    assert list(chart_types(kind, calculation, group_by)) == charts
    assert all(not unavailable_reason(chart, kind, calculation, group_by) for chart in charts)


@pytest.mark.parametrize(
    ("chart", "calculation", "group_by", "reason"),
    [
        (PIE, Calculation.NPS, ANSWER, "NPS does not add up to one"),
        (PIE, Calculation.RESPONSES, MONTH, "Use a line or bars"),
        (PIE, Calculation.ANSWERED, ROW, "The same people answered all rows"),
        (LINE, Calculation.RESPONSES, ANSWER, "requires a grouping by period"),
        (GAUGE, Calculation.RESPONSES, ANSWER, "bar, horizontal bar, pie, line, table"),
    ],
)
def test_an_unavailable_chart_has_a_reason(
    chart: ChartType, calculation: Calculation, group_by: GroupBy, reason: str
) -> None:
    """An unavailable chart type has a reason that a form can show."""
    assert reason in unavailable_reason(chart, MetricType.SERIES, calculation, group_by)
    assert chart not in chart_types(MetricType.SERIES, calculation, group_by)


def test_the_chosen_chart_is_drawn_if_it_fits() -> None:
    """Each chart type is drawn for a result that allows it."""
    months = series(periods(Period.MONTH, "2026-01", [1.0, 2.0]))
    answers = distribution({"Yes": 40, "No": 60})

    for chart in (BAR, LYING, PIE, TABLE):
        assert default_chart(answers, display(chart)) is chart
    for chart in (LINE, BAR, LYING, TABLE):
        assert default_chart(months, display(chart)) is chart
    for chart in (ChartType.NUMBER, GAUGE):
        assert default_chart(number(3.0), display(chart)) is chart
    for chart in (ChartType.COMPARISON, ChartType.BAR_COMPARISON):
        assert default_chart(comparison(3.0, 2.0), display(chart)) is chart


def test_a_chart_that_does_not_fit_is_replaced() -> None:
    """The automatic chart replaces one that does not fit the result."""
    months = series(periods(Period.MONTH, "2026-01", [1.0, 2.0]))
    several = distribution({"Web": 60, "App": 70})
    overlapping = several.model_copy(
        update={"current": several.current.model_copy(update={"answered": 100})}
    )

    assert default_chart(months, display(PIE)) is LINE
    assert default_chart(months, display(GAUGE)) is LINE
    assert default_chart(overlapping, display(PIE)) is BAR
    assert default_chart(distribution({"Yes": 0, "No": 0}), display(PIE)) is BAR
    assert default_chart(distribution({"Yes": 4}), display(LINE)) is BAR
    assert default_chart(series([]), display(LINE)) is BAR
    assert default_chart(number(3.0), display(BAR)) is ChartType.NUMBER
    assert default_chart(comparison(3.0, None), display(TABLE)) is ChartType.COMPARISON


def test_counts_are_a_whole_if_groups_do_not_overlap() -> None:
    """A pie of counts requires that each response is in at most one group."""
    groups = [group("North", 60, 60), group("South", 40, 40)]
    whole = series(groups, Calculation.RESPONSES)
    with_others = whole.model_copy(
        update={
            "ungrouped": 20,
            "current": whole.current.model_copy(update={"responses": 120}),
        }
    )
    twice = whole.model_copy(
        update={"current": whole.current.model_copy(update={"responses": 70, "answered": 70})}
    )

    assert default_chart(whole, display(PIE)) is PIE
    assert default_chart(with_others, display(PIE)) is PIE
    assert default_chart(twice, display(PIE)) is BAR


@pytest.mark.parametrize("period", Period)
def test_periods_depend_on_the_group_by(period: Period) -> None:
    """Groups are periods because of the result's group-by, not because of their keys."""
    first = {
        Period.DAY: "2026-01-05",
        Period.WEEK: "2026-01-05",
        Period.MONTH: "2026-01",
        Period.QUARTER: "2026-Q1",
        Period.YEAR: "2026",
    }[period]
    made = periods(period, first, [1.0, 2.0, 3.0])
    by_period = series(made, group_by=GroupBy(kind="period", of=period))
    by_field = series(made, group_by=GroupBy(kind="field", of="month"))

    assert default_chart(by_period, display()) is LINE
    assert default_chart(by_field, display()) is BAR


def test_a_result_stored_without_its_group_by_is_drawn() -> None:
    """The groups of a result that was stored without its group-by are drawn as bars."""
    stored = series(periods(Period.MONTH, "2026-01", [1.0, 2.0])).model_dump(mode="json")
    del stored["group_by"]
    result = Result.model_validate(stored)

    assert result.group_by is None
    assert default_chart(result, display(LINE)) is BAR
    assert vega_lite(result, display()) is not None
    assert data_table(result, display()).columns[0] == "Group"


def test_a_gauge_requires_bounds() -> None:
    """Percentages and NPS have bounds, scores those of their scale, counts only with a target."""
    scale = "1 = Very poor … 5 = Very good"
    average, total = Calculation.AVERAGE, Calculation.SUM

    assert default_chart(number(-20.0, Calculation.NPS), display(GAUGE)) is GAUGE
    assert default_chart(number(3.9, average, scale=scale), display(GAUGE)) is GAUGE
    assert default_chart(number(3.9, average), display(GAUGE)) is ChartType.NUMBER
    assert default_chart(number(390.0, total, scale=scale), display(GAUGE)) is ChartType.NUMBER
    assert default_chart(number(390.0, total), display(GAUGE, target=500)) is GAUGE
    assert default_chart(number(390.0, Calculation.RESPONSES), display(GAUGE)) is ChartType.NUMBER
