"""Intervals in charts: whiskers on bars, a band around lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from statistics import median_low
from typing import Final

from smaply_metrics_core.charts.marks.layers import Spec
from smaply_metrics_core.charts.marks.rows import Row
from smaply_metrics_core.charts.theme import Theme
from smaply_metrics_core.models.metric import Display, IntervalVisibility
from smaply_metrics_core.models.result import GroupValue, Unit, WindowResult
from smaply_metrics_core.models.uncertainty import Interval

LIMITS: Final[Mapping[Unit, tuple[float, float]]] = {
    Unit.PERCENT: (0.0, 100.0),
    Unit.POINTS: (-100.0, 100.0),
}
"""The lowest and the highest possible value of a unit."""

WIDENED_BY: Final = 0.5
"""How far any whisker may widen the axis at one end, as a share of the span of the values."""

TYPICAL: Final = 2
"""The same, as a multiple of the median length of the whiskers in that direction."""

BAND_OPACITY: Final = 0.16


def _shown(display: Display, rows: Iterable[Row]) -> bool:
    """Whether a chart shows the intervals of values: always, never, or if answers are few."""
    match display.intervals:
        case IntervalVisibility.ALWAYS:
            return True
        case IntervalVisibility.NEVER:
            return False
        case IntervalVisibility.AUTOMATIC:
            return any(row["few"] and row["v"] is not None for row in rows)


def with_intervals(
    rows: Sequence[Row],
    shown: Sequence[WindowResult | GroupValue],
    domain: Sequence[float],
    unit: Unit,
    display: Display,
) -> tuple[list[Row], list[float]]:
    """Return rows with their intervals, and the domain of the axis that fits them.

    ``lo`` and ``hi`` are the ends, ``at`` moves the text of a value to the end of its whisker, and
    ``cut`` has the ends that are beyond the domain, where one group with few answers would flatten
    the others. Rows and domain are unchanged if no interval is shown.

    Args:
        rows: The rows, without intervals.
        shown: The value of each row.
        domain: The domain of the values.
        unit: The unit of the values.
        display: The display settings.
    """
    known = {
        row["i"]: row | _ends(one.interval, unit)
        for row, one in zip(rows, shown, strict=True)
        if one.interval is not None and row["v"] is not None
    }
    if not known or not _shown(display, rows):
        return list(rows), list(domain)
    least, most = domain
    low = max(
        min(least, *(row["lo"] for row in known.values())),
        least - _room(most - least, [row["v"] - row["lo"] for row in known.values()]),
    )
    high = min(
        max(most, *(row["hi"] for row in known.values())),
        most + _room(most - least, [row["hi"] - row["v"] for row in known.values()]),
    )
    fitted = {place: _fitted(row, low, high) for place, row in known.items()}
    return [fitted.get(row["i"], row) for row in rows], [low, high]


def _ends(interval: Interval, unit: Unit) -> Row:
    """Return the ends of an interval with six digits, within the limits of the unit."""
    low, high = (float(f"{end:.6g}") for end in (interval.low, interval.high))
    least, most = LIMITS.get(unit, (low, high))
    return {"lo": max(low, least), "hi": min(high, most)}


def _room(span: float, lengths: Sequence[float]) -> float:
    """Return by how much intervals of some lengths may widen the axis at one end."""
    return max(WIDENED_BY * span, TYPICAL * median_low(lengths))


def _fitted(row: Row, least: float, most: float) -> Row:
    """Return a row whose interval is cut off at the ends of the axis."""
    low, high = row["lo"], row["hi"]
    cut = " ".join(["lo"] * (low < least) + ["hi"] * (high > most))
    low, high = max(low, least), min(high, most)
    at = min(row["v"], low) if row["v"] < 0 else max(row["v"], high)
    return row | {"lo": low, "hi": high, "at": at} | ({"cut": cut} if cut else {})


def whiskers(
    rows: Sequence[Row], place: Spec, size: Spec, theme: Theme, channel: str
) -> list[Spec]:
    """Return the layers of whiskers, with a halo that separates them from filled bars.

    Args:
        rows: The rows of the chart; without intervals there are no layers.
        place: The encoding of the groups.
        size: The encoding of the values.
        theme: The colours.
        channel: The channel of the values: ``y`` of vertical bars, ``x`` of horizontal ones.
    """
    if not any("lo" in row for row in rows):
        return []
    across = "x" if channel == "y" else "y"
    at_group = {across: place | {"axis": None}}
    size = size | {"axis": None}
    line = {
        "transform": [{"filter": "isValid(datum.lo)"}],
        "encoding": {
            **at_group,
            channel: size | {"field": "lo"},
            f"{channel}2": {"field": "hi"},
        },
    }
    rule = {"type": "rule", "aria": False}
    halo = {"color": theme.page[0], "strokeWidth": 3.5, "opacity": 0.7}
    filled = {"filter": "isValid(datum.lo) && !datum.few && !datum.part"}
    cap = {
        "type": "tick",
        "orient": "horizontal" if channel == "y" else "vertical",
        "size": {"expr": f"min(9, bandwidth('{across}') * 0.5)"},
        "thickness": 1.25,
        "color": theme.text,
        "opacity": 1,
        "aria": False,
    }
    return [
        line | {"transform": [filled], "mark": rule | halo},
        line | {"mark": rule | {"color": theme.text, "strokeWidth": 1.25}},
        {
            "transform": _fold("indexof(datum.cut || '', datum.end) < 0"),
            "mark": cap,
            "encoding": {**at_group, channel: size | {"field": "to"}},
        },
        *arrows(rows, at_group, size, theme, channel),
    ]


def arrows(
    rows: Sequence[Row], at_group: Spec, size: Spec, theme: Theme, channel: str
) -> list[Spec]:
    """Return the layer with an arrow at each end that is beyond the axis."""
    if not any("cut" in row for row in rows):
        return []
    shape, inward = ("triangle-up", 3) if channel == "y" else ("triangle-right", -3)
    arrow = {
        "type": "point",
        "shape": shape,
        "angle": {"expr": "datum.end == 'hi' ? 0 : 180"},
        f"{channel}Offset": {"expr": f"datum.end == 'hi' ? {inward} : {-inward}"},
        "size": 28,
        "filled": True,
        "color": theme.text,
        "opacity": 1,
        "aria": False,
    }
    return [
        {
            "transform": _fold("indexof(datum.cut || '', datum.end) >= 0"),
            "mark": arrow,
            "encoding": {**at_group, channel: size | {"field": "to"}},
        }
    ]


def _fold(condition: str) -> list[Spec]:
    """Return the transform that makes a row of each end of an interval."""
    return [
        {"fold": ["lo", "hi"], "as": ["end", "to"]},
        {"filter": f"isValid(datum.to) && {condition}"},
    ]


def band(rows: Sequence[Row], upto: Spec, theme: Theme) -> list[Spec]:
    """Return the layers of a band around a line, which is interrupted where there is no interval.

    Args:
        rows: The rows of the line; without intervals there are no layers.
        upto: The encoding of the line, without axes.
        theme: The colours.
    """
    points = _band_points(rows)
    if not points:
        return []
    encoding = {
        "x": upto["x"],
        "y": upto["y"] | {"field": "lo"},
        "y2": {"field": "hi"},
        "detail": {"field": "run"},
    }
    data = {"values": points}
    return [
        {
            "data": data,
            "transform": [{"filter": "!datum.alone"}],
            "mark": {"type": "area", "color": theme.accent, "opacity": BAND_OPACITY, "aria": False},
            "encoding": encoding,
        },
        {
            "data": data,
            "transform": [{"filter": "datum.alone"}],
            "mark": {
                "type": "rule",
                "color": theme.accent,
                "opacity": 2 * BAND_OPACITY,
                "strokeWidth": 6,
                "strokeCap": "butt",
                "aria": False,
            },
            "encoding": encoding,
        },
        *(
            layer | {"data": data}
            for layer in arrows(points, {"x": upto["x"]}, upto["y"], theme, "y")
        ),
    ]


def _band_points(rows: Sequence[Row]) -> list[Row]:
    """Return the ends of the intervals, numbered by uninterrupted run of periods."""
    points: list[Row] = []
    runs = groupby(rows, key=lambda row: row["v"] is not None and "lo" in row)
    for run, (has_interval, found) in enumerate(runs):
        if has_interval:
            part = list(found)
            alone = len(part) == 1
            fields = ("i", "lo", "hi", "cut")
            points += [
                {key: row[key] for key in fields if key in row} | {"run": run, "alone": alone}
                for row in part
            ]
    return points
