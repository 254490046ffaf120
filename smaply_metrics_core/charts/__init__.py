"""Charts, tables and words for what metrics show: plain data that any host can use.

``vega_lite`` makes the specification that a browser draws (with the script that ``browser_bundle``
makes) or ``svg`` draws on the server. ``headline``, ``data_table`` and ``summary`` say the same in
words. Only ``svg`` and ``browser_bundle`` need the extra ``[charts]``.
"""

from smaply_metrics_core.charts.choosing import chart_of, chart_types, why_not
from smaply_metrics_core.charts.dates import covered, moment
from smaply_metrics_core.charts.drawing import browser_bundle, svg
from smaply_metrics_core.charts.spec import vega_lite
from smaply_metrics_core.charts.summary import summary
from smaply_metrics_core.charts.table import DataTable, data_table
from smaply_metrics_core.charts.theme import THEMES, Theme
from smaply_metrics_core.charts.wording import (
    Direction,
    Headline,
    Tone,
    counted,
    headline,
    in_no_group,
    low_sample,
)

__all__ = [
    "THEMES",
    "DataTable",
    "Direction",
    "Headline",
    "Theme",
    "Tone",
    "browser_bundle",
    "chart_of",
    "chart_types",
    "counted",
    "covered",
    "data_table",
    "headline",
    "in_no_group",
    "low_sample",
    "moment",
    "summary",
    "svg",
    "vega_lite",
    "why_not",
]
