"""The vertical rules where a question was changed: values on both sides are not comparable."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from smaply_metrics_core.charts.marks.layers import HOVER, Spec
from smaply_metrics_core.charts.theme import SMALL, Theme
from smaply_metrics_core.models.result import GroupValue

LABEL = "Question changed"


def question_breaks(
    groups: Sequence[GroupValue], place: Mapping[str, Any], ends: Sequence[int], theme: Theme
) -> list[Spec]:
    """Return the layers of the rules; none if the question was not changed.

    Args:
        groups: The periods.
        place: The encoding of the horizontal position.
        ends: The first and the last position.
        theme: The colours.
    """
    first, last = ends
    positions = [at for at in _positions(groups) if first <= at <= last]
    if not positions:
        return []
    tip = f"{LABEL}: values before and after are not comparable"
    at = {"x": dict(place) | {"axis": None}}
    side = "right" if 2 * positions[-1] > first + last else "left"
    return [
        {
            "data": {"values": [{"i": at, "tip": tip} for at in positions]},
            "mark": {"type": "rule", "color": theme.muted, "strokeDash": [4, 3]},
            "encoding": at | HOVER,
        },
        {
            "data": {"values": [{"i": positions[-1]}]},
            "mark": {
                "type": "text",
                "text": LABEL,
                "align": side,
                "baseline": "bottom",
                "dy": -6,
                "fontSize": SMALL,
                "color": theme.muted,
                "aria": False,
            },
            "encoding": at | {"y": {"value": 0}},
        },
    ]


def _positions(groups: Sequence[GroupValue]) -> Iterator[float]:
    """Yield the middle of each run of periods in which the question may have been changed."""
    start: int | None = None
    for place, group in enumerate(groups):
        if group.question_changed and start is None:
            start = place
        elif not group.question_changed and start is not None:
            yield (start + place - 1) / 2
            start = None
    if start is not None:
        yield (start + len(groups) - 1) / 2
