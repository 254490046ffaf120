"""A result as a Vega-Lite specification: plain data that a browser or `svg` draws."""

from __future__ import annotations

from typing import Any, Final

from smaply_metrics_core.charts.chart_choice import default_chart
from smaply_metrics_core.charts.marks.bars import horizontal_bars, vertical_bars
from smaply_metrics_core.charts.marks.comparison_bars import comparison_bars
from smaply_metrics_core.charts.marks.gauge import gauge
from smaply_metrics_core.charts.marks.lines import line
from smaply_metrics_core.charts.marks.pie import pie
from smaply_metrics_core.charts.sanitizer import plain_json
from smaply_metrics_core.charts.series_groups import value_of
from smaply_metrics_core.charts.summaries import summary
from smaply_metrics_core.charts.theme import THEMES, ThemeName, config
from smaply_metrics_core.models.metric import ChartType, Display
from smaply_metrics_core.models.result import Result

SCHEMA: Final = "https://vega.github.io/schema/vega-lite/v6.json"


def vega_lite(
    result: Result, display: Display, *, theme: ThemeName = "light", zone: str = "UTC"
) -> dict[str, Any] | None:
    """Make the specification of the chart to draw now.

    It fills the element that it is drawn in, so that has to have a height; it has no background,
    loads nothing, and works with Vega's expression interpreter, so without ``unsafe-eval``.

    Args:
        result: What was measured.
        display: How it is shown; a chart that does not fit gives way to the usual one.
        theme: Of the page that the chart stands on.
        zone: The account's time zone, in which dates are said.

    Returns:
        Plain JSON data; ``None`` for a number, a table and a comparison in words, and for a series
        without any value: these take no drawing.
    """
    colors = THEMES[theme]
    match default_chart(result, display):
        case ChartType.GAUGE:
            drawn = gauge(result, display, colors)
        case ChartType.BAR_COMPARISON:
            drawn = comparison_bars(result, display, colors, zone)
        case ChartType.NUMBER | ChartType.TABLE | ChartType.COMPARISON:
            return None
        case series if any(value_of(group) is not None for group in result.groups):
            draw = {
                ChartType.BAR: vertical_bars,
                ChartType.HORIZONTAL_BAR: horizontal_bars,
                ChartType.PIE: pie,
                ChartType.LINE: line,
            }[series]
            drawn = draw(result, display, colors)
        case _:
            return None
    spec: dict[str, Any] = plain_json(
        {
            "$schema": SCHEMA,
            "description": summary(result, display, zone=zone),
            "width": "container",
            "height": "container",
            "autosize": {"type": "fit", "contains": "padding"},
            **drawn,
            "config": config(colors),
        }
    )
    return spec
