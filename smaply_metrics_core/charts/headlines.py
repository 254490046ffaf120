"""The headline of a card: its value, change and target as text."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Final

from smaply_metrics_core.calculations.decimal_keys import WHOLE_BELOW
from smaply_metrics_core.calculations.results import MINUS, format_value
from smaply_metrics_core.charts.date_text import date_range_text
from smaply_metrics_core.charts.remarks import remarks, unreadable_text
from smaply_metrics_core.charts.series_groups import latest
from smaply_metrics_core.models.metric import Display
from smaply_metrics_core.models.query import Calculation, MetricType
from smaply_metrics_core.models.result import Change, Result, Unit, WindowResult

UNCHANGED: Final = "unchanged"


class Tone(StrEnum):
    """Whether a value or change is good; always shown as text, too, not by colour alone."""

    GOOD = "good"
    BAD = "bad"
    NEUTRAL = "neutral"


class Direction(StrEnum):
    """The direction of a change."""

    UP = "up"
    DOWN = "down"
    SAME = "same"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Headline:
    """The large texts of a card.

    Attributes:
        text: The value with prefix and suffix; ``—`` without a value; empty for a distribution,
            which has no single value.
        label: The group of the value (``Nov 2026, still running``), or why there is no value; and
            how much is unreadable, if that is much.
        change: A Comparison's change: ``+4.2 points``, ``+12%``, ``unchanged``; empty if unknown.
        against: The previous value (``vs. 36% (31 Jul 2026)``), or why there is no change.
        direction: The direction of the change.
        target: ``Target 50%: reached``; empty without a target.
        tone: The tone of the change of a Comparison, else of the target; neutral if much is
            unreadable.
    """

    text: str
    label: str = ""
    change: str = ""
    against: str = ""
    direction: Direction = Direction.UNKNOWN
    target: str = ""
    tone: Tone = Tone.NEUTRAL


def headline(result: Result, display: Display, *, zone: str = "UTC") -> Headline:
    """Return the headline of a result.

    A Series shows its latest period if the display requests it and the groups are periods, else its
    overall value.

    Args:
        result: The result.
        display: The display settings of its metric.
        zone: The account's time zone, in which dates are shown.
    """
    found = _headline(result, display, zone)
    unreadable = unreadable_text(result)
    if not unreadable:
        return found
    # A value that leaves out much of what people entered is neither good nor bad.
    label = ", ".join(filter(None, [found.label.rstrip("."), unreadable]))
    return replace(found, label=label, tone=Tone.NEUTRAL)


def _headline(result: Result, display: Display, zone: str) -> Headline:
    if result.type is MetricType.COMPARISON and result.previous and result.change:
        return _compared(result, result.previous, result.change, display, zone)
    group = latest(result) if display.latest_as_headline else None
    if group is not None:
        return Headline(
            text=value_text(result.unit, group.value, display),
            label=", ".join([group.label, *remarks(group)]),
            target=target_text(result.unit, group.value, display),
            tone=target_tone(result.unit, group.value, display),
        )
    if result.calculation is Calculation.DISTRIBUTION:
        return Headline(text="")
    value = result.current.value
    series = "overall" if result.type is MetricType.SERIES else ""
    return Headline(
        text=value_text(result.unit, value, display),
        label=result.current.reason if value is None else series,
        target=target_text(result.unit, value, display),
        tone=target_tone(result.unit, value, display),
    )


def _compared(
    result: Result, previous: WindowResult, change: Change, display: Display, zone: str
) -> Headline:
    unit, value = result.unit, result.current.value
    text = change_text(change, unit)
    before = value_text(unit, previous.value, display)
    against = f"vs. {before} ({date_range_text(previous.window, zone)})"
    direction = _direction(change, text)
    return Headline(
        text=value_text(unit, value, display),
        label=result.current.reason if value is None else "",
        change=text,
        against=against if text else change.reason,
        direction=direction,
        target=target_text(unit, value, display),
        tone=_tone_of(direction, display),
    )


def _direction(change: Change, text: str) -> Direction:
    if change.difference is None:
        return Direction.UNKNOWN
    if text == UNCHANGED:
        return Direction.SAME
    return Direction.UP if change.difference > 0 else Direction.DOWN


def _tone_of(direction: Direction, display: Display) -> Tone:
    if direction not in {Direction.UP, Direction.DOWN}:
        return Tone.NEUTRAL
    return Tone.GOOD if (direction is Direction.UP) != display.reverse_colors else Tone.BAD


def value_text(unit: Unit, value: float | None, display: Display) -> str:
    """Return a value as text, with the display's prefix and suffix; ``—`` without a value."""
    text = format_value(unit, value)
    return text if value is None else f"{display.prefix}{text}{display.suffix}"


def change_text(change: Change, unit: Unit) -> str:
    """Return a change as text: ``+4.2 points``, ``+12%``, or a difference if percent is undefined.

    ``unchanged`` if the change rounds to zero at one decimal, and empty if it is unknown; the
    change then has a reason.
    """
    if change.difference is None:
        return ""
    if unit in {Unit.PERCENT, Unit.POINTS}:
        number = _signed(change.difference)
        after = " point" if number in {"+1", f"{MINUS}1"} else " points"
    elif change.percent is not None:
        number, after = _signed(change.percent), "%"
    else:
        number, after = _signed(change.difference), ""
    return f"{number}{after}" if number else UNCHANGED


def _signed(value: float) -> str:
    """Return a number with a sign and at most one decimal, rounded half up; empty for zero."""
    sign = "+" if value > 0 else MINUS
    if abs(value) >= WHOLE_BELOW:
        return f"{sign}{abs(value):.3g}"
    rounded = Decimal(repr(abs(value))).quantize(Decimal("0.1"), ROUND_HALF_UP)
    return f"{sign}{rounded:,f}".removesuffix(".0") if rounded else ""


def target_value_text(unit: Unit, display: Display) -> str:
    """Return the target as text, with all of its decimals; empty without a target."""
    target = display.target
    if target is None:
        return ""
    text = format_value(unit, target)
    if abs(target) < WHOLE_BELOW and _as_shown(unit, target) != target:
        exact = f"{Decimal(repr(target)):,f}".replace("-", MINUS)
        text = exact + ("%" if unit is Unit.PERCENT else "")
    return f"{display.prefix}{text}{display.suffix}"


def reached(unit: Unit, value: float | None, display: Display) -> bool | None:
    """Whether a value is at least the target, or at most the target with reversed colours.

    The rounded value counts, so that a card never shows 50% and a missed target of 50%. ``None``
    without a target or a value.
    """
    if value is None or display.target is None:
        return None
    target = display.target
    shown = _as_shown(unit, value)
    return shown <= target if display.reverse_colors else shown >= target


def _as_shown(unit: Unit, value: float) -> float:
    """Return a value as rounded for display."""
    text = format_value(unit, value).rstrip("%").replace(",", "")
    return float(text.replace(MINUS, "-"))


def target_text(unit: Unit, value: float | None, display: Display) -> str:
    """Return the target and whether a value reaches it: ``Target 50%: missed``."""
    target = target_value_text(unit, display)
    done = reached(unit, value, display)
    if not target or done is None:
        return f"Target {target}" if target else ""
    return f"Target {target}: {'reached' if done else 'missed'}"


def target_tone(unit: Unit, value: float | None, display: Display) -> Tone:
    """Return the tone of a value that is compared with the target."""
    done = reached(unit, value, display)
    return Tone.NEUTRAL if done is None else Tone.GOOD if done else Tone.BAD
