"""A result as words, a table and a chart, so that a client need only show it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from smaply_metrics_core.charts import DataTable, Headline  # pydantic needs them.
from smaply_metrics_core.host import ChartType
from smaply_metrics_host.api.models import ApiModel

if TYPE_CHECKING:
    from smaply_metrics_core.host import Display, Result
    from smaply_metrics_host.app_state import AppState

Theme = Literal["light", "dark"]


class Drawing(ApiModel):
    """How a result is shown, in the account's time zone."""

    chart: ChartType = Field(description="The one wanted, or the usual one where that does not fit")
    headline: Headline = Field(description="What stands large.")
    counted: str = Field(description="How many answers stand behind it: n = 1,204.")
    covered: str = Field(description="The dates, in words.")
    low_sample: str = Field(description="What rests on few answers; empty when nothing does.")
    told: tuple[str, ...] = Field(description="Who counts, what was counted, remarks.")
    summary: str = Field(description="All in one sentence, for those who do not see the chart.")
    table: DataTable = Field(description="The same numbers as a table.")
    vega_lite: dict[str, Any] | None = Field(
        description="A Vega-Lite specification to draw; null for what takes no drawing. It needs "
        "no unsafe-eval: give vega-embed the option ast with Vega's interpreter."
    )


def drawing(
    app_state: AppState, result: Result, display: Display, theme: Theme, zone: str
) -> Drawing:
    """Say how a result is shown; what was made for a page is not made again."""
    rendered = app_state.result_renderer.render(result, display, zone)
    return Drawing(
        chart=rendered.chart,
        headline=rendered.headline,
        counted=rendered.counted,
        covered=rendered.covered,
        low_sample=rendered.few,
        told=rendered.told,
        summary=rendered.summary,
        table=rendered.table,
        vega_lite=json.loads(app_state.chart_renderer.spec(rendered, theme)),
    )
