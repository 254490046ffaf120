"""Sparklines: the past values of a metric as a small line, without axes and judgement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from smaply_metrics_core.charts import instant_text
from smaply_metrics_core.host import HistoryEntry, Result

WIDTH: Final = 96
HEIGHT: Final = 24
MARGIN: Final = 3
MOST_VALUES: Final = 60
"""The last values that are drawn."""
FEWEST_VALUES: Final = 2

Point = tuple[float, float]


@dataclass(frozen=True)
class Sparkline:
    """A sparkline.

    Attributes:
        lines: The points of each line, in the format of SVG; a missing value begins a new line.
        end: The position of the last value.
        text: What the line shows, for screen readers.
    """

    lines: tuple[str, ...]
    end: Point
    text: str


def by_period(result: Result) -> bool:
    """Whether a result is a series by period, which has its past values itself."""
    return result.group_by is not None and result.group_by.kind == "period"


def period_sparkline(result: Result) -> Sparkline | None:
    """Return the values of a series by period; ``None`` if there are fewer than two."""
    groups = result.groups[-MOST_VALUES:]
    if not groups:
        return None
    text = f"{len(groups)} periods, {groups[0].label} to {groups[-1].label}"
    return sparkline([None if group.hidden else group.value for group in groups], text)


def history_sparkline(history: Sequence[HistoryEntry], zone: str) -> Sparkline | None:
    """Return the values of past refreshes; ``None`` if there are fewer than two.

    Args:
        history: The past values, oldest first.
        zone: The time zone of the account.
    """
    entries = history[-MOST_VALUES:]
    if not entries:
        return None
    text = f"{len(entries)} values since {instant_text(entries[0].as_of, zone)}"
    return sparkline([entry.value for entry in entries], text)


def sparkline(values: Sequence[float | None], text: str) -> Sparkline | None:
    """Return a sparkline; ``None`` if it has fewer than two values.

    Args:
        values: The values, oldest first; ``None`` for a missing one.
        text: What the line shows.
    """
    known = [value for value in values if value is not None]
    if len(known) < FEWEST_VALUES:
        return None
    low, high = min(known), max(known)
    step = (WIDTH - 2 * MARGIN) / (len(values) - 1)
    lines: list[list[Point]] = [[]]
    for place, value in enumerate(values):
        if value is None:
            lines.append([])
            continue
        # Equal values are a line in the middle.
        share = (value - low) / (high - low) if high > low else 0.5
        y = HEIGHT - MARGIN - share * (HEIGHT - 2 * MARGIN)
        lines[-1].append((round(MARGIN + place * step, 1), round(y, 1)))
    drawn = [line for line in lines if line]
    return Sparkline(
        tuple(" ".join(f"{x:g},{y:g}" for x, y in line) for line in drawn), drawn[-1][-1], text
    )
