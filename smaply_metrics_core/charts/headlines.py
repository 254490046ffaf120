"""What a card says: its headline, the change, who stands behind it and what to be careful with."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Final

from smaply_metrics_core.calculations.decimal_keys import WHOLE_BELOW
from smaply_metrics_core.calculations.results import format_value
from smaply_metrics_core.charts.date_text import date_range_text
from smaply_metrics_core.charts.remarks import remarks
from smaply_metrics_core.charts.series_groups import latest
from smaply_metrics_core.models.metric import Display
from smaply_metrics_core.models.query import Calculation, MetricType
from smaply_metrics_core.models.result import Change, Result, Unit, WindowResult

UNCHANGED: Final = "unchanged"


class Tone(StrEnum):
    """Whether something is good news; never said by colour alone."""

    GOOD = "good"
    BAD = "bad"
    NEUTRAL = "neutral"


class Direction(StrEnum):
    """Where a value went."""

    UP = "up"
    DOWN = "down"
    SAME = "same"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Headline:
    """What stands large on a card.

    Attributes:
        text: The value as shown, with prefix and suffix; ``—`` when there is none; empty when one
            number would say nothing (a distribution).
        label: What the value is of (``Nov 2026, still running``), or why there is none.
        change: A Comparison's change: ``+4.2 points``, ``+12%``, ``unchanged``; empty when unknown.
        against: What it is compared with (``against 36% (31 Jul 2026)``), or why there is
            no change.
        direction: Where it went.
        target: ``Target 50%: reached``; empty without a target.
        tone: Of the change where there is one, else of the target.
    """

    text: str
    label: str = ""
    change: str = ""
    against: str = ""
    direction: Direction = Direction.UNKNOWN
    target: str = ""
    tone: Tone = Tone.NEUTRAL


def headline(result: Result, display: Display, *, zone: str = "UTC") -> Headline:
    """Return what stands large on a card.

    A Series shows its latest period where the display asks for that and the groups are periods,
    else the value of all responses together.

    Args:
        result: What was measured.
        display: How it is shown.
        zone: The account's time zone, in which dates are said.
    """
    if result.type is MetricType.COMPARISON and result.previous and result.change:
        return _compared(result, result.previous, result.change, display, zone)
    group = latest(result) if display.latest_as_headline else None
    if group is not None:
        return Headline(
            text=said(result.unit, group.value, display),
            label=", ".join([group.label, *remarks(group)]),
            target=target_words(result.unit, group.value, display),
            tone=target_tone(result.unit, group.value, display),
        )
    if result.calculation is Calculation.DISTRIBUTION:
        return Headline(text="")
    value = result.current.value
    series = "all together" if result.type is MetricType.SERIES else ""
    return Headline(
        text=said(result.unit, value, display),
        label=result.current.reason if value is None else series,
        target=target_words(result.unit, value, display),
        tone=target_tone(result.unit, value, display),
    )


def _compared(
    result: Result, previous: WindowResult, change: Change, display: Display, zone: str
) -> Headline:
    unit, value = result.unit, result.current.value
    words = change_words(change, unit)
    before = said(unit, previous.value, display)
    against = f"against {before} ({date_range_text(previous.window, zone)})"
    direction = _direction(change, words)
    return Headline(
        text=said(unit, value, display),
        label=result.current.reason if value is None else "",
        change=words,
        against=against if words else change.reason,
        direction=direction,
        target=target_words(unit, value, display),
        tone=_tone_of(direction, display),
    )


def _direction(change: Change, words: str) -> Direction:
    if change.difference is None:
        return Direction.UNKNOWN
    if words == UNCHANGED:
        return Direction.SAME
    return Direction.UP if change.difference > 0 else Direction.DOWN


def _tone_of(direction: Direction, display: Display) -> Tone:
    if direction not in {Direction.UP, Direction.DOWN}:
        return Tone.NEUTRAL
    return Tone.GOOD if (direction is Direction.UP) != display.reverse_colors else Tone.BAD


def said(unit: Unit, value: float | None, display: Display) -> str:
    """Write a value with the display's prefix and suffix; ``—``, bare, when there is none."""
    text = format_value(unit, value)
    return text if value is None else f"{display.prefix}{text}{display.suffix}"


def change_words(change: Change, unit: Unit) -> str:
    """Say a change: ``+4.2 points``, ``+12%``; as a difference when a percent means nothing.

    ``unchanged`` when nothing is left of it after rounding to one decimal, and empty when it is
    not known; the change's reason then says why.
    """
    if change.difference is None:
        return ""
    if unit in {Unit.PERCENT, Unit.POINTS}:
        number, after = _signed(change.difference), " points"
    elif change.percent is not None:
        number, after = _signed(change.percent), "%"
    else:
        number, after = _signed(change.difference), ""
    return f"{number}{after}" if number else UNCHANGED


def _signed(value: float) -> str:
    """Write with a sign and at most one decimal, halves away from zero; empty for zero."""
    sign = "+" if value > 0 else "-"
    if abs(value) >= WHOLE_BELOW:
        return f"{sign}{abs(value):.3g}"
    rounded = Decimal(repr(abs(value))).quantize(Decimal("0.1"), ROUND_HALF_UP)
    return f"{sign}{rounded:,f}".removesuffix(".0") if rounded else ""


def target_said(unit: Unit, display: Display) -> str:
    """Write the target as a value, with all of its decimals; empty without one."""
    if display.target is None:
        return ""
    text = format_value(unit, display.target)
    exact = Decimal(repr(display.target))
    if abs(display.target) < WHOLE_BELOW and Decimal(text.rstrip("%").replace(",", "")) != exact:
        text = f"{exact:,f}" + ("%" if unit is Unit.PERCENT else "")
    return f"{display.prefix}{text}{display.suffix}"


def reached(unit: Unit, value: float | None, display: Display) -> bool | None:
    """Whether a value reaches the target: at least, or with reversed colours at most.

    It is judged as it is shown, so that a card never says “50%” and that 50% was missed. ``None``
    without a target or a value.
    """
    if value is None or display.target is None:
        return None
    target = display.target
    shown = _as_shown(unit, value)
    return shown <= target if display.reverse_colors else shown >= target


def _as_shown(unit: Unit, value: float) -> float:
    text = format_value(unit, value).rstrip("%").replace(",", "")
    return float(text)


def target_words(unit: Unit, value: float | None, display: Display) -> str:
    """Return how a value stands to the target: ``Target 50%: missed``."""
    target = target_said(unit, display)
    done = reached(unit, value, display)
    if not target or done is None:
        return f"Target {target}" if target else ""
    return f"Target {target}: {'reached' if done else 'missed'}"


def target_tone(unit: Unit, value: float | None, display: Display) -> Tone:
    """Return the tone of a value beside the target."""
    done = reached(unit, value, display)
    return Tone.NEUTRAL if done is None else Tone.GOOD if done else Tone.BAD
