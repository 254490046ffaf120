"""Who entered the values of a result, and when, as text."""

from __future__ import annotations

from smaply_metrics_core.charts.date_text import day_text, local_day_text
from smaply_metrics_core.models.query import MetricType
from smaply_metrics_core.models.result import Result
from smaply_metrics_core.models.tally import EnteredValue


def entered_text(result: Result, zone: str) -> str:
    """Return who entered the values of a result and when; empty if they were not entered.

    For example ``Entered by Ana Silva on 30 Nov 2026, for 31 Oct 2026``. For a Series ``Entered by
    Ana Silva and 1 other, last on 30 Nov 2026``: the first is who entered the newest of the values.

    Args:
        result: The result.
        zone: The account's time zone, in which dates are shown.
    """
    if result.type is not MetricType.SERIES:
        return one_entered_text(result.current.entered, zone)
    before = (group.previous for group in result.groups)
    groups = [*result.groups, *(group for group in before if group is not None)]
    found = [result.current.entered, *(group.entered for group in groups)]
    entered = [one for one in found if one is not None]
    if not entered:
        return ""
    newest = max(entered, key=lambda one: one.entered_at)
    others = len({one.entered_by for one in entered}) - 1
    people = f" and {others} {'other' if others == 1 else 'others'}" if others else ""
    last = ", last" if len({local_day_text(one.entered_at, zone) for one in entered}) > 1 else ""
    day = local_day_text(newest.entered_at, zone)
    return f"Entered by {newest.entered_by}{people}{last} on {day}"


def one_entered_text(entered: EnteredValue | None, zone: str) -> str:
    """Return who entered a value, when, and the day that it is for; empty for ``None``."""
    if entered is None:
        return ""
    day = local_day_text(entered.entered_at, zone)
    return f"Entered by {entered.entered_by} on {day}, for {day_text(entered.day)}"
