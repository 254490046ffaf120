"""The gauge chart: one value between two bounds."""

from __future__ import annotations

import re
from math import floor, isfinite, log10, pi
from typing import Any, Final

from smaply_metrics_core.calculations.results import MINUS, format_value
from smaply_metrics_core.charts.headlines import (
    target_text,
    target_tone,
    target_value_text,
    value_text,
)
from smaply_metrics_core.charts.marks.intervals import LIMITS
from smaply_metrics_core.charts.marks.layers import PALE_OPACITY
from smaply_metrics_core.charts.marks.rows import tone_color
from smaply_metrics_core.charts.remarks import answer_count_text, few_text
from smaply_metrics_core.charts.theme import Theme
from smaply_metrics_core.charts.uncertainty_text import interval_sentence
from smaply_metrics_core.models.metric import Display
from smaply_metrics_core.models.query import Calculation
from smaply_metrics_core.models.result import Result, Unit

INSIDE: Final = 0.76
"""The inner radius of the arc, as a share of the outer radius."""

LARGEST: Final = 150
"""Maximum radius in pixels."""

TICK: Final = 0.02
"""Width of the target's tick in radians."""


def gauge(result: Result, display: Display, theme: Theme) -> dict[str, Any]:
    """Return the parts of a specification with an arc that is filled from zero to the value.

    A value beyond a bound fills the arc up to the bound; the text shows the actual value.
    """
    low, high = gauge_bounds(result, display) or (0.0, 1.0)
    current = result.current
    target = target_text(result.unit, current.value, display, current.interval)
    text = value_text(result.unit, current.value, display)
    lines = [
        text,
        current.reason if current.value is None else "",
        interval_sentence(result.unit, current.interval),
        target,
        answer_count_text(result),
    ]
    tip = "\n".join(filter(None, [*lines, few_text(current)]))
    goal = target_value_text(result.unit, display)
    under = current.reason.rstrip(".") or (f"Target {goal}" if goal else "")
    foot = f"radius * {(1 + INSIDE) / 2}"
    layers = [_arc(-pi / 2, pi / 2, theme.line, tip)]
    if current.value is not None:
        start = _angle(max(low, min(0.0, high)), low, high)
        stop = _angle(current.value, low, high)
        color = tone_color(target_tone(result.unit, current, display), theme)
        layers.append(_arc(min(start, stop), max(start, stop), color, tip, few=current.low_sample))
    if display.target is not None:
        layers.append(_tick(_angle(display.target, low, high), theme))
    return {
        "params": [
            {"name": "radius", "expr": f"max(1, min(width / 2 - 4, height - 22, {LARGEST}))"},
            {"name": "base", "expr": "(height + radius - 16) / 2"},
        ],
        "padding": 2,
        "data": {"values": [{}]},
        "layer": [
            *layers,
            _words(
                text,
                "width / 2",
                "base - 7",
                color=theme.text,
                fontSize={"expr": "radius * 0.34"},
                fontWeight=600,
            ),
            _words(under, "width / 2", "base + 12"),
            _words(_bound_text(result, low), f"width / 2 - {foot}", "base + 12"),
            _words(_bound_text(result, high), f"width / 2 + {foot}", "base + 12"),
        ],
    }


def _bound_text(result: Result, value: float) -> str:
    if result.unit is Unit.SCORE:
        return f"{value:g}".replace("-", MINUS)
    return format_value(result.unit, value)


def _angle(value: float, low: float, high: float) -> float:
    """Return the angle of a value on the half circle, from -π/2 (left) to π/2 (right)."""
    share = (min(max(value, low), high) - low) / (high - low)
    return (share - 0.5) * pi


def _arc(start: float, stop: float, color: str, tip: str, *, few: bool = False) -> dict[str, Any]:
    outline = {"stroke": color, "strokeWidth": 1.5, "fillOpacity": PALE_OPACITY} if few else {}
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
    """Return the tick of the target, a thin slice that extends beyond the arc on both sides."""
    tick = _arc(angle - TICK / 2, angle + TICK / 2, theme.text, "")
    tick["mark"] |= {
        "outerRadius": {"expr": "radius + 3"},
        "innerRadius": {"expr": f"radius * {INSIDE} - 3"},
        "cornerRadius": 0,
        "aria": False,
    }
    return tick


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


_LOWEST: Final = re.compile(r"(\S+) = ")
_HIGHEST: Final = re.compile(r" … (\S+) = ")


def gauge_bounds(result: Result, display: Display) -> tuple[float, float] | None:
    """Return the lowest and highest value of a gauge; ``None`` if they are unknown.

    Percentages and NPS have fixed bounds, and scores those of the question's scale. For other
    values, such as counts, the bounds are zero and a round number above value and target.
    """
    if result.unit in LIMITS:
        return LIMITS[result.unit]
    scale = None if result.calculation is Calculation.SUM else _scale_bounds(result)
    if scale is not None:
        return scale
    value, target = result.current.value or 0.0, display.target
    if target is None or target <= 0 or value < 0 or not isfinite(value):
        return None
    most = max(value, target * 1.25)
    top = _round_up(most) if isfinite(most) else most
    return (0.0, top) if isfinite(top) else None


def _scale_bounds(result: Result) -> tuple[float, float] | None:
    """Return the bounds in ``1 = Very poor … 5 = Very good`` if the value is between them."""
    lowest, highest = _LOWEST.match(result.scale), _HIGHEST.findall(result.scale)
    if lowest is None or not highest:
        return None
    try:
        low, high = float(lowest[1]), float(highest[-1])
    except ValueError:
        return None
    value = result.current.value
    fits = low < high and (value is None or low <= value <= high)
    return (low, high) if fits else None


def _round_up(value: float) -> float:
    """Return a value rounded up to two significant digits."""
    step = 10.0 ** (floor(log10(value)) - 1)
    return step * -(-value // step)
