from smaply_metrics_core.charts.chart_choice import chart_types, default_chart, unavailable_reason
from smaply_metrics_core.charts.date_text import date_range_text, instant_text, local_day_text
from smaply_metrics_core.charts.entered_values_text import entered_text
from smaply_metrics_core.charts.headlines import (
    Direction,
    Headline,
    Tone,
    headline,
    period_headline,
)
from smaply_metrics_core.charts.remarks import (
    answer_count_text,
    hidden_text,
    low_sample_text,
    ungrouped_text,
    unreadable_text,
)
from smaply_metrics_core.charts.renderer import browser_bundle, render_png, render_svg
from smaply_metrics_core.charts.spec import vega_lite
from smaply_metrics_core.charts.summaries import summary
from smaply_metrics_core.charts.table import DataTable, data_table
from smaply_metrics_core.charts.theme import THEMES, Theme
from smaply_metrics_core.charts.uncertainty_text import certainty

__all__ = [
    "THEMES",
    "DataTable",
    "Direction",
    "Headline",
    "Theme",
    "Tone",
    "answer_count_text",
    "browser_bundle",
    "certainty",
    "chart_types",
    "data_table",
    "date_range_text",
    "default_chart",
    "entered_text",
    "headline",
    "hidden_text",
    "instant_text",
    "local_day_text",
    "low_sample_text",
    "period_headline",
    "render_png",
    "render_svg",
    "summary",
    "unavailable_reason",
    "ungrouped_text",
    "unreadable_text",
    "vega_lite",
]
