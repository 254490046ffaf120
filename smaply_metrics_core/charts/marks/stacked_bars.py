"""Stacked bars: one bar for each row of a matrix, with the share of each answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from smaply_metrics_core.calculations.response_text import count_text
from smaply_metrics_core.calculations.results import format_value
from smaply_metrics_core.charts.marks.layers import HOVER, LETTER, longest, shown_note, shown_param
from smaply_metrics_core.charts.remarks import few_text
from smaply_metrics_core.charts.series_groups import value_of
from smaply_metrics_core.charts.theme import Theme
from smaply_metrics_core.charts.uncertainty_text import interval_sentence
from smaply_metrics_core.models.metric import Display
from smaply_metrics_core.models.result import GroupValue, Result

MOST_ROWS: Final = 100
"""Maximum number of bars in a specification."""

WIDEST_NAME: Final = 150
"""Maximum width in pixels of an answer in the legend."""

SHORTEST: Final = 11
"""Minimum height in pixels of a bar that shows its values."""

_Color = tuple[int, int, int]


def stacked_bars(result: Result, display: Display, theme: Theme) -> dict[str, Any]:
    """Return the parts of a specification with stacked horizontal bars.

    Each row has a label, a bar and the number of answers, from left to right or with
    ``titles_on_right`` from right to left. The answers have the order of the scale, from light to
    dark, and a legend.
    """
    names = {part.key: part.label for group in result.groups for part in group.parts}
    places = {key: place for place, key in enumerate(names)}
    rows = [
        {
            "i": place,
            "rank": place,
            "label": group.label,
            "text": f"n = {count_text(group)}",
            "tip": f"{group.label}\n{group.reason or f'n = {count_text(group)}'}",
        }
        for place, group in enumerate(result.groups[:MOST_ROWS])
    ]
    colors = ramp(theme, len(names))
    segments = [
        {"i": place, "rank": place, **segment}
        for place, group in enumerate(result.groups[:MOST_ROWS])
        for segment in _segments(group, result, places, colors)
    ]
    counted = f"{LETTER * longest(rows, 'text') + 12}"
    labels = f"min(width * 0.42, {LETTER * longest(rows, 'label') + 18})"
    right = display.titles_on_right
    starts, ends = (counted, f"width - {labels}") if right else (labels, f"width - {counted}")
    place = {
        "field": "i",
        "type": "ordinal",
        "scale": {"paddingInner": 0.36, "paddingOuter": 0.18},
        "axis": None,
    }
    share = {
        "type": "quantitative",
        "scale": {
            "domain": [0, 100],
            "nice": False,
            "range": [{"expr": starts}, {"expr": ends}],
        },
        "axis": None,
    }
    room = f"({ends} - ({starts})) * (datum.end - datum.start) / 100"
    fits = f"bandwidth('y') >= {SHORTEST} && {room} >= {LETTER} * length(datum.text) + 4"
    text = {"type": "text", "baseline": "middle", "aria": False}
    label = {"align": "right" if right else "left", "limit": {"expr": f"{labels} - 10"}}
    number = {"align": "left" if right else "right", "color": theme.muted}
    start, end = {"value": 0}, {"value": {"expr": "width"}}
    return {
        "params": [
            shown_param(len(result.groups), "height / 16"),
            {"name": "names", "value": list(names.values())},
        ],
        **shown_note(len(result.groups), theme),
        "padding": 2,
        "data": {"values": rows},
        "transform": [{"filter": "datum.rank < shown"}],
        "layer": [
            {
                "mark": text | label,
                "encoding": {"y": place, "x": end if right else start, "text": {"field": "label"}},
            },
            {
                "mark": text | number,
                "encoding": {"y": place, "x": start if right else end, "text": {"field": "text"}},
            },
            {"mark": {"type": "rect", "opacity": 0}, "encoding": {"y": place, **HOVER}},
            {
                "data": {"values": segments},
                "transform": [{"filter": "datum.rank < shown"}],
                "mark": {
                    "type": "bar",
                    "height": {"expr": "min(bandwidth('y'), 26)"},
                    "stroke": theme.page[0],
                    "strokeWidth": 1,
                },
                "encoding": {
                    "y": place,
                    "x": share | {"field": "start"},
                    "x2": {"field": "end"},
                    "color": _legend_of(names, colors, theme),
                    **HOVER,
                },
            },
            {
                "data": {"values": segments},
                "transform": [{"filter": "datum.rank < shown"}],
                "mark": text
                | {
                    "align": "center",
                    "color": {"expr": "datum.ink"},
                    "opacity": {"expr": f"{fits} ? 1 : 0"},
                },
                "encoding": {
                    "y": place,
                    "x": share | {"field": "middle"},
                    "text": {"field": "text"},
                },
            },
        ],
    }


def _segments(
    group: GroupValue, result: Result, places: Mapping[str, int], colors: list[str]
) -> Iterator[dict[str, Any]]:
    """Yield the parts of a bar that have a length, one after the other."""
    passed = 0.0
    for part in group.parts:
        share = value_of(part)
        if not share:
            continue
        text = format_value(result.unit, part.value)
        lines = (
            f"{group.label}: {part.label}",
            text,
            interval_sentence(result.unit, part.interval),
            " · ".join(filter(None, [f"n = {part.answered:,}", few_text(group)])),
        )
        color = colors[places[part.key]]
        yield {
            "part": places[part.key],
            "start": passed,
            "middle": passed + share / 2,
            "end": passed + share,
            "text": text,
            "tip": "\n".join(filter(None, lines)),
            "ink": _ink(color),
        }
        passed += share


def _legend_of(names: Mapping[str, str], colors: list[str], theme: Theme) -> dict[str, Any]:
    """Return the encoding of colours, with a legend above the bars."""
    letters = max((len(name) for name in names.values()), default=1)
    width = min(WIDEST_NAME, LETTER * letters + 28)
    return {
        "field": "part",
        "type": "ordinal",
        "scale": {"domain": list(range(len(names))), "range": colors},
        "legend": {
            "orient": "top",
            "title": None,
            "direction": "horizontal",
            "columns": {"expr": f"max(1, floor(width / {width}))"},
            "symbolType": "square",
            "symbolStrokeWidth": 0,
            "labelExpr": "names[datum.value]",
            "labelLimit": width - 24,
            "labelColor": theme.text,
            "labelFontSize": 11,
            "columnPadding": 10,
            "offset": 4,
        },
    }


def ramp(theme: Theme, steps: int) -> list[str]:
    """Return a colour for each answer of a scale, from light to dark or the other way round."""
    first, last = map(_channels, theme.ramp)
    shares = [place / max(1, steps - 1) for place in range(steps)]
    return [
        "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in zip(first, last, strict=True))
        for share in shares
    ]


def _channels(color: str) -> _Color:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def _ink(color: str) -> str:
    """Return the colour of text on a colour, black or white: the one with more contrast."""
    linear = [
        level / 12.92 if level <= 0.04045 else ((level + 0.055) / 1.055) ** 2.4  # noqa: PLR2004  # sRGB.
        for level in (channel / 255 for channel in _channels(color))
    ]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#000000" if (luminance + 0.05) ** 2 > 1.05 * 0.05 else "#ffffff"
