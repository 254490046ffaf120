"""A result as texts, a table and a chart, ready for display."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from smaply_metrics_core.charts import DataTable, Headline  # Needed by pydantic.
from smaply_metrics_core.host import ChartType
from smaply_metrics_host.api.models import ApiModel

if TYPE_CHECKING:
    from smaply_metrics_core.host import Display, Result
    from smaply_metrics_host.app_state import AppState

Theme = Literal["light", "dark"]


class Drawing(ApiModel):
    """A result rendered in the account's time zone."""

    chart: ChartType = Field(
        description="The requested chart, or the default chart if it does not fit the result."
    )
    headline: Headline = Field(description="The main value.")
    counted: str = Field(description="The number of answers, such as “n = 1,204”.")
    covered: str = Field(description="The date range as text.")
    entered: str = Field(description="Who entered the values and when; empty if they were not.")
    low_sample: str = Field(description="The values with few answers; may be empty.")
    told: tuple[str, ...] = Field(description="Remarks, such as filters and excluded responses.")
    summary: str = Field(description="One sentence for screen readers.")
    table: DataTable = Field(description="The values as a table.")
    vega_lite: dict[str, Any] | None = Field(
        description="The Vega-Lite specification of the chart; null if there is none. To avoid "
        "unsafe-eval, use vega-embed with Vega's expression interpreter (`ast: true`)."
    )


def drawing(
    app_state: AppState, result: Result, display: Display, theme: Theme, zone: str
) -> Drawing:
    """Return a rendered result; renderings are cached and shared with the pages."""
    rendered = app_state.result_renderer.render(result, display, zone)
    return Drawing(
        chart=rendered.chart,
        headline=rendered.headline,
        counted=rendered.counted,
        covered=rendered.covered,
        entered=rendered.entered,
        low_sample=rendered.few,
        told=rendered.told,
        summary=rendered.summary,
        table=rendered.table,
        vega_lite=json.loads(app_state.chart_renderer.spec(rendered, theme)),
    )
