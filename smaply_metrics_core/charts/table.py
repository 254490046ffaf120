"""The values of a result as a table, for screen readers and as an alternative to a chart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from smaply_metrics_core.calculations.catalog import CALCULATIONS
from smaply_metrics_core.calculations.response_text import count_text
from smaply_metrics_core.charts.change_text import change_text
from smaply_metrics_core.charts.date_text import date_range_text
from smaply_metrics_core.charts.entered_values_text import entered_day_text
from smaply_metrics_core.charts.group_tables import (
    ANSWERS,
    REMARKS,
    VERDICT,
    compared_groups,
    distributions,
)
from smaply_metrics_core.charts.headlines import target_text, target_value_text, value_text
from smaply_metrics_core.charts.remarks import few_text, remarks, rolling_text, ungrouped_text
from smaply_metrics_core.charts.series_groups import periods_of
from smaply_metrics_core.charts.uncertainty_text import (
    interval_heading,
    interval_text,
    verdict_text,
)
from smaply_metrics_core.models.metric import Display
from smaply_metrics_core.models.query import MetricType, is_by_row
from smaply_metrics_core.models.result import Result, WindowResult

_Row: TypeAlias = tuple[str, str, str, str, str]


@dataclass(frozen=True)
class DataTable:
    """A table of texts; the first cell of each row is its heading.

    Attributes:
        caption: The calculation and the dates.
        columns: The heading of each column.
        rows: One row per group or window; each is as long as ``columns``.
        note: A note on the whole table; may be empty.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


def data_table(result: Result, display: Display, *, zone: str = "UTC") -> DataTable:
    """Return the table of a result, with every group.

    Args:
        result: The result.
        display: The display settings: prefix, suffix and target are used.
        zone: The account's time zone, in which dates are shown.
    """
    title = CALCULATIONS[result.calculation].title
    columns, found = _columns_and_rows(result, display, zone)
    shown = [
        place
        for place in range(len(columns))
        if not _is_optional(columns[place], result) or any(row[place] for row in found)
    ]
    target = target_value_text(result.unit, display)
    before = result.previous
    notes = [
        result.formula,
        rolling_text(result),
        ungrouped_text(result),
        f"Compared with {date_range_text(before.window, zone)}" if before and result.groups else "",
        f"Target {target}" if target and result.groups else "",
    ]
    return DataTable(
        caption=f"{title}, {date_range_text(result.current.window, zone)}",
        columns=tuple(columns[place] for place in shown),
        rows=tuple(tuple(row[place] for place in shown) for row in found),
        note=". ".join(note for note in notes if note),
    )


def _columns_and_rows(
    result: Result, display: Display, zone: str
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    groups = "Row" if is_by_row(result.group_by) else "Group"
    first = {
        MetricType.SERIES: "Period" if periods_of(result) else groups,
        MetricType.NUMBER: "Dates",
        MetricType.COMPARISON: "Dates",
    }[result.type]
    if result.type is MetricType.SERIES and result.previous is not None:
        table = compared_groups(result, display)
    elif any(group.parts for group in result.groups):
        table = distributions(result)
    else:
        title = CALCULATIONS[result.calculation].title
        columns = (first, title, ANSWERS, interval_heading(result), REMARKS)
        return columns, [*_rows(result, display, zone)]
    return (first, *table.columns), [*table.rows]


def _is_optional(column: str, result: Result) -> bool:
    """Whether a column is left out if all of its cells are empty."""
    return column in {REMARKS, VERDICT} or column.startswith(interval_heading(result))


def _rows(result: Result, display: Display, zone: str) -> Iterator[_Row]:
    if result.type is MetricType.SERIES:
        for group in result.groups:
            yield (
                group.label,
                value_text(result.unit, group.value, display),
                count_text(group),
                interval_text(result.unit, group.interval),
                ", ".join(remarks(group)),
            )
        return
    if result.previous is not None:
        yield _window(result, result.previous, display, zone)
    yield _window(result, result.current, display, zone, target=True)
    if result.change is not None:
        change = change_text(result.change, result.unit)
        interval = interval_text(result.unit, result.change.interval).removesuffix("%")
        note = verdict_text(result.change) if change else result.change.reason
        yield ("Change", change or "—", "", interval, note)


def _window(
    result: Result, measured: WindowResult, display: Display, zone: str, *, target: bool = False
) -> _Row:
    notes = [measured.reason, few_text(measured), entered_day_text(measured.entered)]
    if target:
        notes.append(target_text(result.unit, measured.value, display, measured.interval))
    return (
        date_range_text(measured.window, zone),
        value_text(result.unit, measured.value, display),
        count_text(measured),
        interval_text(result.unit, measured.interval),
        ", ".join(one.rstrip(".") for one in notes if one),
    )
