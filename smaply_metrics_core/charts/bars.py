"""Bars, upright and lying: a bar is as long as its value, from zero."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from smaply_metrics_core.charts.groups import periods_of
from smaply_metrics_core.charts.layers import (
    HOVER,
    PERIOD_LABEL,
    bar_domain,
    look,
    not_all,
    period_labels,
    target_line,
    value_axis,
    visible,
    wrapped,
    zero_line,
)
from smaply_metrics_core.charts.marks import rows_of

if TYPE_CHECKING:
    from smaply_metrics_core.charts.theme import Theme
    from smaply_metrics_core.models.metric import Display
    from smaply_metrics_core.models.result import Result

NARROWEST: Final = 16
"""Pixels from one upright bar to the next: more of them are not drawn."""

FLATTEST: Final = 16
"""Pixels from one lying bar to the next."""

LETTER: Final = 6.4
"""Pixels that one letter of a value takes, at most."""


def upright(result: Result, display: Display, theme: Theme) -> dict[str, Any]:
    """Draw bars that stand beside each other, their labels below."""
    rows = rows_of(result, display, theme)
    period = periods_of(result.groups)
    if period:
        labels, label = period_labels(result.groups, period), PERIOD_LABEL
    else:
        texts = [wrapped(row["label"]) for row in rows]
        labels, label = [{"name": "texts", "value": texts}], "texts[datum.value]"
    longest = max((len(row["text"]) for row in rows), default=1)
    place = {
        "field": "i",
        "type": "ordinal",
        "scale": {"paddingInner": 0.28, "paddingOuter": 0.14},
        "axis": {
            "labelExpr": label,
            "labelAngle": 0,
            "labelLimit": {"expr": "max(24, bandwidth('x') * 1.3)"},
            "labelOverlap": False if period else "greedy",
        },
    }
    size = {
        "field": "v",
        "type": "quantitative",
        "scale": {"domain": bar_domain(visible(rows), display), "nice": 3},
        "stack": None,
        "axis": value_axis(result, display),
    }
    fits = f"bandwidth('x') * 1.35 >= {LETTER * longest}"
    value = {
        "type": "text",
        "baseline": {"expr": "datum.v < 0 ? 'top' : 'bottom'"},
        "dy": {"expr": "datum.v < 0 ? 4 : -4"},
        "opacity": {"expr": f"{fits} ? 1 : 0"},
        "aria": False,
    }
    return {
        "params": [
            {"name": "shown", "expr": f"min({len(rows)}, max(3, floor(width / {NARROWEST})))"},
            *labels,
        ],
        "title": not_all(len(rows), theme),
        "padding": {"top": 18, "bottom": 2, "left": 2, "right": 2},
        "data": {"values": rows},
        "transform": [{"filter": "datum.rank < shown"}],
        "layer": [
            {
                "mark": {"type": "bar", "width": {"band": 1}, "aria": False, "strokeWidth": 1.5},
                "encoding": {"x": place, "y": size, **look()},
            },
            {
                "mark": value,
                "encoding": {"x": place, "y": size, "text": {"field": "text"}},
            },
            zero_line(theme, "y"),
            *target_line(result, display, theme, "y"),
            {
                "mark": {"type": "rect", "opacity": 0},
                "encoding": {"x": place, **HOVER},
            },
        ],
    }


def lying(result: Result, display: Display, theme: Theme) -> dict[str, Any]:
    """Draw bars that lie below each other: label, bar, value; with titles right the other way."""
    rows = rows_of(result, display, theme)
    values = f"{LETTER * max((len(row['text']) for row in rows), default=1) + 8}"
    longest = max((len(row["label"]) for row in rows), default=1)
    labels = f"min(width * 0.42, {6.2 * longest + 10})"
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
            "domain": bar_domain(visible(rows), display),
            "nice": False,
            "range": [{"expr": starts}, {"expr": ends}],
        },
        "stack": None,
        "axis": None,
    }
    outside, inside = ({"expr": "width"}, 0) if right else (0, {"expr": "width"})
    return {
        "params": [
            {"name": "shown", "expr": f"min({len(rows)}, max(2, floor(height / {FLATTEST})))"}
        ],
        "title": not_all(len(rows), theme),
        "padding": 2,
        "data": {"values": rows},
        "transform": [{"filter": "datum.rank < shown"}],
        "layer": [
            {
                "mark": {"type": "bar", "height": {"band": 1}, "aria": False, "strokeWidth": 1.5},
                "encoding": {"y": place, "x": size, **look()},
            },
            {
                "mark": {
                    "type": "text",
                    "x": outside,
                    "align": "right" if right else "left",
                    "limit": {"expr": f"{labels} - 10"},
                    "baseline": "middle",
                    "aria": False,
                },
                "encoding": {"y": place, "text": {"field": "label"}},
            },
            {
                "mark": {
                    "type": "text",
                    "x": inside,
                    "align": "left" if right else "right",
                    "baseline": "middle",
                    "fontWeight": 600,
                    "aria": False,
                },
                "encoding": {"y": place, "text": {"field": "text"}},
            },
            zero_line(theme, "x"),
            *target_line(result, display, theme, "x"),
            {
                "mark": {"type": "rect", "opacity": 0},
                "encoding": {"y": place, **HOVER},
            },
        ],
    }
