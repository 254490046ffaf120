"""Who entered the values of a result, and when, as text."""

from __future__ import annotations

from smaply_metrics_core.charts.date_text import day_text, local_day_text
from smaply_metrics_core.models.query import MetricType
from smaply_metrics_core.models.result import Result
from smaply_metrics_core.models.tally import EnteredValue


def entered_text(result: Result, zone: str, *, names: bool = True) -> str:
    """Return who entered the values of a result and when; empty if they were not entered.

    For example ``Entered by Ana Silva on 30 Nov 2026, for 31 Oct 2026``. For a Series ``Entered by
    Ana Silva and 1 other, last on 30 Nov 2026``: the first is who entered the newest of the values.

    Args:
        result: The result.
        zone: The account's time zone, in which dates are shown.
        names: Whether to name people; without them ``Entered on 30 Nov 2026, for 31 Oct 2026``.
    """
    is_series = result.type is MetricType.SERIES
    before = (group.previous for group in result.groups)
    groups = [*result.groups, *(group for group in before if group is not None)]
    found = [result.current.entered, *(group.entered for group in groups if is_series)]
    entered = [one for one in found if one is not None]
    if not entered:
        return ""
    newest = max(entered, key=lambda one: one.entered_at)
    others = len({one.entered_by for one in entered}) - 1
    more = f" and {others} {'other' if others == 1 else 'others'}" if others else ""
    by = f" by {newest.entered_by}{more}" if names else ""
    last = ", last" if len({local_day_text(one.entered_at, zone) for one in entered}) > 1 else ""
    day = "" if is_series else f", for {day_text(newest.day)}"
    return f"Entered{by}{last} on {local_day_text(newest.entered_at, zone)}{day}"


def entered_day_text(entered: EnteredValue | None) -> str:
    """Return the day that an entered value is for: ``for 31 Oct 2026``; empty for ``None``."""
    return "" if entered is None else f"for {day_text(entered.day)}"
