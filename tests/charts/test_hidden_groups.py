"""Groups that the account hides, in charts, tables and texts."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from smaply_metrics_core import charts
from smaply_metrics_core.calculations.results import calculate
from smaply_metrics_core.calculations.small_groups import hide_small_groups
from smaply_metrics_core.models.metric import ChartType, Display
from smaply_metrics_core.models.query import Calculation
from smaply_metrics_core.models.result import Result
from tests.calculations.factories import counts, query, scale, tally_of
from tests.charts.factories import PLAIN

NOW = datetime(2026, 3, 10, 9, tzinfo=UTC)
WHY = "fewer than 5 answers, or hidden to protect another group"


def hidden(
    sizes: dict[str, int], group_by: str, calculation: Calculation = Calculation.RESPONSES
) -> Result:
    """Return a Series of groups of these sizes, in an account that hides groups below 5."""
    asked = query(calculation, group_by=group_by)
    groups = {key: counts({"5": n}) for key, n in sizes.items()}
    tally = tally_of(counts({"5": sum(sizes.values())}), groups=groups, choices=scale(1, 5))
    return hide_small_groups(calculate(asked, tally, NOW), asked.definition, 5)


REGIONS = hidden({"North": 61, "East": 47, "South": 3, "West": 2}, "field:region")
MONTHS = hidden({"2025-11": 61, "2025-12": 3, "2026-01": 2, "2026-02": 47}, "period:month")


@pytest.mark.parametrize("chart", [ChartType.BAR, ChartType.HORIZONTAL_BAR, ChartType.PIE])
def test_a_chart_has_gaps_instead_of_zeros(chart: ChartType) -> None:
    """No mark, count or tooltip of a hidden group has a number; a pie becomes bars."""
    display = Display(chart=chart)
    spec = charts.vega_lite(REGIONS, display)
    assert spec is not None
    assert charts.default_chart(REGIONS, display) is not ChartType.PIE
    rows = [row for row in spec["data"]["values"] if row["label"] in {"South", "West"}]
    assert [(row["v"], row["text"]) for row in rows] == [(None, "—")] * 2
    assert rows[0]["tip"] == f"South\nno value\n{WHY}"


def test_a_line_has_a_gap() -> None:
    """The months in between have no point."""
    spec = charts.vega_lite(MONTHS, PLAIN)
    assert spec is not None
    assert [row["v"] for row in spec["data"]["values"]] == [61, None, None, 47]


def test_the_table_and_the_sentence_for_screen_readers_name_hidden_groups() -> None:
    """With the reason, and without a count."""
    table = charts.data_table(REGIONS, PLAIN)
    assert table.rows[-1] == ("West", "—", "hidden", WHY)
    assert charts.hidden_text(REGIONS) == f"2 groups are hidden: {WHY}"
    assert f"2 groups are hidden: {WHY}" in charts.summary(REGIONS, PLAIN)
    shown = json.dumps([table.rows, charts.summary(REGIONS, PLAIN)])
    assert not {" 3 ", " 2 answers", " 5 responses"} & {shown}


def test_a_hidden_total_has_no_groups_and_no_count() -> None:
    """The reason is the only text."""
    result = hidden({"North": 3, "East": 1}, "field:region", Calculation.AVERAGE)
    assert charts.headline(result, PLAIN).text == "—"
    assert charts.headline(result, PLAIN).label == "There are fewer than 5 answers."
    assert charts.answer_count_text(result) == "n hidden"
    assert charts.summary(result, PLAIN) == "Average: There are fewer than 5 answers."
    assert charts.vega_lite(result, PLAIN) is None
    assert charts.data_table(result, PLAIN).rows == ()
    assert charts.hidden_text(result) == ""
