"""Parts that several charts share: hover, looks, axes, the target, notes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from smaply_metrics_core.charts.theme import SMALL
from smaply_metrics_core.charts.wording import target_said
from smaply_metrics_core.models.query import Period
from smaply_metrics_core.models.result import Unit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smaply_metrics_core.charts.marks import Row
    from smaply_metrics_core.charts.theme import Theme
    from smaply_metrics_core.models.metric import Display
    from smaply_metrics_core.models.result import GroupValue, Result

Spec = dict[str, Any]

HALF_SEEN: Final = 0.25
"""How opaque the filling of a mark is that rests on few answers or on a part of its period."""

HOVER: Final[Spec] = {"tooltip": {"field": "tip"}, "description": {"field": "tip"}}
"""Shown on hover, and read out."""


def look() -> Spec:
    """Give the look of bars: full; pale with an outline for few answers; dashed for a part."""
    return {
        "color": {"field": "color", "type": "nominal", "scale": None, "legend": None},
        "stroke": {"field": "color", "type": "nominal", "scale": None, "legend": None},
        "fillOpacity": {
            "condition": {"test": "datum.few || datum.part", "value": HALF_SEEN},
            "value": 1,
        },
        "strokeDash": {"condition": {"test": "datum.part", "value": [4, 3]}, "value": [1, 0]},
    }


def value_axis(result: Result, display: Display, *, grid: bool = True) -> Spec:
    """Give the axis of the values: few lines, its labels left, or right where titles are."""
    percent = " + '%'" if result.unit is Unit.PERCENT else ""
    return {
        "orient": "right" if display.titles_on_right else "left",
        "tickCount": 3,
        "grid": grid,
        "labelExpr": f"datum.label{percent}",
    }


def bar_domain(values: Sequence[float], display: Display) -> list[float]:
    """Give the span of an axis of bars: a bar is as long as its value, so zero is always in it."""
    reach = [0.0, *values, *([] if display.target is None else [display.target])]
    low, high = min(reach), max(reach)
    return [low, high if high > low else 1.0]


def zero_line(theme: Theme, channel: str) -> Spec:
    """Draw where bars begin."""
    return {
        "data": {"values": [{"zero": 0}]},
        "mark": {"type": "rule", "color": theme.muted, "strokeWidth": 1, "aria": False},
        "encoding": {channel: {"field": "zero", "type": "quantitative"}},
    }


def target_line(result: Result, display: Display, theme: Theme, channel: str) -> list[Spec]:
    """Draw the target across the marks; nothing without one."""
    if display.target is None:
        return []
    said = f"Target {target_said(result.unit, display)}"
    data = {"values": [{"v": display.target, "tip": said, "said": said}]}
    place = {channel: {"field": "v", "type": "quantitative"}}
    return [
        {
            "data": data,
            "mark": {"type": "rule", "color": theme.text, "strokeDash": [2, 3], "strokeWidth": 1.5},
            "encoding": place | HOVER,
        }
    ]


def period_labels(groups: Sequence[GroupValue], period: Period) -> list[Spec]:
    """Give the parameters with which an axis of periods writes its labels.

    As many as there is room for, the latest always, each year where it changes.
    """
    texts, years = [], []
    for group in groups:
        label = group.label.removeprefix("Week of ")
        short, _, year = label.rpartition(" ")
        texts.append(short or year)
        years.append(year if short else "")
    room = {Period.DAY: 46, Period.WEEK: 46}.get(period, 38)
    return [
        {"name": "texts", "value": texts},
        {"name": "years", "value": years},
        {"name": "every", "expr": f"max(1, ceil(shown * {room} / max(1, width)))"},
    ]


PERIOD_LABEL: Final = (
    "(length(texts) - 1 - datum.value) % every ? '' : "
    "datum.value - every < length(texts) - shown || years[datum.value - every] != "
    "years[datum.value] ? [texts[datum.value], years[datum.value]] : texts[datum.value]"
)


def wrapped(label: str) -> str | list[str]:
    """Break a label of several words into two lines of about the same length."""
    words = label.split(" ")
    if len(label) <= 8 or len(words) == 1:  # noqa: PLR2004  # What fits under any bar.
        return label
    breaks = range(1, len(words))
    at = min(breaks, key=lambda n: max(len(" ".join(words[:n])), len(" ".join(words[n:]))))
    return [" ".join(words[:at]), " ".join(words[at:])]


def not_all(total: int, theme: Theme) -> Spec:
    """Say how many of all groups are drawn, where that is not all."""
    return {
        "text": {"expr": f"shown < {total} ? shown + ' of {total:,} shown' : ''"},
        "orient": "bottom",
        "anchor": "end",
        "offset": 4,
        "color": theme.muted,
        "fontSize": SMALL,
        "fontWeight": "normal",
    }


def visible(rows: Sequence[Row]) -> list[float]:
    """Give the values that are drawn."""
    return [row["v"] for row in rows if row["v"] is not None]
