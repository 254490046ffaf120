"""The data rows of charts, one per group, with its texts, colour and style."""

from __future__ import annotations

from typing import Any

from smaply_metrics_core.calculations.response_text import n_text
from smaply_metrics_core.charts.change_text import change_text
from smaply_metrics_core.charts.group_tables import group_verdict
from smaply_metrics_core.charts.headlines import Tone, target_text, target_tone, value_text
from smaply_metrics_core.charts.remarks import remarks
from smaply_metrics_core.charts.series_groups import latest, periods_of, value_of
from smaply_metrics_core.charts.theme import Theme
from smaply_metrics_core.charts.uncertainty_text import interval_sentence
from smaply_metrics_core.models.metric import Display
from smaply_metrics_core.models.result import GroupValue, Result

Row = dict[str, Any]


def rows_of(result: Result, display: Display, theme: Theme) -> list[Row]:
    """Return one row per group.

    ``i`` is the position of the group. ``rank`` is its priority if not all groups fit: the latest
    periods or the groups with most responses come first. ``v`` is the value, ``text`` the value as
    text, ``at`` the position of this text, and ``tip`` the tooltip. ``few`` marks a small sample,
    ``part`` a partly counted period, and ``last`` the latest period.
    """
    groups = result.groups
    by_period = periods_of(result) is not None
    newest = latest(result)
    order = sorted(range(len(groups)), key=lambda i: -i if by_period else -groups[i].responses)
    ranks = {place: rank for rank, place in enumerate(order)}
    return [
        {
            "i": i,
            "rank": ranks[i],
            "label": group.label,
            "v": value_of(group),
            "at": value_of(group) or 0,
            "text": value_text(result.unit, group.value, display),
            "tip": tip_of(group, result, display),
            "color": theme.soft
            if by_period and group is not newest
            else tone_color(target_tone(result.unit, group, display), theme),
            "few": group.low_sample,
            "part": group.running or group.edge,
            "last": group is newest,
        }
        for i, group in enumerate(groups)
    ]


def tip_of(group: GroupValue, result: Result, display: Display) -> str:
    """Return the tooltip of a group: its label, value, interval, change, target and remarks."""
    value = "no value" if group.value is None else value_text(result.unit, group.value, display)
    notes = " · ".join([*([] if group.hidden else [n_text(group)]), *remarks(group)])
    target = (
        target_text(result.unit, group.value, display, group.interval)
        if group.value is not None
        else ""
    )
    interval = interval_sentence(result.unit, group.interval)
    change = change_line(group, result)
    lines = (group.label, value, interval, change, target, notes)
    return "\n".join(line for line in lines if line)


def change_line(group: GroupValue, result: Result) -> str:
    """Return the change of a group and its verdict; empty if it is not compared."""
    if group.change is None:
        return ""
    text = change_text(group.change, result.unit)
    return ", ".join(filter(None, [text, group_verdict(group.change)])) if text else ""


def tone_color(tone: Tone, theme: Theme) -> str:
    """Return the colour of a tone; neutral is the accent."""
    return {Tone.GOOD: theme.good, Tone.BAD: theme.bad, Tone.NEUTRAL: theme.accent}[tone]
