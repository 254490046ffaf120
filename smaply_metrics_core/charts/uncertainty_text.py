"""Intervals, verdicts and targets as text."""

from __future__ import annotations

from typing import Final, Protocol

from smaply_metrics_core.calculations.results import format_value
from smaply_metrics_core.charts.change_text import UNCHANGED, change_text, difference_text
from smaply_metrics_core.models.query import MetricType
from smaply_metrics_core.models.result import Change, Result, Unit
from smaply_metrics_core.models.uncertainty import (
    Interval,
    TargetVerdict,
    UncertaintyReason,
    Verdict,
)
from smaply_metrics_core.uncertainty.verdicts import judge_target

VERDICTS: Final = {
    Verdict.UP: "clearly up",
    Verdict.DOWN: "clearly down",
    Verdict.NO_CLEAR_CHANGE: "no clear change",
    Verdict.NOT_JUDGED: "not judged",
}
NOT_COMPARABLE: Final = "not comparable"
"""The verdict on a change across a change of the question."""

_TARGETS: Final = {
    TargetVerdict.ABOVE: "clearly above",
    TargetVerdict.ABOUT: "about at target",
    TargetVerdict.BELOW: "clearly below",
}
_SMALLEST_P: Final = 0.001
_TWO_DECIMALS_FROM: Final = 0.1


def interval_text(unit: Unit, interval: Interval | None) -> str:
    """Return an interval for a card: ``38 to 47``, ``43 to 69%``; empty without one."""
    if interval is None:
        return ""
    low = format_value(unit, interval.low).removesuffix("%")
    return f"{low} to {format_value(unit, interval.high)}"


def interval_heading(result: Result) -> str:
    """Return the heading of a column of intervals: ``95 % interval``."""
    return "Interval" if result.confidence is None else f"{result.confidence:g} % interval"


def interval_words(unit: Unit, interval: Interval | None) -> str:
    """Return an interval in words, without its level: ``between 38 and 47``."""
    if interval is None:
        return ""
    low, high = format_value(unit, interval.low), format_value(unit, interval.high)
    return f"between {low} and {high}"


def interval_sentence(unit: Unit, interval: Interval | None) -> str:
    """Return an interval in words: ``between 38 and 47, at 95 % confidence``."""
    words = interval_words(unit, interval)
    return f"{words}, at {interval.level:g} % confidence" if interval is not None else words


class _Measured(Protocol):
    @property
    def value(self) -> float | None: ...

    @property
    def interval(self) -> Interval | None: ...


def value_with_interval(unit: Unit, measured: _Measured) -> str:
    """Return a value with its interval, if it has one: ``43 (38 to 47)``."""
    around = interval_text(unit, measured.interval)
    return format_value(unit, measured.value) + (f" ({around})" if around else "")


def verdict_text(change: Change) -> str:
    """Return the verdict on a change: ``no clear change (p = 0.54)``.

    Empty without one, and for counts and sums: their changes are facts. For a group that is judged
    together with others, with the adjusted p-value.
    """
    if change.verdict is None or change.difference is None:
        return ""
    if change.verdict_reason is UncertaintyReason.CENSUS:
        return ""
    if change.verdict_reason is UncertaintyReason.QUESTION_CHANGED:
        return NOT_COMPARABLE
    text = VERDICTS[change.verdict]
    if change.adjusted_p_value is not None:
        return f"{text} (adjusted {p_value_text(change.adjusted_p_value)})"
    return text if change.p_value is None else f"{text} ({p_value_text(change.p_value)})"


def verdict_details(change: Change, unit: Unit, subject: str = "Change") -> tuple[str, ...]:
    """Return what is known about a change: difference, verdict, interval, smallest detectable one.

    If it is not judged, why. Empty for counts and sums, and for an unknown change.
    """
    text = verdict_text(change)
    if not text or change.difference is None:
        return ()
    why = change.verdict_reason_text
    if text == NOT_COMPARABLE:
        return (f"{subject}: {text}: {why[:1].lower()}{why[1:]}".rstrip(". "),)
    # The card may show it in percent of the previous value; the interval never is.
    text = f"{difference_text(change.difference, unit) or UNCHANGED}, {text}"
    if change.interval is None or change.detectable is None:
        return (f"{subject}: {text}. {why}".rstrip(". "),)
    low = (difference_text(change.interval.low, unit) or "0").removesuffix(" points")
    high = difference_text(change.interval.high, unit) or "0"
    level = f"at {change.interval.level:g} % confidence"
    return (
        f"{subject}: {text}, between {low} and {high}, {level}",
        "Smallest change that was likely to be seen with these numbers of answers: "
        + difference_text(change.detectable, unit).lstrip("+"),
    )


def certainty(result: Result) -> list[str]:
    """Return how certain a result is, as sentences without a full stop.

    The interval of the value and the verdict on its change with the interval, the p-value and the
    smallest detectable change; or why there is none. Changes of the question within the dates.
    """
    current = result.current
    lines = [interval_sentence(result.unit, current.interval)]
    if current.interval is None and current.value is not None:
        lines.append(
            current.interval_reason_text and f"No interval: {current.interval_reason_text}"
        )
    if result.change is not None and result.type is MetricType.COMPARISON:
        lines += verdict_details(result.change, result.unit)
    elif result.change is not None:
        lines += _overall_change(result.change, result.unit)
    if result.period_change is not None:
        labels = {group.key: group.label for group in result.groups}
        periods = (result.period_change.current, result.period_change.previous)
        subject = " compared with ".join(labels.get(key, key) for key in periods)
        lines += verdict_details(result.period_change.change, result.unit, subject)
    if not (result.change is not None and verdict_text(result.change) == NOT_COMPARABLE):
        lines += [change.sentence for change in result.question_changes]
    return [line[0].upper() + line[1:].rstrip(".") for line in lines if line]


def _overall_change(change: Change, unit: Unit) -> tuple[str, ...]:
    """Return the change of all groups together, which a card shows only in its details."""
    subject = "Overall change"
    known = change_text(change, unit) or f"unknown. {change.reason}"
    return verdict_details(change, unit, subject) or (f"{subject}: {known}",)


def p_value_text(p_value: float) -> str:
    """Return a p-value: ``p = 0.54``, ``p = 0.033``, ``p < 0.001``."""
    if p_value < _SMALLEST_P:
        return "p < 0.001"
    return f"p = {p_value:.{2 if p_value >= _TWO_DECIMALS_FROM else 3}f}"


def target_verdict_text(interval: Interval, target: float) -> str:
    """Return where a value is: ``clearly above``, ``about at target``."""
    return _TARGETS[judge_target(interval.low, interval.high, target)]
