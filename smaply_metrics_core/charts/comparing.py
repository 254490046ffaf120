"""Two bars beside each other: before and now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from smaply_metrics_core.charts.dates import covered
from smaply_metrics_core.charts.layers import (
    HOVER,
    bar_domain,
    look,
    target_line,
    visible,
    zero_line,
)
from smaply_metrics_core.charts.marks import tone_color
from smaply_metrics_core.charts.wording import FEW, change_words, said, target_tone, target_words

if TYPE_CHECKING:
    from smaply_metrics_core.charts.marks import Row
    from smaply_metrics_core.charts.theme import Theme
    from smaply_metrics_core.models.metric import Display
    from smaply_metrics_core.models.result import Measured, Result


def bar_comparison(result: Result, display: Display, theme: Theme, zone: str) -> dict[str, Any]:
    """Draw the previous and the current value as bars from zero, each with its dates."""
    windows = [result.previous, result.current] if result.previous else [result.current]
    rows = [_row(one, result, display, theme, zone) | {"i": n} for n, one in enumerate(windows)]
    place = {
        "field": "i",
        "type": "ordinal",
        "scale": {"paddingInner": 0.4, "paddingOuter": 0.3},
        "axis": {
            "labelExpr": "texts[datum.value]",
            "labelAngle": 0,
            "labelLimit": {"expr": "width / 2 - 4"},
            "labelColor": theme.muted,
        },
    }
    size = {
        "field": "v",
        "type": "quantitative",
        "scale": {"domain": bar_domain(visible(rows), display), "nice": False},
        "stack": None,
        "axis": None,
    }
    value = {
        "type": "text",
        "fontSize": 13,
        "fontWeight": 600,
        "baseline": {"expr": "datum.v < 0 ? 'top' : 'bottom'"},
        "dy": {"expr": "datum.v < 0 ? 4 : -4"},
        "aria": False,
    }
    return {
        "params": [{"name": "texts", "value": [row["label"] for row in rows]}],
        "padding": {"top": 18, "bottom": 2, "left": 2, "right": 2},
        "data": {"values": rows},
        "layer": [
            {
                "mark": {
                    "type": "bar",
                    "width": {"expr": "min(bandwidth('x'), 84)"},
                    "aria": False,
                    "strokeWidth": 1.5,
                },
                "encoding": {"x": place, "y": size, **look()},
            },
            {"mark": value, "encoding": {"x": place, "y": size, "text": {"field": "text"}}},
            zero_line(theme, "y"),
            *target_line(result, display, theme, "y"),
            {"mark": {"type": "rect", "opacity": 0}, "encoding": {"x": place, **HOVER}},
        ],
    }


def _row(measured: Measured, result: Result, display: Display, theme: Theme, zone: str) -> Row:
    now = measured is result.current
    text = said(result.unit, measured.value, display)
    dates = covered(measured.window, zone)
    told = ["Now" if now else "Before", dates, text, measured.reason]
    if now:
        told.append(target_words(result.unit, measured.value, display))
        told.append(change_words(result.change, result.unit) if result.change else "")
    told.append(f"n = {measured.answered:,}" + (f" · {FEW}" if measured.low_sample else ""))
    tone = target_tone(result.unit, measured.value, display)
    return {
        "label": ["Now" if now else "Before", dates],
        "v": measured.value,
        "text": text,
        "tip": "\n".join(filter(None, told)),
        "color": tone_color(tone, theme) if now else theme.soft,
        "few": measured.low_sample,
        "part": False,
    }
