"""Vertical and horizontal bar charts, whose bars start at zero."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from smaply_metrics_core.charts.marks.intervals import whiskers, with_intervals
from smaply_metrics_core.charts.marks.layers import (
    HOVER,
    LETTER,
    OWN_AXES,
    PERIOD_LABEL,
    bar_domain,
    longest,
    look,
    period_labels,
    shown_note,
    shown_param,
    target_line,
    value_axis,
    value_labels,
    visible,
    wrapped,
    zero_line,
)
from smaply_metrics_core.charts.marks.rows import Row, rows_of
from smaply_metrics_core.charts.series_groups import periods_of
from smaply_metrics_core.charts.theme import Theme
from smaply_metrics_core.models.metric import Display
from smaply_metrics_core.models.query import Period
from smaply_metrics_core.models.result import Result

MOST_BARS: Final = 200
"""Maximum number of bars in a specification."""

NARROW: Final = 14
"""Minimum pixels per period; labels of periods may be skipped."""

FEW_BARS: Final = 6
"""Maximum number of bars that show their values on top instead of an axis."""

SHORT: Final = 6
"""Maximum number of characters of a value on top of a bar."""


def vertical_bars(result: Result, display: Display, theme: Theme) -> dict[str, Any]:
    """Return the parts of a specification with vertical bars."""
    rows = rows_of(result, display, theme)
    drawn, domain = _drawn(rows, result, display)
    period = periods_of(result)
    negative = any(row["at"] < 0 for row in rows)
    labels, place = _places(result, rows, period, negative=negative)
    letters = longest(rows, "text")
    direct = len(rows) <= FEW_BARS and letters <= SHORT and not display.titles_on_right
    size = {
        "field": "v",
        "type": "quantitative",
        "scale": {"domain": domain, "nice": 0 if direct else 3},
        "stack": None,
        "axis": None,
    }
    value = {
        "type": "text",
        "baseline": {"expr": "datum.at < 0 ? 'top' : 'bottom'"},
        "dy": {"expr": "datum.at < 0 ? 3 : -3"},
        "opacity": {"expr": f"bandwidth('x') * 1.35 >= {LETTER * letters} ? 1 : 0"},
        "fontWeight": 600,
        "aria": False,
    }
    upto = {"x": place | {"axis": None}}
    on_top = {**upto, "y": size | {"field": "at"}, "text": {"field": "text"}}
    return {
        "params": [
            shown_param(len(rows), f"width / {NARROW if period else _width_of_labels(rows)}"),
            *labels,
        ],
        **shown_note(len(rows), theme, "latest " if period else ""),
        "padding": {"top": 16, "bottom": 2, "left": 2, "right": 2},
        "data": {"values": drawn},
        "transform": [{"filter": "datum.rank < shown"}],
        "resolve": OWN_AXES,
        "layer": [
            {
                "mark": {
                    "type": "bar",
                    "width": {"expr": "min(bandwidth('x'), 64)"},
                    "cornerRadiusEnd": 2,
                    "strokeWidth": 1.5,
                    "aria": False,
                },
                "encoding": {
                    "x": place,
                    "y": size if direct else size | {"axis": value_axis(result, display)},
                    **look(),
                },
            },
            zero_line(theme, "y"),
            *whiskers(drawn, place, size, theme, "y"),
            *target_line(result, display, theme, "y"),
            *value_labels(value, on_top, theme, display),
            {"mark": {"type": "rect", "opacity": 0}, "encoding": {**upto, **HOVER}},
        ],
    }


def _drawn(rows: Sequence[Row], result: Result, display: Display) -> tuple[list[Row], list[float]]:
    """Return the rows to draw, with their intervals if shown, and the domain of the axis."""
    drawn = [row for row in rows if row["rank"] < MOST_BARS]
    groups = [result.groups[row["i"]] for row in drawn]
    domain = bar_domain(visible(rows), display)
    return with_intervals(drawn, groups, domain, result.unit, display)


def _width_of_labels(rows: Sequence[Row]) -> float:
    """Return the width of bar labels in pixels, up to a limit that leaves room for the bars."""
    lines = [wrapped(row["label"]) for row in rows]
    letters = max(len(line) if isinstance(line, str) else max(map(len, line)) for line in lines)
    return min(64, max(30, LETTER * letters))


def _places(
    result: Result, rows: Sequence[Row], period: Period | None, *, negative: bool
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the parameters with the labels of vertical bars, and the axis that shows them."""
    if period:
        labels, label = period_labels(result.groups, period), PERIOD_LABEL
    else:
        texts = [wrapped(row["label"]) for row in rows]
        labels, label = [{"name": "texts", "value": texts}], "texts[datum.value]"
    place = {
        "field": "i",
        "type": "ordinal",
        "scale": {"paddingInner": 0.3, "paddingOuter": 0.15},
        "axis": {
            "labelExpr": label,
            "labelAngle": 0,
            "labelLimit": 90 if period else {"expr": "max(26, bandwidth('x') / 0.7 - 3)"},
            "labelOverlap": False if period else "greedy",
            # Below the values of negative bars.
            "offset": 14 if negative else 0,
        },
    }
    return labels, place


def horizontal_bars(result: Result, display: Display, theme: Theme) -> dict[str, Any]:
    """Return the parts of a specification with horizontal bars.

    Each row has a label, a bar and a value, from left to right or with ``titles_on_right`` from
    right to left.
    """
    rows = rows_of(result, display, theme)
    drawn, domain = _drawn(rows, result, display)
    by_period = periods_of(result) is not None
    values = f"{LETTER * longest(rows, 'text') + 12}"
    labels = f"min(width * 0.42, {LETTER * longest(rows, 'label') + 18})"
    right = display.titles_on_right
    starts, ends = (values, f"width - {labels}") if right else (labels, f"width - {values}")
    place = {
        "field": "i",
        "type": "ordinal",
        "scale": {"paddingInner": 0.36, "paddingOuter": 0.18},
        "axis": None,
    }
    size = {
        "field": "v",
        "type": "quantitative",
        "scale": {
            "domain": domain,
            "nice": False,
            "range": [{"expr": starts}, {"expr": ends}],
        },
        "stack": None,
        "axis": None,
    }
    start, end = {"value": 0}, {"value": {"expr": "width"}}
    text = {"type": "text", "baseline": "middle", "aria": False}
    label = {"align": "right" if right else "left", "limit": {"expr": f"{labels} - 10"}}
    value = {"align": "left" if right else "right", "fontWeight": 600}
    return {
        "params": [shown_param(len(rows), "height / 16")],
        **shown_note(len(rows), theme, "latest " if by_period else ""),
        "padding": 2,
        "data": {"values": drawn},
        "transform": [{"filter": "datum.rank < shown"}],
        "resolve": OWN_AXES,
        "layer": [
            {
                "mark": {
                    "type": "bar",
                    "height": {"expr": "min(bandwidth('y'), 26)"},
                    "cornerRadiusEnd": 2,
                    "strokeWidth": 1.5,
                    "aria": False,
                },
                "encoding": {"y": place, "x": size, **look()},
            },
            {
                "mark": text | label,
                "encoding": {"y": place, "x": end if right else start, "text": {"field": "label"}},
            },
            {
                "mark": text | value,
                "encoding": {"y": place, "x": start if right else end, "text": {"field": "text"}},
            },
            zero_line(theme, "x"),
            *whiskers(drawn, place, size, theme, "x"),
            *target_line(result, display, theme, "x"),
            {"mark": {"type": "rect", "opacity": 0}, "encoding": {"y": place, **HOVER}},
        ],
    }
