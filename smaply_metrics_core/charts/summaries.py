"""A result in one sentence, for those who hear a chart and do not see it."""

from __future__ import annotations

from smaply_metrics_core.calculations.catalog import CALCULATIONS
from smaply_metrics_core.charts.headlines import headline, said, target_said, target_words
from smaply_metrics_core.charts.remarks import answer_count_text, low_sample_text, remarks
from smaply_metrics_core.charts.series_groups import latest, periods_of, value_of
from smaply_metrics_core.models.metric import Display
from smaply_metrics_core.models.query import MetricType
from smaply_metrics_core.models.result import GroupValue, Result


def summary(result: Result, display: Display, *, zone: str = "UTC") -> str:
    """Say a result in one sentence: what it is, its values, and what to be careful with.

    For a label or an alternative text. Of a Series it names the ends only: the table has the rest.
    """
    told = {
        MetricType.NUMBER: _number,
        MetricType.SERIES: _series,
        MetricType.COMPARISON: _comparison,
    }[result.type](result, display, zone)
    heading = display.heading or CALCULATIONS[result.calculation].title
    parts = [told, answer_count_text(result), low_sample_text(result)]
    return f"{heading}: {'; '.join(part for part in parts if part)}."


def _number(result: Result, display: Display, zone: str) -> str:
    said_large = headline(result, display, zone=zone)
    return ", ".join(
        filter(None, [said_large.text, said_large.label.rstrip("."), said_large.target])
    )


def _comparison(result: Result, display: Display, zone: str) -> str:
    large = headline(result, display, zone=zone)
    parts = [large.text, f"{large.change} {large.against}".strip().rstrip("."), large.target]
    return ", ".join(filter(None, parts))


def _series(result: Result, display: Display, _: str) -> str:
    valued = [group for group in result.groups if value_of(group) is not None]
    if not valued:
        return "no values yet"
    periods = periods_of(result)
    what = f"{periods}s" if periods else "groups"
    count = f"{len(result.groups):,} {what.removesuffix('s') if len(result.groups) == 1 else what}"
    newest = latest(result)
    if newest is not None:
        target = target_words(result.unit, newest.value, display)
        ends = [_of(newest, result, display, "latest"), target]
    else:
        target = target_said(result.unit, display)
        ends = [f"target {target}" if target else ""]
    if len(valued) > 1:
        ordered = sorted(valued, key=lambda group: group.value or 0)
        ends.append(_of(ordered[-1], result, display, "highest"))
        ends.append(_of(ordered[0], result, display, "lowest"))
    elif newest is None:
        ends.append(_of(valued[0], result, display, ""))
    return ", ".join([count, *filter(None, ends)])


def _of(group: GroupValue, result: Result, display: Display, which: str) -> str:
    careful = remarks(group)
    after = f" ({', '.join(careful)})" if careful else ""
    return f"{which} {group.label} {said(result.unit, group.value, display)}{after}".strip()
