"""A gauge: one value between two ends."""

from __future__ import annotations

from math import cos, pi, sin
from typing import TYPE_CHECKING, Any, Final

from smaply_metrics_core.calculations.value import format_value
from smaply_metrics_core.charts.layers import HALF_SEEN
from smaply_metrics_core.charts.marks import tone_color
from smaply_metrics_core.charts.scale import ends_of
from smaply_metrics_core.charts.wording import (
    FEW,
    counted,
    said,
    target_tone,
    target_words,
)

if TYPE_CHECKING:
    from smaply_metrics_core.charts.theme import Theme
    from smaply_metrics_core.models.metric import Display
    from smaply_metrics_core.models.result import Result

INSIDE: Final = 0.76
"""The inner radius of the arc, of the outer one."""


def gauge(result: Result, display: Display, theme: Theme) -> dict[str, Any]:
    """Draw an arc from the lowest to the highest value, filled up to this one.

    What lies beyond an end fills the arc up to there; the text is true all the same.
    """
    low, high = ends_of(result, display) or (0.0, 1.0)
    current = result.current
    target = target_words(result.unit, current.value, display)
    text = said(result.unit, current.value, display)
    lines = [text, current.reason if current.value is None else "", target, counted(result)]
    tip = "\n".join([*filter(None, lines), *([FEW] if current.low_sample else [])])
    foot = f"radius * {(1 + INSIDE) / 2}"
    layers = [_arc(-pi / 2, pi / 2, theme.line, tip)]
    if current.value is not None:
        start = _angle(max(low, min(0.0, high)), low, high)
        stop = _angle(current.value, low, high)
        color = tone_color(target_tone(result.unit, current.value, display), theme)
        layers.append(_arc(min(start, stop), max(start, stop), color, tip, few=current.low_sample))
    if display.target is not None:
        layers.append(_tick(_angle(display.target, low, high), theme))
    return {
        "params": [
            {"name": "radius", "expr": "max(1, min(width / 2 - 2, height - 20))"},
            {"name": "base", "expr": "(height + radius - 16) / 2"},
        ],
        "padding": 2,
        "data": {"values": [{}]},
        "layer": [
            *layers,
            _words(
                text,
                "width / 2",
                "base - 2",
                color=theme.text,
                fontSize={"expr": "radius * 0.36"},
                fontWeight=600,
            ),
            _words(format_value(result.unit, low), f"width / 2 - {foot}", "base + 12"),
            _words(format_value(result.unit, high), f"width / 2 + {foot}", "base + 12"),
        ],
    }


def _angle(value: float, low: float, high: float) -> float:
    """Place a value on the half circle, from -π/2 (left) to π/2."""
    share = (min(max(value, low), high) - low) / (high - low)
    return (share - 0.5) * pi


def _arc(start: float, stop: float, color: str, tip: str, *, few: bool = False) -> dict[str, Any]:
    outline = {"stroke": color, "strokeWidth": 1.5, "fillOpacity": HALF_SEEN} if few else {}
    return {
        "encoding": {},
        "mark": {
            "type": "arc",
            "x": {"expr": "width / 2"},
            "y": {"expr": "base"},
            "outerRadius": {"expr": "radius"},
            "innerRadius": {"expr": f"radius * {INSIDE}"},
            "theta": start,
            "theta2": stop,
            "cornerRadius": 3,
            "color": color,
            "tooltip": tip,
            "description": tip,
            **outline,
        },
    }


def _tick(angle: float, theme: Theme) -> dict[str, Any]:
    across, up = sin(angle), cos(angle)
    return {
        "encoding": {},
        "mark": {
            "type": "rule",
            "x": {"expr": f"width / 2 + {across} * radius * {INSIDE - 0.06}"},
            "y": {"expr": f"base - {up} * radius * {INSIDE - 0.06}"},
            "x2": {"expr": f"width / 2 + {across} * (radius + 2)"},
            "y2": {"expr": f"base - {up} * (radius + 2)"},
            "color": theme.text,
            "strokeWidth": 2,
            "aria": False,
        },
    }


def _words(text: str, x: str, y: str, **style: Any) -> dict[str, Any]:  # noqa: ANN401  # Of Vega-Lite.
    return {
        "encoding": {},
        "mark": {
            "type": "text",
            "x": {"expr": x},
            "y": {"expr": y},
            "text": text,
            "align": "center",
            "baseline": "alphabetic",
            "limit": {"expr": "radius * 1.4"},
            "aria": False,
            **style,
        },
    }
