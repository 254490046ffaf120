"""Values and histories as tables: rows, CSV, and frames of Polars and pandas."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from smaply_metrics_core.bundle.spreadsheet_csv import escape_formula
from smaply_metrics_core.extras import require_extra
from smaply_metrics_core.host.store.history import HistoryEntry
from smaply_metrics_core.models.metric import Card
from smaply_metrics_core.models.result import GroupValue, WindowResult
from smaply_metrics_core.models.uncertainty import Interval

if TYPE_CHECKING:  # Heavy, and pandas is an extra.
    import pandas as pd
    import polars as pl

_MEASURED: Final[Mapping[str, type]] = {
    "unit": str,
    "value": float,
    "low": float,
    "high": float,
    "answered": int,
    "responses": int,
    "hidden": bool,
}

VALUE_COLUMNS: Final[Mapping[str, type]] = MappingProxyType(
    {
        "metric_id": str,
        "metric": str,
        "type": str,
        "window": str,
        "group": str,
        "label": str,
        "part": str,
        "part_label": str,
        **_MEASURED,
        "low_sample": bool,
        "entered_by": str,
        "entered_at": datetime,
        "as_of": datetime,
        "freshness": str,
    }
)
"""The columns of ``value_table`` and their types."""

HISTORY_COLUMNS: Final[Mapping[str, type]] = MappingProxyType(
    {"metric_id": str, "as_of": datetime, **_MEASURED, "question_changed": bool}
)
"""The columns of ``history_table`` and their types."""


@dataclass(frozen=True)
class MetricTable:
    """Rows with named columns. A missing value is ``None``, and a time is in UTC.

    Attributes:
        columns: The type of each column, by name.
        rows: The rows; each has a value for every column.
    """

    columns: Mapping[str, type]
    rows: Sequence[Mapping[str, Any]]

    def to_csv(self) -> str:
        """Return a CSV with a header, in which no cell runs as a formula of a spreadsheet.

        Numbers are not rounded, truth values are ``true`` and ``false``, and missing ones empty.
        """
        # Programs read this too, some of which take quoted cells for text. No number begins a row.
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows([_cell(row[name]) for name in self.columns] for row in self.rows)
        return text.getvalue()

    def to_polars(self) -> pl.DataFrame:
        """Return a frame of Polars; times have the time zone UTC and microseconds."""
        import polars as pl

        types = {str: pl.String, float: pl.Float64, int: pl.Int64, bool: pl.Boolean}
        schema = {
            name: pl.Datetime("us", "UTC") if kind is datetime else types[kind]
            for name, kind in self.columns.items()
        }
        return pl.DataFrame(self._series(), schema=schema)

    def to_pandas(self) -> pd.DataFrame:
        """Return a frame of pandas, whose columns may all have missing values.

        Raises:
            InputError: when the extra ``pandas`` is not installed.
        """
        require_extra("pandas", "pandas")
        import pandas as pd

        types = {str: "string", float: "Float64", int: "Int64", bool: "boolean"}
        return pd.DataFrame(
            {
                name: pd.Series(values, dtype=types.get(self.columns[name], "datetime64[us, UTC]"))
                for name, values in self._series().items()
            }
        )

    def _series(self) -> dict[str, list[Any]]:
        return {name: [row[name] for row in self.rows] for name in self.columns}


def value_table(cards: Iterable[Card]) -> MetricTable:
    """Return the values of cards.

    Each card has a row for its current window, and for the previous one of a Comparison. Each group
    of a Series has a row too, one for the previous window if the groups are compared, and one for
    each part of a distribution by row. ``window`` is ``current`` or ``previous``; ``group``,
    ``label``, ``part`` and ``part_label`` are empty except for groups and parts. ``low`` and
    ``high`` are the interval. A card without a value has one row. Values that the account hides are
    missing, and ``hidden`` is true. ``entered_by`` and ``entered_at`` are those of entered values,
    whose counts are missing if they are unknown.
    """
    return MetricTable(VALUE_COLUMNS, [row for card in cards for row in _rows_of(card)])


def history_table(histories: Mapping[str, Iterable[HistoryEntry]]) -> MetricTable:
    """Return the past values of metrics, whose entries ``metrics.history`` returns.

    ``question_changed`` states that values up to the one before are not comparable. The history
    has the overall value of a Series, not its groups.

    Args:
        histories: The entries by the ID of their metric.
    """
    return MetricTable(
        HISTORY_COLUMNS,
        [
            {
                "metric_id": metric_id,
                "as_of": entry.as_of,
                "unit": entry.unit.value,
                "value": entry.value,
                **_interval(entry.interval),
                "answered": entry.answered,
                "responses": entry.responses,
                "hidden": entry.hidden,
                "question_changed": bool(entry.question_changes),
            }
            for metric_id, entries in histories.items()
            for entry in entries
        ],
    )


def _rows_of(card: Card) -> Iterator[dict[str, Any]]:
    missing = dict.fromkeys(VALUE_COLUMNS)
    common = missing | {
        "metric_id": card.metric_id,
        "metric": card.name,
        "type": str(card.type),
        "freshness": card.freshness.value,
    }
    result = card.result
    if result is None:
        yield common
        return
    common |= {"unit": result.unit.value, "as_of": result.as_of, "window": "current"}
    yield common | _measured(result.current)
    for group in result.groups:
        yield from _rows_of_group(group, common)
    if result.previous is not None:
        yield common | _measured(result.previous) | {"window": "previous"}


def _rows_of_group(group: GroupValue, common: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    named = {**common, "group": group.key, "label": group.label}
    yield named | _measured(group)
    for part in group.parts:
        yield named | _measured(part) | {"part": part.key, "part_label": part.label}
    if group.previous is not None:
        yield named | _measured(group.previous) | {"window": "previous"}


def _measured(measured: WindowResult | GroupValue) -> dict[str, Any]:
    known, entered = measured.has_counts, measured.entered
    return {
        "value": measured.value,
        **_interval(measured.interval),
        "answered": measured.answered if known else None,
        "responses": measured.responses if known else None,
        "hidden": measured.hidden,
        "low_sample": measured.low_sample if known else None,
        "entered_by": entered.entered_by if entered else None,
        "entered_at": entered.entered_at if entered else None,
    }


def _interval(interval: Interval | None) -> dict[str, float | None]:
    if interval is None:
        return {"low": None, "high": None}
    return {"low": interval.low, "high": interval.high}


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return value.isoformat()
    return escape_formula(str(value))
