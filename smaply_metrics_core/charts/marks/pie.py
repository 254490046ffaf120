"""The pie chart, a ring of the parts of a whole with a legend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from smaply_metrics_core.charts.headlines import value_text
from smaply_metrics_core.charts.marks.layers import COLOR, HOVER, LETTER, PALE_OPACITY, longest
from smaply_metrics_core.charts.marks.rows import Row, rows_of
from smaply_metrics_core.charts.theme import Theme
from smaply_metrics_core.models.metric import Display
from smaply_metrics_core.models.query import Calculation
from smaply_metrics_core.models.result import GroupValue, Result

ROW: Final = 20
"""Maximum height of a legend line in pixels."""

LARGEST: Final = 220
"""Maximum diameter of the ring in pixels."""

WIDEST: Final = 260
"""Maximum width of the legend in pixels."""


def pie(result: Result, display: Display, theme: Theme) -> dict[str, Any]:
    """Return the parts of a specification with a ring and its legend.

    The legend is on the left, or with ``titles_on_right`` on the right.
    """
    slices = _slices(result, display, theme)
    right = display.titles_on_right
    row = (
        f"(height / 2 + (datum.row - {(len(slices) - 1) / 2}) * min({ROW}, height / {len(slices)}))"
    )
    pale = {"test": "datum.few", "value": PALE_OPACITY}
    filled = {
        "color": COLOR,
        "fillOpacity": {"condition": pale, "value": 1},
        "stroke": {
            "condition": {"test": "datum.few", "field": "color", "scale": None},
            "value": None,
        },
    }
    return {
        "params": [
            {"name": "across", "expr": f"max(0, min(height, width * 0.46, {LARGEST}))"},
            {
                "name": "listed",
                "expr": f"max(0, min(width - across - 16, {_legend_width(slices)}))",
            },
            {"name": "edge", "expr": "(width - across - 16 - listed) / 2"},
            {"name": "start", "expr": "edge + across + 16" if right else "edge"},
            {"name": "stop", "expr": "start + listed"},
            {"name": "middle", "expr": "edge + across / 2" if right else "stop + 16 + across / 2"},
        ],
        "padding": 2,
        "data": {"values": slices},
        "layer": [
            {
                "mark": {
                    "type": "arc",
                    "x": {"expr": "middle"},
                    "y": {"expr": "height / 2"},
                    "outerRadius": {"expr": "across / 2 - 1"},
                    "innerRadius": {"expr": "across * 0.31"},
                    "padAngle": 0.025 if len(slices) > 1 else 0,
                    "strokeWidth": 1.5,
                },
                "encoding": {
                    "theta": {"field": "v", "type": "quantitative", "stack": True},
                    "order": {"field": "row", "type": "quantitative"},
                    **filled,
                    **HOVER,
                },
            },
            {
                "mark": {
                    "type": "square",
                    "x": {"expr": "start + 4"},
                    "y": {"expr": row},
                    "size": 81,
                    "opacity": 1,
                    "aria": False,
                },
                "encoding": filled,
            },
            _legend("label", row, "start + 15", "left", "max(0, stop - start - 22 - datum.wide)"),
            _legend("text", row, "stop", "right", "width"),
            _middle(result, theme),
        ],
    }


def _legend(field: str, y: str, x: str, align: str, limit: str) -> dict[str, Any]:
    return {
        "mark": {
            "type": "text",
            "x": {"expr": x},
            "y": {"expr": y},
            "align": align,
            "baseline": "middle",
            "limit": {"expr": limit},
            "fontWeight": 600 if field == "text" else "normal",
            "aria": False,
        },
        "encoding": {"text": {"field": field}},
    }


def _legend_width(slices: Sequence[Row]) -> float:
    """Return the width of the legend in pixels."""
    letters = longest(slices, "label") + longest(slices, "text")
    return min(WIDEST, LETTER * letters + 44)


def _middle(result: Result, theme: Theme) -> dict[str, Any]:
    """Return the layer with the number of answers inside the ring."""
    return {
        "data": {"values": [{}]},
        "mark": {
            "type": "text",
            "x": {"expr": "middle"},
            "y": {"expr": "height / 2"},
            "text": f"n = {result.current.answered:,}",
            "align": "center",
            "baseline": "middle",
            "color": theme.muted,
            "limit": {"expr": "across * 0.58"},
            "aria": False,
        },
        "encoding": {},
    }


def _slices(result: Result, display: Display, theme: Theme) -> list[Row]:
    """Return the largest groups as rows in their original order, and a row for all others."""
    most = len(theme.slices)
    rows = rows_of(result, display, theme)
    ordered = sorted(rows, key=lambda row: -(row["v"] or 0))
    largest = sorted(ordered[:most], key=lambda row: int(row["i"]))
    slices = [row | {"color": theme.slices[n]} for n, row in enumerate(largest)]
    if len(rows) > most:
        rest = [result.groups[row["i"]] for row in ordered[most:]]
        slices.append(_other(rest, result, display, theme))
    wide = LETTER * longest(slices, "text")
    return [row | {"row": n, "wide": wide} for n, row in enumerate(slices)]


def _other(rest: Sequence[GroupValue], result: Result, display: Display, theme: Theme) -> Row:
    """Return one row for several groups, with the value of their combined answers."""
    answered = sum(group.answered for group in rest)
    value: float = sum(group.value or 0 for group in rest)
    if result.calculation is Calculation.DISTRIBUTION:
        value = 100 * answered / result.current.answered
    text = value_text(result.unit, value, display)
    label = f"Other ({len(rest):,})"
    return {
        "v": value,
        "label": label,
        "text": text,
        "tip": f"{label}\n{text}\nn = {answered:,}",
        "color": theme.other,
        "few": all(group.low_sample for group in rest),
    }
