"""Layers and parameters that several charts share: tooltips, axes, the target, notes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from smaply_metrics_core.charts.headlines import target_value_text
from smaply_metrics_core.charts.marks.rows import Row
from smaply_metrics_core.charts.sanitizer import plain
from smaply_metrics_core.charts.theme import SMALL, Theme
from smaply_metrics_core.models.metric import Display
from smaply_metrics_core.models.query import Period
from smaply_metrics_core.models.result import GroupValue, Result, Unit

Spec = dict[str, Any]

PALE_OPACITY: Final = 0.25
"""Fill opacity of marks with few answers or with a partly counted period."""

ALWAYS: Final = 6
"""Up to this number, all groups are drawn in any size."""

FEWEST: Final = 3
"""Minimum number of drawn groups if there are more than ``ALWAYS``."""

LETTER: Final = 6.8
"""Estimated width of a character in pixels."""

HOVER: Final[Spec] = {"tooltip": {"field": "tip"}, "description": {"field": "tip"}}
"""The tooltip of a mark, which is also its description for screen readers."""

COLOR: Final[Spec] = {"field": "color", "type": "nominal", "scale": None, "legend": None}
"""The colour in the data, without a scale."""

OWN_AXES: Final[Spec] = {"axis": {"x": "independent", "y": "independent"}}
"""For ``resolve``: layers have separate axes, because the target has its own."""


def look() -> Spec:
    """Return the encoding of bars: pale with few answers, dashed for a partly counted period."""
    pale = {"test": "datum.few || datum.part", "value": PALE_OPACITY}
    return {
        "color": COLOR,
        "stroke": COLOR,
        "fillOpacity": {"condition": pale, "value": 1},
        "strokeDash": {"condition": {"test": "datum.part", "value": [4, 3]}, "value": [1, 0]},
    }


def value_axis(result: Result, display: Display) -> Spec:
    """Return the axis of the values, on the left or with ``titles_on_right`` on the right."""
    percent = " + '%'" if result.unit is Unit.PERCENT else ""
    return {
        "orient": "right" if display.titles_on_right else "left",
        "tickCount": {"expr": "max(2, floor(height / 50))"},
        "grid": True,
        "labelExpr": f"datum.label{percent}",
    }


def bar_domain(values: Sequence[float], display: Display) -> list[float]:
    """Return the domain of the axis of bars, which includes zero and the target."""
    reach = [0.0, *values, *([] if display.target is None else [display.target])]
    low, high = min(reach), max(reach)
    return [low, high if high > low else 1.0]


def zero_line(theme: Theme, channel: str) -> Spec:
    """Return the layer with the zero line of bars."""
    return {
        "data": {"values": [{"zero": 0}]},
        "mark": {"type": "rule", "color": theme.muted, "strokeWidth": 1, "aria": False},
        "encoding": {channel: {"field": "zero", "type": "quantitative", "axis": None}},
    }


def target_line(result: Result, display: Display, theme: Theme, channel: str) -> list[Spec]:
    """Return the layer with the target's line, labelled on the side without other labels."""
    if display.target is None:
        return []
    target = plain(target_value_text(result.unit, display))
    side = {"x": "top", "y": "left" if display.titles_on_right else "right"}
    axis = {
        "orient": side[channel],
        "values": [display.target],
        "grid": False,
        "labelExpr": json.dumps(
            f"Target {target}" if channel == "x" else ["Target", target], ensure_ascii=False
        ),
        "labelColor": theme.text,
        "labelPadding": 4,
        "labelLimit": 90,
    }
    return [
        {
            "data": {"values": [{"v": display.target, "tip": f"Target {target}"}]},
            "mark": {"type": "rule", "color": theme.text, "strokeDash": [2, 3], "strokeWidth": 1.5},
            "encoding": {channel: {"field": "v", "type": "quantitative", "axis": axis}, **HOVER},
        }
    ]


def value_labels(mark: Spec, encoding: Spec, theme: Theme, display: Display) -> list[Spec]:
    """Return the layers with values at marks; a halo separates them from the target's line."""
    halo = {"stroke": theme.page[0], "strokeWidth": 4, "strokeJoin": "round"}
    layers = [{"mark": mark, "encoding": encoding}]
    return (
        layers if display.target is None else [{"mark": mark | halo, "encoding": encoding}, *layers]
    )


def period_labels(groups: Sequence[GroupValue], period: Period) -> list[Spec]:
    """Return the parameters of ``PERIOD_LABEL``, which labels an axis of periods.

    As many periods as fit are labelled, always the latest one; a year is shown where it changes.
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
    """Return a label of several words as two lines of about the same length."""
    words = label.split(" ")
    if len(label) <= 8 or len(words) == 1:  # noqa: PLR2004  # Fits below any bar.
        return label
    breaks = range(1, len(words))
    at = min(breaks, key=lambda n: max(len(" ".join(words[:n])), len(" ".join(words[n:]))))
    return [" ".join(words[:at]), " ".join(words[at:])]


def shown_param(total: int, room: str) -> Spec:
    """Return the parameter ``shown``, the number of groups that fit."""
    expr = f"min({total}, max({FEWEST}, floor({room})))" if total > ALWAYS else f"{total}"
    return {"name": "shown", "expr": expr}


def shown_note(total: int, theme: Theme, which: str = "") -> Spec:
    """Return the note with the number of drawn groups, which is empty if all are drawn."""
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
    """Return all values of rows that have one."""
    return [row["v"] for row in rows if row["v"] is not None]


def longest(rows: Sequence[Row], field: str, most: int = 300) -> int:
    """Return the length of the longest text in a field, up to a maximum."""
    return min(most, max((len(row[field]) for row in rows), default=1))
