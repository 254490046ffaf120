"""The headline of a card: its value, change and target as text."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum

from smaply_metrics_core.calculations.decimal_keys import WHOLE_BELOW
from smaply_metrics_core.calculations.results import MINUS, format_value
from smaply_metrics_core.charts.change_text import UNCHANGED, change_text
from smaply_metrics_core.charts.date_text import date_range_text, day_text
from smaply_metrics_core.charts.remarks import remarks, rolling_text, unreadable_text
from smaply_metrics_core.charts.series_groups import has_overall_value, latest
from smaply_metrics_core.charts.uncertainty_text import (
    interval_text,
    target_verdict_text,
    verdict_text,
)
from smaply_metrics_core.models.metric import Display
from smaply_metrics_core.models.query import MetricType
from smaply_metrics_core.models.result import Change, GroupValue, Result, Unit, WindowResult
from smaply_metrics_core.models.uncertainty import Interval, TargetVerdict, Verdict
from smaply_metrics_core.uncertainty.verdicts import judge_target


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
        text: The value with prefix and suffix; ``—`` without a value; empty for a distribution
            and for the rows of a matrix, which have no single value.
        label: The group of the value (``Nov 2026, still running``), or why there is no value; and
            how much is unreadable, if that is much.
        change: A Comparison's change: ``+4.2 points``, ``+12%``, ``unchanged``; empty if unknown.
        against: The previous value (``vs. 36% (31 Jul 2026)``), or why there is no change.
        direction: The direction of the change.
        target: ``Target 50%: clearly above``; ``reached`` or ``missed`` for a value without an
            interval; empty without a target.
        tone: The tone of the change of a Comparison, else of the target; neutral unless the change
            or the distance from the target is clear, and if much is unreadable.
        interval: The interval of the value, such as ``38 to 47``; empty without one.
        verdict: The verdict on the change: ``no clear change (p = 0.54)``; empty without one.
        target_met: Whether the value, as it is shown, meets the target; ``None`` without a value or
            a target.
    """

    text: str
    label: str = ""
    change: str = ""
    against: str = ""
    direction: Direction = Direction.UNKNOWN
    target: str = ""
    tone: Tone = Tone.NEUTRAL
    interval: str = ""
    verdict: str = ""
    target_met: bool | None = None


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


def period_headline(result: Result, display: Display) -> Headline | None:
    """Return the last full period of a Series, compared with the one before it.

    ``label`` names both periods, as in ``Q2 2026 vs. Q1 2026``. ``None`` for other results, and if
    there are no two such periods or their values may not be compared.

    Args:
        result: The result.
        display: The display settings of its metric.
    """
    compared = result.period_change
    if compared is None:
        return None
    groups = {group.key: group for group in result.groups}
    current, previous = groups.get(compared.current), groups.get(compared.previous)
    text = change_text(compared.change, result.unit)
    if current is None or previous is None or not text:
        return None
    direction = _direction(compared.change, text)
    tone = _tone_of(direction, compared.change.verdict, display)
    return Headline(
        text=value_text(result.unit, current.value, display),
        label=f"{current.label} vs. {previous.label}",
        change=text,
        direction=direction,
        tone=Tone.NEUTRAL if unreadable_text(result) else tone,
        verdict=verdict_text(compared.change),
    )


def _headline(result: Result, display: Display, zone: str) -> Headline:
    if result.type is MetricType.COMPARISON and result.previous and result.change:
        return _compared(result, result.previous, result.change, display, zone)
    group = latest(result) if display.latest_as_headline else None
    if group is not None:
        return Headline(
            text=value_text(result.unit, group.value, display),
            label=", ".join(filter(None, [group.label, rolling_text(result), *remarks(group)])),
            target=target_text(result.unit, group.value, display, group.interval),
            tone=target_tone(result.unit, group, display),
            interval=interval_text(result.unit, group.interval),
            target_met=reached(result.unit, group.value, display),
        )
    if not has_overall_value(result):
        return Headline(text="")
    value, interval = result.current.value, result.current.interval
    entered = result.current.entered
    whole = "overall" if entered is None else f"newest value, for {day_text(entered.day)}"
    series = whole if result.type is MetricType.SERIES else ""
    return Headline(
        text=value_text(result.unit, value, display),
        label=result.current.reason if value is None else series,
        target=target_text(result.unit, value, display, interval),
        tone=target_tone(result.unit, result.current, display),
        interval=interval_text(result.unit, interval),
        target_met=reached(result.unit, value, display),
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
        target=target_text(unit, value, display, result.current.interval),
        tone=_tone_of(direction, change.verdict, display),
        interval=interval_text(unit, result.current.interval),
        verdict=verdict_text(change),
        target_met=reached(unit, value, display),
    )


def _direction(change: Change, text: str) -> Direction:
    if change.difference is None:
        return Direction.UNKNOWN
    if text == UNCHANGED:
        return Direction.SAME
    return Direction.UP if change.difference > 0 else Direction.DOWN


def _tone_of(direction: Direction, verdict: Verdict | None, display: Display) -> Tone:
    if direction is Direction.SAME or verdict not in {Verdict.UP, Verdict.DOWN}:
        return Tone.NEUTRAL
    return Tone.GOOD if (verdict is Verdict.UP) != display.reverse_colors else Tone.BAD


def value_text(unit: Unit, value: float | None, display: Display) -> str:
    """Return a value as text, with the display's prefix and suffix; ``—`` without a value."""
    text = format_value(unit, value)
    return text if value is None else f"{display.prefix}{text}{display.suffix}"


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


def target_text(
    unit: Unit, value: float | None, display: Display, interval: Interval | None = None
) -> str:
    """Return the target and where a value is: ``Target 50%: clearly above``.

    For a value without an interval, whether it reaches the target: ``Target 50%: missed``.
    """
    target = target_value_text(unit, display)
    done = reached(unit, value, display)
    if not target or done is None:
        return f"Target {target}" if target else ""
    if interval is not None and display.target is not None:
        return f"Target {target}: {target_verdict_text(interval, display.target)}"
    return f"Target {target}: {'reached' if done else 'missed'}"


def target_tone(unit: Unit, measured: WindowResult | GroupValue, display: Display) -> Tone:
    """Return the tone of a value that is compared with the target; neutral for entered values."""
    done, interval = reached(unit, measured.value, display), measured.interval
    if done is None or display.target is None or measured.entered is not None:
        return Tone.NEUTRAL
    if interval is not None:
        verdict = judge_target(interval.low, interval.high, display.target)
        if verdict is TargetVerdict.ABOUT:
            return Tone.NEUTRAL
        done = (verdict is TargetVerdict.ABOVE) != display.reverse_colors
    return Tone.GOOD if done else Tone.BAD
