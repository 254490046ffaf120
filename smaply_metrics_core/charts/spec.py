"""Vega-Lite specifications of results, which a browser or ``render_svg`` draws."""

from __future__ import annotations

from typing import Any, Final

from smaply_metrics_core.charts.chart_choice import default_chart
from smaply_metrics_core.charts.marks.bars import horizontal_bars, vertical_bars
from smaply_metrics_core.charts.marks.comparison_bars import comparison_bars
from smaply_metrics_core.charts.marks.gauge import gauge
from smaply_metrics_core.charts.marks.lines import line
from smaply_metrics_core.charts.marks.pie import pie
from smaply_metrics_core.charts.marks.stacked_bars import stacked_bars
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
    """Return the Vega-Lite specification of a result.

    The chart fills its element, which must have a height. It has a transparent background, loads
    nothing and works with Vega's expression interpreter, that is without ``unsafe-eval``.

    Args:
        result: The result.
        display: The display settings; an unavailable chart type is replaced by the automatic one.
        theme: The theme of the page.
        zone: The account's time zone, in which dates are shown.

    Returns:
        Plain JSON data; ``None`` if there is nothing to draw: for the chart types number, table and
        comparison, and for a series without a value.
    """
    colors = THEMES[theme]
    match default_chart(result, display):
        case ChartType.GAUGE:
            drawn = gauge(result, display, colors)
        case ChartType.BAR_COMPARISON:
            drawn = comparison_bars(result, display, colors, zone)
        case ChartType.NUMBER | ChartType.TABLE | ChartType.COMPARISON:
            return None
        case ChartType.HORIZONTAL_BAR if any(group.parts for group in result.groups):
            drawn = stacked_bars(result, display, colors)
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
