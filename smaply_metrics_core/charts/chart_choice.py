"""The chart types that are available for a metric."""

from __future__ import annotations

from typing import Final

from smaply_metrics_core.calculations.catalog import CALCULATIONS
from smaply_metrics_core.charts.marks.gauge import gauge_bounds
from smaply_metrics_core.charts.series_groups import not_parts_reason, periods_of
from smaply_metrics_core.models.metric import ChartType, Display
from smaply_metrics_core.models.query import Calculation, GroupBy, MetricType, is_by_row
from smaply_metrics_core.models.result import Result

PARTS_OF_A_WHOLE: Final = frozenset(
    {Calculation.RESPONSES, Calculation.ANSWERED, Calculation.DISTRIBUTION}
)
"""Calculations whose groups can add up to a whole, unlike averages, NPS and boxes."""

_OF_TYPE: Final = {
    MetricType.NUMBER: (ChartType.NUMBER, ChartType.GAUGE),
    MetricType.SERIES: (
        ChartType.BAR,
        ChartType.HORIZONTAL_BAR,
        ChartType.PIE,
        ChartType.LINE,
        ChartType.TABLE,
    ),
    MetricType.COMPARISON: (ChartType.COMPARISON, ChartType.BAR_COMPARISON),
}

_ROWS: Final = (ChartType.HORIZONTAL_BAR, ChartType.BAR, ChartType.TABLE)
"""Rows of a matrix have long texts, for which horizontal bars have more room."""

_PERIODS: Final = (ChartType.LINE, ChartType.BAR, ChartType.HORIZONTAL_BAR, ChartType.TABLE)


def chart_types(
    result_type: MetricType, calculation: Calculation, group_by: GroupBy | None = None
) -> tuple[ChartType, ...]:
    """Return the available chart types of a metric, the automatic one first.

    Args:
        result_type: Number, Series or Comparison.
        calculation: The calculation of the metric.
        group_by: The grouping of a Series; a line chart requires calendar periods.
    """
    by_period = group_by is not None and group_by.kind == "period"
    candidates = _PERIODS if by_period else _OF_TYPE[result_type]
    candidates = _ROWS if is_by_row(group_by) else candidates
    return tuple(
        chart
        for chart in candidates
        if not unavailable_reason(chart, result_type, calculation, group_by)
    )


def unavailable_reason(
    chart: ChartType,
    result_type: MetricType,
    calculation: Calculation,
    group_by: GroupBy | None = None,
) -> str:
    """Return a sentence why a chart type is not available for a metric; empty if it is."""
    if chart not in _OF_TYPE[result_type]:
        kinds = ", ".join(one.replace("_", " ") for one in _OF_TYPE[result_type])
        return f"A {result_type} has these charts: {kinds}."
    by_period = group_by is not None and group_by.kind == "period"
    if chart is ChartType.LINE and not by_period:
        return "A line chart requires a grouping by period."
    if chart is ChartType.PIE and by_period:
        return "A pie chart does not show development over time. Use a line or bars."
    if is_by_row(group_by):
        return _why_not_of_rows(chart, calculation)
    if chart is ChartType.PIE and calculation not in PARTS_OF_A_WHOLE:
        title = CALCULATIONS[calculation].title
        return f"A pie chart shows parts of a whole, but {title} does not add up to one. Use bars."
    return ""


def _why_not_of_rows(chart: ChartType, calculation: Calculation) -> str:
    if chart is ChartType.PIE:
        return "The same people answered all rows, so they are not parts of a whole. Use bars."
    if chart is ChartType.BAR and CALCULATIONS[calculation].several:
        return "The distributions of rows are drawn as horizontal bars."
    return ""


def default_chart(result: Result, display: Display) -> ChartType:
    """Return the chart type to draw: the chosen one if it fits the result, else the automatic one.

    The chosen one may not fit because the metric was edited since or the groups overlap.
    """
    chosen = display.chart
    if chosen is not None and not _why_not_now(chosen, result, display):
        return chosen
    if result.type is MetricType.SERIES and periods_of(result) is not None:
        return ChartType.LINE
    if not is_by_row(result.group_by):
        return _OF_TYPE[result.type][0]
    return ChartType.TABLE if _why_not_stacked(result) else _ROWS[0]


def _why_not_now(chart: ChartType, result: Result, display: Display) -> str:
    if chart not in _OF_TYPE[result.type]:
        return "It belongs to another type of metric."
    if chart is not ChartType.TABLE and any(group.parts for group in result.groups):
        is_stacked = chart is ChartType.HORIZONTAL_BAR
        return _why_not_stacked(result) if is_stacked else "Distributions are horizontal bars."
    match chart:
        case ChartType.LINE:
            return "" if periods_of(result) else "The groups are not periods."
        case ChartType.PIE:
            return _why_no_pie(result)
        case ChartType.GAUGE:
            return "" if gauge_bounds(result, display) else "The bounds of the gauge are unknown."
        case _:
            return ""


def _why_not_stacked(result: Result) -> str:
    """Return why the answers of a row do not add up to a bar; empty if they do."""
    for group in result.groups:
        together = sum(part.answered for part in group.parts)
        if together > group.answered:
            return "A respondent may have given several answers, so they do not add up to a whole."
    return ""


def _why_no_pie(result: Result) -> str:
    if result.calculation not in PARTS_OF_A_WHOLE or periods_of(result):
        return "The groups are not parts of a whole."
    return not_parts_reason(result)
