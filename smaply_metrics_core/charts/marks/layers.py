"""Parts that several charts share: hover, looks, axes, the target, notes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from smaply_metrics_core.charts.headlines import target_said
from smaply_metrics_core.charts.marks.rows import Row
from smaply_metrics_core.charts.sanitizer import plain
from smaply_metrics_core.charts.theme import SMALL, Theme
from smaply_metrics_core.models.metric import Display
from smaply_metrics_core.models.query import Period
from smaply_metrics_core.models.result import GroupValue, Result, Unit

Spec = dict[str, Any]

HALF_SEEN: Final = 0.25
"""How opaque the filling of a mark is that rests on few answers or on a part of its period."""

ALWAYS: Final = 6
"""Groups that are all drawn however little room there is."""

FEWEST: Final = 3
"""Groups that are drawn of more than that, at least."""

LETTER: Final = 6.8
"""Pixels that a letter takes: enough for most texts of some length."""

HOVER: Final[Spec] = {"tooltip": {"field": "tip"}, "description": {"field": "tip"}}
"""Shown on hover, and read out."""

COLOR: Final[Spec] = {"field": "color", "type": "nominal", "scale": None, "legend": None}
"""A colour from the data, as it is."""

OWN_AXES: Final[Spec] = {"axis": {"x": "independent", "y": "independent"}}
"""For `resolve`: each layer says whether it has an axis, as the target has one of its own."""


def look() -> Spec:
    """Return the look of bars: full; pale with an outline for few answers; dashed for a part."""
    pale = {"test": "datum.few || datum.part", "value": HALF_SEEN}
    return {
        "color": COLOR,
        "stroke": COLOR,
        "fillOpacity": {"condition": pale, "value": 1},
        "strokeDash": {"condition": {"test": "datum.part", "value": [4, 3]}, "value": [1, 0]},
    }


def value_axis(result: Result, display: Display) -> Spec:
    """Return the axis of the values: few lines, its labels left, or right where titles are."""
    percent = " + '%'" if result.unit is Unit.PERCENT else ""
    # With the minus that values are written with.
    label = "replace(datum.label, '\N{MINUS SIGN}', '-')"
    return {
        "orient": "right" if display.titles_on_right else "left",
        "tickCount": {"expr": "max(2, floor(height / 50))"},
        "grid": True,
        "labelExpr": f"{label}{percent}",
    }


def bar_domain(values: Sequence[float], display: Display) -> list[float]:
    """Return the span of an axis of bars, which always includes zero."""
    reach = [0.0, *values, *([] if display.target is None else [display.target])]
    low, high = min(reach), max(reach)
    return [low, high if high > low else 1.0]


def zero_line(theme: Theme, channel: str) -> Spec:
    """Draw where bars begin."""
    return {
        "data": {"values": [{"zero": 0}]},
        "mark": {"type": "rule", "color": theme.muted, "strokeWidth": 1, "aria": False},
        "encoding": {channel: {"field": "zero", "type": "quantitative", "axis": None}},
    }


def target_line(result: Result, display: Display, theme: Theme, channel: str) -> list[Spec]:
    """Draw the target across the marks, named at the side where no other titles are."""
    if display.target is None:
        return []
    said = plain(target_said(result.unit, display))
    beside = {"x": "top", "y": "left" if display.titles_on_right else "right"}
    axis = {
        "orient": beside[channel],
        "values": [display.target],
        "grid": False,
        "labelExpr": json.dumps(
            f"Target {said}" if channel == "x" else ["Target", said], ensure_ascii=False
        ),
        "labelColor": theme.text,
        "labelPadding": 4,
        "labelLimit": 90,
    }
    return [
        {
            "data": {"values": [{"v": display.target, "tip": f"Target {said}"}]},
            "mark": {"type": "rule", "color": theme.text, "strokeDash": [2, 3], "strokeWidth": 1.5},
            "encoding": {channel: {"field": "v", "type": "quantitative", "axis": axis}, **HOVER},
        }
    ]


def values_over(mark: Spec, encoding: Spec, theme: Theme, display: Display) -> list[Spec]:
    """Write values over marks, kept legible where the line of the target crosses them."""
    halo = {"stroke": theme.page[0], "strokeWidth": 4, "strokeJoin": "round"}
    layers = [{"mark": mark, "encoding": encoding}]
    return (
        layers if display.target is None else [{"mark": mark | halo, "encoding": encoding}, *layers]
    )


def period_labels(groups: Sequence[GroupValue], period: Period) -> list[Spec]:
    """Return the parameters with which an axis of periods writes its labels.

    As many as there is room for, the latest always, each year where it changes.
    """
    texts, years = [], []
    for group in groups:
        label = group.label.removeprefix("Week of ")
        short, _, year = label.rpartition(" ")
        texts.append(short or year)
        years.append(year if short else "")
    room = 46 if period in {Period.DAY, Period.WEEK} else 34
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


def shown_of(total: int, room: str) -> Spec:
    """Return the parameter with the number of groups to draw: as many as have room."""
    expr = f"min({total}, max({FEWEST}, floor({room})))" if total > ALWAYS else f"{total}"
    return {"name": "shown", "expr": expr}


def not_all(total: int, theme: Theme, which: str = "") -> Spec:
    """Return the note that says how many of all groups are drawn, where that is not all."""
    if total <= ALWAYS:
        return {}
    title = {
        "text": {"expr": f"shown < {total} ? '{which}' + shown + ' of {total:,} shown' : ''"},
        "orient": "bottom",
        "anchor": "end",
        "offset": 4,
        "color": theme.muted,
        "fontSize": SMALL,
        "fontWeight": "normal",
    }
    return {"title": title}


def visible(rows: Sequence[Row]) -> list[float]:
    """Return the values that are drawn."""
    return [row["v"] for row in rows if row["v"] is not None]


def longest(rows: Sequence[Row], field: str, most: int = 300) -> int:
    """Count the letters of the longest text in a field."""
    return min(most, max((len(row[field]) for row in rows), default=1))
