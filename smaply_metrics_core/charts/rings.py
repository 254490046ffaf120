"""A ring of the parts of a whole, with a legend that names each part and its value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from smaply_metrics_core.charts.layers import HALF_SEEN, HOVER
from smaply_metrics_core.charts.marks import rows_of
from smaply_metrics_core.charts.wording import said
from smaply_metrics_core.models.query import Calculation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smaply_metrics_core.charts.marks import Row
    from smaply_metrics_core.charts.theme import Theme
    from smaply_metrics_core.models.metric import Display
    from smaply_metrics_core.models.result import GroupValue, Result

ROW: Final = 20
"""Pixels from one line of the legend to the next, at most."""


def ring(result: Result, display: Display, theme: Theme) -> dict[str, Any]:
    """Draw a ring and, on its left (on its right with titles right), what its slices are."""
    slices = _slices(result, display, theme)
    right = display.titles_on_right
    row = (
        f"(height / 2 + (datum.row - {(len(slices) - 1) / 2}) * min({ROW}, height / {len(slices)}))"
    )
    return {
        "params": [
            {"name": "across", "expr": "max(0, min(height, width * 0.46)) - 4"},
            {"name": "middle", "expr": "across / 2 + 2" if right else "width - across / 2 - 2"},
            {"name": "start", "expr": "across + 20" if right else "4"},
            {"name": "stop", "expr": "width - 2" if right else "width - across - 18"},
        ],
        "padding": 2,
        "data": {"values": slices},
        "layer": [
            {
                "mark": {
                    "type": "arc",
                    "x": {"expr": "middle"},
                    "y": {"expr": "height / 2"},
                    "outerRadius": {"expr": "across / 2"},
                    "innerRadius": {"expr": "across * 0.31"},
                    "padAngle": 0.025 if len(slices) > 1 else 0,
                    "strokeWidth": 1.5,
                },
                "encoding": {
                    "theta": {"field": "v", "type": "quantitative", "stack": True},
                    "order": {"field": "row", "type": "quantitative"},
                    "color": {"field": "color", "type": "nominal", "scale": None, "legend": None},
                    "fillOpacity": {
                        "condition": {"test": "datum.few", "value": HALF_SEEN},
                        "value": 1,
                    },
                    "stroke": {
                        "condition": {"test": "datum.few", "field": "color", "scale": None},
                        "value": None,
                    },
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
                "encoding": {"color": {"field": "color", "type": "nominal", "scale": None}},
            },
            _legend("label", row, "start + 15", "left", "max(0, stop - start - 22 - datum.wide)"),
            _legend("text", row, "stop", "right", "width") | {},
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


def _slices(result: Result, display: Display, theme: Theme) -> list[Row]:
    """Make a row for each slice: the largest in the order of the groups, then all others as one."""
    most = len(theme.slices)
    rows = rows_of(result, display, theme)
    ordered = sorted(rows, key=lambda row: -(row["v"] or 0))
    kept = sorted(ordered[:most], key=lambda row: int(row["i"]))
    slices = [row | {"color": theme.slices[n]} for n, row in enumerate(kept)]
    if len(rows) > most:
        rest = [result.groups[row["i"]] for row in ordered[most:]]
        slices.append(_other(rest, result, display, theme))
    wide = 6.4 * max(len(row["text"]) for row in slices) if slices else 0
    return [row | {"row": n, "wide": wide} for n, row in enumerate(slices)]


def _other(rest: Sequence[GroupValue], result: Result, display: Display, theme: Theme) -> Row:
    """Put groups together, counted anew from their answers."""
    answered = sum(group.answered for group in rest)
    value: float = sum(group.value or 0 for group in rest)
    if result.calculation is Calculation.DISTRIBUTION:
        value = 100 * answered / result.current.answered
    text = said(result.unit, value, display)
    label = f"Other ({len(rest):,})"
    return {
        "v": value,
        "label": label,
        "text": text,
        "tip": f"{label}\n{text}\nn = {answered:,}",
        "color": theme.other,
        "few": all(group.low_sample for group in rest),
    }
