"""Which charts go with which result."""

from __future__ import annotations

from typing import Final

from smaply_metrics_core.calculations.catalog import CALCULATIONS
from smaply_metrics_core.charts.marks.gauge import gauge_bounds
from smaply_metrics_core.charts.series_groups import not_a_whole, periods_of
from smaply_metrics_core.models.metric import ChartType, Display
from smaply_metrics_core.models.query import Calculation, GroupBy, MetricType
from smaply_metrics_core.models.result import Result

PARTS_OF_A_WHOLE: Final = frozenset(
    {Calculation.RESPONSES, Calculation.ANSWERED, Calculation.DISTRIBUTION}
)
"""Calculations whose groups can add up to a whole: averages, NPS and boxes never do."""

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

_PERIODS: Final = (ChartType.LINE, ChartType.BAR, ChartType.HORIZONTAL_BAR, ChartType.TABLE)


def chart_types(
    result_type: MetricType, calculation: Calculation, group_by: GroupBy | None = None
) -> tuple[ChartType, ...]:
    """Return the chart types that make sense for a metric, the usual one first.

    Args:
        result_type: Number, Series or Comparison.
        calculation: What it calculates.
        group_by: What a Series is split by; a line is for calendar periods only.
    """
    by_period = group_by is not None and group_by.kind == "period"
    offered = _PERIODS if by_period else _OF_TYPE[result_type]
    return tuple(
        chart
        for chart in offered
        if not unavailable_reason(chart, result_type, calculation, group_by)
    )


def unavailable_reason(
    chart: ChartType,
    result_type: MetricType,
    calculation: Calculation,
    group_by: GroupBy | None = None,
) -> str:
    """Return why a chart type does not go with a metric, for people; empty when it does."""
    if chart not in _OF_TYPE[result_type]:
        kinds = ", ".join(one.replace("_", " ") for one in _OF_TYPE[result_type])
        return f"A {result_type} is shown as one of: {kinds}."
    by_period = group_by is not None and group_by.kind == "period"
    if chart is ChartType.LINE and not by_period:
        return "A line leads from one point in time to the next: it needs a group by period."
    if chart is ChartType.PIE and by_period:
        return "A pie shows parts of a whole, not how something went over time: use a line or bars."
    if chart is ChartType.PIE and calculation not in PARTS_OF_A_WHOLE:
        title = CALCULATIONS[calculation].title
        return f"A pie shows parts of a whole, and {title} does not add up to one: use bars."
    return ""


def default_chart(result: Result, display: Display) -> ChartType:
    """Return the chart to draw now: the wanted one where it fits, else the usual one.

    It never fails: a metric may have changed since its chart was chosen, or the answers may turn
    out to allow less than was thought.
    """
    wanted = display.chart
    if wanted is not None and not _why_not_now(wanted, result, display):
        return wanted
    by_period = result.type is MetricType.SERIES and periods_of(result) is not None
    return ChartType.LINE if by_period else _OF_TYPE[result.type][0]


def _why_not_now(chart: ChartType, result: Result, display: Display) -> str:
    if chart not in _OF_TYPE[result.type]:
        return "It belongs to another type of metric."
    match chart:
        case ChartType.LINE:
            return "" if periods_of(result) else "The groups are no periods."
        case ChartType.PIE:
            return _no_pie(result)
        case ChartType.GAUGE:
            return "" if gauge_bounds(result, display) else "Nothing says where it would end."
        case _:
            return ""


def _no_pie(result: Result) -> str:
    if result.calculation not in PARTS_OF_A_WHOLE or periods_of(result):
        return "They are not the parts of a whole."
    return not_a_whole(result)
