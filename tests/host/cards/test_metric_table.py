"""Values and histories as rows, CSV and frames."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl
import pytest

from smaply_metrics_core import Definition, GroupBy, MetricType
from smaply_metrics_core.host import (
    AccountSettings,
    Calculation,
    DateRange,
    GroupValue,
    card_json,
    history_table,
    value_table,
)
from tests.host.conftest import ADMIN, AVERAGE, EDITOR, VIEWER, load, sqlite_only

if TYPE_CHECKING:
    from smaply_metrics_core.host import MetricsHost, MetricTable
    from tests.host.conftest import World

pytestmark = sqlite_only

SERIES = Definition(
    survey_id="S1",
    question_id="stars",
    calculation=Calculation.DISTRIBUTION,
    type=MetricType.SERIES,
    group_by=GroupBy(kind="answer"),
)
COMPARISON = Definition(
    survey_id="S1",
    question_id="stars",
    calculation=Calculation.AVERAGE,
    type=MetricType.COMPARISON,
    range=DateRange(preset="last_7_days"),
)


@pytest.fixture
def table(connected: MetricsHost, world: World) -> MetricTable:
    """The values of a number, a series and a comparison, and of a metric without a value."""
    for name, definition in (("Stars", AVERAGE), ("By answer", SERIES), ("Trend", COMPARISON)):
        connected.metrics.add(EDITOR, "shop", name, definition)
        world.clock.forward(1)
    load(connected)
    connected.metrics.add(EDITOR, "shop", "=1+1", AVERAGE)
    return value_table(connected.cards.load(VIEWER, refresh=False))


def test_groups_and_windows_are_rows(table: MetricTable) -> None:
    """Each row has a value for each column."""
    rows = [
        (row["metric"], row["window"], row["label"], row["value"], row["answered"])
        for row in table.rows
    ]
    assert rows[0] == ("Stars", "current", None, 4.0, 3)
    of_series = [row for row in rows if row[0] == "By answer"]
    assert of_series[0][2] is None
    assert [row[2] for row in of_series[1:]] == [f"{n} stars" for n in range(1, 6)]
    assert [window for name, window, *_ in rows if name == "Trend"] == ["current", "previous"]
    assert rows[-1] == ("=1+1", None, None, None, None)
    assert all(row.keys() == table.columns.keys() for row in table.rows)


def test_compared_groups_have_both_windows(connected: MetricsHost) -> None:
    """In the table and, with the overall change, in JSON."""
    compared = SERIES.model_copy(
        update={"compare_groups": True, "range": DateRange(preset="last_7_days")}
    )
    connected.metrics.add(EDITOR, "shop", "Compared", compared)
    (card,) = load(connected)
    rows = [(row["label"], row["window"]) for row in value_table([card]).rows]
    groups = [f"{n} stars" for n in range(1, 6)]
    assert rows == [
        (None, "current"),
        *((label, window) for label in groups for window in ("current", "previous")),
        (None, "previous"),
    ]
    found = card_json(card)
    assert len(found["groups"]) == len(groups)
    assert {"current", "previous", "difference", "change_interval", "verdict"} <= found.keys()


def test_parts_of_a_row_are_rows(connected: MetricsHost) -> None:
    """Each answer of a row of a matrix has its share, next to the row's own value."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    load(connected)
    (card,) = connected.cards.load(VIEWER, refresh=False)
    assert card.result is not None
    part = GroupValue(
        key="5", label="Very good", value=0.5, responses=8, answered=8, low_sample=False
    )
    group = part.model_copy(update={"key": "r1", "label": "Food", "parts": (part,)})
    card = card.model_copy(update={"result": card.result.model_copy(update={"groups": (group,)})})
    _, of_row, of_part = value_table([card]).rows
    assert (of_row["label"], of_row["part"]) == ("Food", None)
    assert (of_part["label"], of_part["part"], of_part["part_label"]) == ("Food", "5", "Very good")


def test_a_csv_is_safe_in_spreadsheets(table: MetricTable) -> None:
    """It is read back as it was written, but for names that begin a formula."""
    read = list(csv.DictReader(io.StringIO(table.to_csv())))
    assert list(read[0]) == list(table.columns)
    assert len(read) == len(table.rows)
    assert (read[0]["value"], read[0]["hidden"], read[0]["label"]) == ("4.0", "false", "")
    assert read[0]["as_of"] == "2026-04-01T12:00:03+00:00"
    assert read[-1]["metric"] == "'=1+1"


def test_frames_have_types(table: MetricTable) -> None:
    """Also in columns without any value."""
    frame = table.to_polars()
    assert frame.schema["value"] == pl.Float64
    assert frame.schema["answered"] == pl.Int64
    assert frame.schema["as_of"] == pl.Datetime("us", "UTC")
    assert frame.to_dicts() == [dict(row) for row in table.rows]
    import pandas as pd

    other = table.to_pandas()
    assert other.dtypes["value"] == "Float64"
    assert other.dtypes["hidden"] == "boolean"
    assert isinstance(other.dtypes["as_of"], pd.DatetimeTZDtype)
    assert other["metric"].tolist() == frame["metric"].to_list()
    assert other["value"].isna().tolist() == frame["value"].is_null().to_list()
    empty = value_table([])
    assert empty.to_polars().schema == frame.schema
    assert empty.to_pandas().dtypes.to_dict() == other.dtypes.to_dict()
    assert empty.to_csv().count("\n") == 1


def test_a_history_is_a_table(connected: MetricsHost, world: World) -> None:
    """Of several metrics, oldest first."""
    metric = connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    for stars_given in ("5", "1"):
        load(connected)
        world.shop.answers["S1"] = [(datetime(2026, 3, 1, tzinfo=UTC), stars_given)] * 3
        world.clock.forward(3601)
    load(connected)
    table = history_table({metric.id: connected.metrics.history(VIEWER, metric.id)})
    assert table.to_polars()["value"].to_list() == [4.0, 5.0, 1.0]
    assert table.to_pandas()["as_of"].diff().dropna().tolist() == [timedelta(seconds=3601)] * 2
    assert {row["metric_id"] for row in table.rows} == {metric.id}


def test_hidden_values_are_missing(connected: MetricsHost) -> None:
    """An account that hides small groups hides them here too."""
    metric = connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    load(connected)
    connected.accounts.edit(ADMIN, AccountSettings(minimum_group=10))
    (row,) = value_table(connected.cards.load(VIEWER, refresh=False)).rows
    (past,) = history_table({metric.id: connected.metrics.history(VIEWER, metric.id)}).rows
    for found in (row, past):
        assert found["hidden"] is True
        assert [found[name] for name in ("value", "low", "high", "answered", "responses")] == [
            None
        ] * 5
