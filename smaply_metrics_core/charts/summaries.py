"""A result in one sentence, for screen readers."""

from __future__ import annotations

from collections import Counter
from typing import Final

from smaply_metrics_core.calculations.catalog import CALCULATIONS
from smaply_metrics_core.calculations.results import format_value
from smaply_metrics_core.charts.change_text import change_text
from smaply_metrics_core.charts.headlines import (
    headline,
    target_text,
    target_value_text,
    value_text,
)
from smaply_metrics_core.charts.remarks import (
    answers_text,
    hidden_text,
    low_sample_text,
    remarks,
    unreadable_text,
)
from smaply_metrics_core.charts.series_groups import latest, periods_of, value_of
from smaply_metrics_core.charts.uncertainty_text import (
    interval_sentence,
    interval_words,
    verdict_text,
)
from smaply_metrics_core.models.metric import Display
from smaply_metrics_core.models.query import ENTERED, MetricType, is_by_row
from smaply_metrics_core.models.result import GroupValue, Result, Unit
from smaply_metrics_core.models.uncertainty import Verdict

MOST_ROWS: Final = 8
"""Maximum number of distributions in a summary; the table has all of them."""


def summary(result: Result, display: Display, *, zone: str = "UTC") -> str:
    """Return a result as one sentence with its values and remarks, for an alternative text.

    For a Series it has only the latest, highest and lowest value; ``data_table`` has all of them.
    """
    text = {
        MetricType.NUMBER: _number,
        MetricType.SERIES: _series,
        MetricType.COMPARISON: _comparison,
    }[result.type](result, display, zone)
    heading = display.heading or CALCULATIONS[result.calculation].title
    unreadable = unreadable_text(result)
    parts = [
        text,
        "" if _names_base(result) else answers_text(result),
        "" if unreadable in text else unreadable,
        low_sample_text(result),
        hidden_text(result),
    ]
    return f"{heading}: {'; '.join(part for part in parts if part)}."


def _names_base(result: Result) -> bool:
    """Whether the value is one share, which names its base: ``57% of 94 answers``."""
    shown = result.type is not MetricType.SERIES and result.current.value is not None
    return shown and result.unit is Unit.PERCENT and result.calculation not in ENTERED


def _value(text: str, result: Result) -> str:
    return f"{text} of {answers_text(result)}" if _names_base(result) else text


def _number(result: Result, display: Display, zone: str) -> str:
    large = headline(result, display, zone=zone)
    around = interval_sentence(result.unit, result.current.interval)
    value = _value(large.text, result)
    return ", ".join(filter(None, [value, around, large.label.rstrip("."), large.target]))


def _comparison(result: Result, display: Display, zone: str) -> str:
    large = headline(result, display, zone=zone)
    parts = [
        _value(large.text, result),
        interval_sentence(result.unit, result.current.interval),
        f"{large.change} {large.against}".strip().rstrip("."),
        large.verdict,
        large.target,
    ]
    return ", ".join(filter(None, parts))


def _series(result: Result, display: Display, _: str) -> str:
    if any(group.parts for group in result.groups):
        return _distributions(result)
    valued = [group for group in result.groups if value_of(group) is not None]
    if not valued:
        return result.current.reason.rstrip(".") if result.current.hidden else "no values yet"
    kind = periods_of(result) or ("row" if is_by_row(result.group_by) else "group")
    plural = "" if len(result.groups) == 1 else "s"
    count = f"{len(result.groups):,} {kind}{plural}"
    newest = latest(result)
    if newest is not None:
        target = target_text(result.unit, newest.value, display, newest.interval)
        ends = [_of(newest, result, display, "latest"), target]
    else:
        target = target_value_text(result.unit, display)
        ends = [f"target {target}" if target else ""]
    if len(valued) > 1:
        ordered = sorted(valued, key=lambda group: group.value or 0)
        ends.append(_of(ordered[-1], result, display, "highest"))
        ends.append(_of(ordered[0], result, display, "lowest"))
    elif newest is None:
        ends.append(_of(valued[0], result, display, ""))
    ends.append(_clear_changes(result))
    if result.confidence is not None and any(group.interval for group in valued):
        ends.append(f"at {result.confidence:g} % confidence")
    return ", ".join([count, *filter(None, ends)])


def _distributions(result: Result) -> str:
    """Return the most frequent answer of each row, of the first rows if there are many."""
    texts = [f"{len(result.groups):,} {'row' if len(result.groups) == 1 else 'rows'}"]
    for group in result.groups[:MOST_ROWS]:
        shares = [(part.value, part.label) for part in group.parts if part.value is not None]
        if shares:
            share, label = max(shares, key=lambda one: one[0])
            texts.append(f"{group.label}: most often {label} {format_value(result.unit, share)}")
    if len(result.groups) > MOST_ROWS:
        texts.append("and others")
    return ", ".join(texts)


def _clear_changes(result: Result) -> str:
    """Return the overall change and how many groups have clearly changed; empty without changes."""
    found = Counter(group.change.verdict for group in result.groups if group.change is not None)
    up, down = found[Verdict.UP], found[Verdict.DOWN]
    if not found:
        return ""
    groups = f"compared with the earlier period: {up:,} clearly up, {down:,} clearly down"
    if result.change is None or not (changed := change_text(result.change, result.unit)):
        return groups
    overall = ", ".join(filter(None, [f"overall {changed}", verdict_text(result.change)]))
    return f"{groups}, {overall}"


def _of(group: GroupValue, result: Result, display: Display, which: str) -> str:
    notes = [*filter(None, [interval_words(result.unit, group.interval)]), *remarks(group)]
    after = f" ({', '.join(notes)})" if notes else ""
    return f"{which} {group.label} {value_text(result.unit, group.value, display)}{after}".strip()
