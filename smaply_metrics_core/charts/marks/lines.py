"""The line chart over calendar periods, with gaps for periods without a value."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from sys import float_info
from typing import Any, Final

from smaply_metrics_core.charts.marks.intervals import LIMITS, band, with_intervals
from smaply_metrics_core.charts.marks.layers import (
    HOVER,
    OWN_AXES,
    PERIOD_LABEL,
    period_labels,
    shown_note,
    target_line,
    value_axis,
    value_labels,
    visible,
)
from smaply_metrics_core.charts.marks.question_breaks import question_breaks
from smaply_metrics_core.charts.marks.rows import Row, rows_of
from smaply_metrics_core.charts.series_groups import periods_of
from smaply_metrics_core.charts.theme import Theme
from smaply_metrics_core.models.metric import Display
from smaply_metrics_core.models.query import Period
from smaply_metrics_core.models.result import Result

MOST_POINTS: Final = 400
"""Maximum number of periods of a line; the latest ones are drawn."""

DOTS_UP_TO: Final = 40
"""Maximum number of periods for which each has a dot."""


def line(result: Result, display: Display, theme: Theme) -> dict[str, Any]:
    """Return the parts of a specification with a line, labelled with the latest value."""
    groups = result.groups[-MOST_POINTS:]
    values = rows_of(result, display, theme)[-MOST_POINTS:]
    domain = _domain(result, display, visible(values))
    rows, domain = with_intervals(values, groups, domain, result.unit, display)
    has_band = any("lo" in row for row in rows)
    period = periods_of(result) or Period.DAY
    first, last = (rows[0]["i"], rows[-1]["i"]) if rows else (0, 0)
    ends = [first, last] if last > first else [first - 1, first + 1]
    place = {
        "field": "i",
        "type": "quantitative",
        "scale": {"domain": ends, "nice": False, "padding": 14},
        "axis": {
            "values": [row["i"] for row in rows],
            "labelExpr": PERIOD_LABEL,
            "labelOverlap": False,
            "grid": False,
        },
    }
    size = {
        "field": "v",
        "type": "quantitative",
        "scale": {"domain": domain, "nice": 0 if has_band else 3, "zero": False},
        "axis": None,
    }
    upto = {"x": place | {"axis": None}, "y": size}
    value = {
        "type": "text",
        "align": "right",
        "baseline": "bottom",
        "dx": 6,
        "dy": -7,
        "fontWeight": 600,
        "aria": False,
    }
    dots = "datum.last || datum.few || datum.part || datum.alone" + (
        " || true" if len(rows) <= DOTS_UP_TO else ""
    )
    hollow = "datum.few || datum.part"
    isolated = _isolated_periods(rows)
    return {
        "params": [
            {"name": "shown", "value": len(rows)},
            *period_labels(result.groups, period),
        ],
        **shown_note(len(result.groups), theme, "latest "),
        "resolve": OWN_AXES,
        "padding": {"top": 20, "bottom": 2, "left": 2, "right": 2},
        "data": {"values": [_dot(row, alone=row["i"] in isolated) for row in rows]},
        "layer": [
            *band(rows, upto, theme),
            *target_line(result, display, theme, "y"),
            *question_breaks(result.groups, place, ends, theme),
            {
                "data": {"values": _line_segments(rows)},
                "mark": {"type": "line", "color": theme.accent, "aria": False},
                "encoding": {
                    "x": place,
                    "y": size | {"axis": value_axis(result, display)},
                    "detail": {"field": "stroke"},
                    "strokeDash": {
                        "condition": {"test": "datum.part", "value": [4, 4]},
                        "value": [1, 0],
                    },
                    "strokeWidth": {"condition": {"test": "datum.few", "value": 1}, "value": 2},
                },
            },
            {
                "transform": [{"filter": f"isValid(datum.v) && ({dots})"}],
                "mark": {"type": "circle", "opacity": 1, "strokeWidth": 1.5, "aria": False},
                "encoding": {
                    **upto,
                    "stroke": {"value": theme.accent},
                    "fill": {
                        "condition": {"test": hollow, "value": theme.page[0]},
                        "value": theme.accent,
                    },
                    "size": {"condition": {"test": "datum.last", "value": 64}, "value": 20},
                },
            },
            *(
                layer | {"transform": [{"filter": "datum.last"}]}
                for layer in value_labels(
                    value, {**upto, "text": {"field": "text"}}, theme, display
                )
            ),
            {
                "mark": {
                    "type": "rule",
                    "opacity": 0,
                    "strokeWidth": {"expr": "max(2, width / max(1, shown))"},
                },
                "encoding": {"x": place | {"axis": None}, **HOVER},
            },
        ],
    }


def _domain(result: Result, display: Display, values: Sequence[float]) -> list[float]:
    """Return the domain of the axis: values, target, and zero if the display requests it."""
    reach = [
        *values,
        *([] if display.target is None else [display.target]),
        *([0.0] if display.start_at_zero else []),
    ] or [0.0, 1.0]
    low, high = min(reach), max(reach)
    if low == high:
        room = abs(high) / 10 or 1
        low, high = max(low - room, -float_info.max), min(high + room, float_info.max)
    least, most = LIMITS.get(result.unit, (low, high))
    return [max(low, least), min(high, most)] if low < most and high > least else [low, high]


def _line_segments(rows: Sequence[Row]) -> list[Row]:
    """Return the segments of the line, which have one style each and no gap."""
    strokes: list[Row] = []
    look: tuple[bool, bool] | None = None
    number = 0
    for before, after in pairwise(rows):
        if before["v"] is None or after["v"] is None:
            look = None
            continue
        part, few = before["part"] or after["part"], before["few"] or after["few"]
        if look != (part, few):
            look, number = (part, few), number + 1
            strokes.append(_point(before, number, look))
        strokes.append(_point(after, number, look))
    return strokes


def _point(row: Row, stroke: int, look: tuple[bool, bool]) -> Row:
    return {"i": row["i"], "v": row["v"], "stroke": stroke, "part": look[0], "few": look[1]}


def _dot(row: Row, *, alone: bool) -> Row:
    """Return only the fields that the marks use, because there may be hundreds of rows."""
    used = {field: row[field] for field in ("i", "v", "tip", "few", "part", "last")}
    return used | {"alone": alone} | ({"text": row["text"]} if row["last"] else {})


def _isolated_periods(rows: Sequence[Row]) -> set[int]:
    """Return the periods that are in no segment and are shown only by a dot."""
    joined = {row["i"] for row in _line_segments(rows)}
    return {row["i"] for row in rows if row["i"] not in joined}
