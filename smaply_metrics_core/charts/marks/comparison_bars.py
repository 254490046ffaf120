"""The bar chart of a Comparison: the previous and the current value."""

from __future__ import annotations

from typing import Any

from smaply_metrics_core.charts.change_text import change_text
from smaply_metrics_core.charts.date_text import date_range_text
from smaply_metrics_core.charts.headlines import target_text, target_tone, value_text
from smaply_metrics_core.charts.marks.intervals import whiskers, with_intervals
from smaply_metrics_core.charts.marks.layers import (
    HOVER,
    OWN_AXES,
    bar_domain,
    look,
    target_line,
    value_labels,
    visible,
    zero_line,
)
from smaply_metrics_core.charts.marks.rows import Row, tone_color
from smaply_metrics_core.charts.remarks import few_text, sample_text
from smaply_metrics_core.charts.theme import Theme
from smaply_metrics_core.charts.uncertainty_text import interval_sentence
from smaply_metrics_core.models.metric import Display
from smaply_metrics_core.models.result import Result, WindowResult


def comparison_bars(result: Result, display: Display, theme: Theme, zone: str) -> dict[str, Any]:
    """Return the parts of a specification with a bar per window, each labelled with its dates."""
    windows = [result.previous, result.current] if result.previous else [result.current]
    made = [_row(one, result, display, theme, zone) | {"i": n} for n, one in enumerate(windows)]
    rows, domain = with_intervals(
        made, windows, bar_domain(visible(made), display), result.unit, display
    )
    place = {
        "field": "i",
        "type": "ordinal",
        "scale": {"paddingInner": 0.4, "paddingOuter": 0.3},
        "axis": {
            "labelExpr": "texts[datum.value]",
            "labelAngle": 0,
            "labelLimit": {"expr": "width / 2 - 4"},
            "offset": 14 if any(row["at"] < 0 for row in rows) else 0,
        },
    }
    size = {
        "field": "v",
        "type": "quantitative",
        "scale": {"domain": domain, "nice": False},
        "stack": None,
        "axis": None,
    }
    value = {
        "type": "text",
        "fontSize": 13,
        "fontWeight": 600,
        "baseline": {"expr": "datum.at < 0 ? 'top' : 'bottom'"},
        "dy": {"expr": "datum.at < 0 ? 3 : -3"},
        "aria": False,
    }
    on_top = {
        "x": place | {"axis": None},
        "y": size | {"field": "at"},
        "text": {"field": "text"},
    }
    return {
        "params": [{"name": "texts", "value": [row["label"] for row in rows]}],
        "padding": {"top": 18, "bottom": 2, "left": 2, "right": 2},
        "data": {"values": rows},
        "resolve": OWN_AXES,
        "layer": [
            {
                "mark": {
                    "type": "bar",
                    "width": {"expr": "min(bandwidth('x'), 84)"},
                    "cornerRadiusEnd": 2,
                    "strokeWidth": 1.5,
                    "aria": False,
                },
                "encoding": {"x": place, "y": size, **look()},
            },
            zero_line(theme, "y"),
            *whiskers(rows, place, size, theme, "y"),
            *target_line(result, display, theme, "y"),
            *value_labels(value, on_top, theme, display),
            {
                "mark": {"type": "rect", "opacity": 0},
                "encoding": {"x": place | {"axis": None}, **HOVER},
            },
        ],
    }


def _row(measured: WindowResult, result: Result, display: Display, theme: Theme, zone: str) -> Row:
    now = measured is result.current
    text = value_text(result.unit, measured.value, display)
    dates = date_range_text(measured.window, zone)
    lines = dates.split(" \N{EN DASH} ") if display.target is not None else [dates]
    title = "Current" if now else "Previous"
    interval = interval_sentence(result.unit, measured.interval)
    tip = [title, dates, text, measured.reason, interval]
    if now:
        tip.append(target_text(result.unit, measured.value, display, measured.interval))
        tip.append(change_text(result.change, result.unit) if result.change else "")
    tip.append(" · ".join(filter(None, [sample_text(measured), few_text(measured)])))
    tone = target_tone(result.unit, measured, display)
    return {
        "label": [title, *lines],
        "v": measured.value,
        "at": measured.value or 0,
        "text": text,
        "tip": "\n".join(filter(None, tip)),
        "color": tone_color(tone, theme) if now else theme.soft,
        "few": measured.low_sample,
        "part": False,
    }
