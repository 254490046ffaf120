"""The change since the previous range, and values as text."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from smaply_metrics_core.calculations.results import calculate, format_value
from smaply_metrics_core.errors import PluginError
from smaply_metrics_core.models.query import Calculation, MetricType, Window
from smaply_metrics_core.models.result import Unit
from smaply_metrics_core.models.tally import Counts
from tests.calculations.factories import counts, query, scale, tally_of

if TYPE_CHECKING:
    from smaply_metrics_core.models.result import Result

NOW = datetime(2026, 3, 10, 9, tzinfo=UTC)
BOTH = (Window(), Window(name="previous"))


def compare(calculation: Calculation, now: Counts, before: Counts) -> Result:
    """Return the result of a Comparison on a scale from 0 to 10."""
    asked = query(calculation, windows=BOTH, type=MetricType.COMPARISON)
    return calculate(asked, tally_of(now, previous=before, choices=scale(0, 10)), NOW)


@pytest.mark.parametrize(
    ("calculation", "now", "before", "difference", "percent"),
    [
        ("responses", counts({"1": 30}), counts({"1": 20}), 10, 50),
        ("answered", counts({"1": 10}), counts({"1": 20}), -10, -50),
        ("average", counts({"9": 1}), counts({"6": 1}), 3, 50),
        ("median", counts({"3": 1}), counts({"6": 1}), -3, -50),
        ("sum", counts({"5": 2}), counts({"8": 1}), 2, 25),
        ("minimum", counts({"5": 2}), counts({"4": 1}), 1, 25),
        ("maximum", counts({"5": 2}), counts({"4": 1}), 1, 25),
        ("nps", counts({"10": 2}), counts({"10": 1, "8": 1}), 50, None),
        ("top_box", counts({"10": 1, "8": 1}), counts({"10": 2}), -50, None),
        ("top_2_box", counts({"9": 1}), counts({"1": 2}), 100, None),
        ("bottom_2_box", counts({"9": 1}), counts({"1": 2}), -100, None),
    ],
)
def test_a_comparison_gives_the_change(
    calculation: str, now: Counts, before: Counts, difference: float, percent: float | None
) -> None:
    """Counts and scores change in percent, NPS and percentages in points."""
    result = compare(Calculation(calculation), now, before)

    assert result.change is not None
    assert (result.change.difference, result.change.percent) == (difference, percent)
    assert bool(result.change.reason) == (percent is None)


def test_percent_is_of_the_size_of_what_was_before() -> None:
    """The percent has the sign of the difference: from minus 2 to minus 1 is +50 percent."""
    asked = query(Calculation.AVERAGE, windows=BOTH, type=MetricType.COMPARISON)
    result = calculate(asked, tally_of(counts({"-1": 1}), previous=counts({"-2": 1})), NOW)

    assert result.change is not None
    assert (result.change.difference, result.change.percent) == (1, 50)


def test_there_is_no_percent_of_zero() -> None:
    """After 0 there is a difference, but no percent, with a reason."""
    change = compare(Calculation.RESPONSES, counts({"1": 3}), counts()).change

    assert change is not None
    assert (change.difference, change.percent) == (3, None)
    assert "previous value is 0" in change.reason


@pytest.mark.parametrize(
    ("now", "before", "reason"),
    [
        (counts(), counts({"1": 1}), "No current value: There are no answers."),
        (counts({"1": 1}), counts(), "No previous value: There are no answers."),
    ],
)
def test_there_is_no_change_without_two_values(now: Counts, before: Counts, reason: str) -> None:
    """If one side has no value there is no change; the reason names the side."""
    change = compare(Calculation.AVERAGE, now, before).change

    assert change is not None
    assert (change.difference, change.percent, change.reason) == (None, None, reason)


def test_a_missing_window_is_the_sources_fault() -> None:
    """A Comparison whose previous window was not counted has no result."""
    asked = query(Calculation.RESPONSES, windows=BOTH, type=MetricType.COMPARISON)

    with pytest.raises(PluginError, match="previous window"):
        calculate(asked, tally_of(counts()), NOW)


@pytest.mark.parametrize(
    ("unit", "value", "text"),
    [
        (Unit.COUNT, 0, "0"),
        (Unit.COUNT, 1234567, "1,234,567"),
        (Unit.SCORE, 3.25, "3.3"),
        (Unit.SCORE, 4, "4.0"),
        (Unit.SCORE, -2.25, "\N{MINUS SIGN}2.3"),
        (Unit.SCORE, 12345.67, "12,345.7"),
        (Unit.SCORE, -0.04, "0.0"),
        (Unit.SCORE, 2.5e18, "2.5e+18"),
        (Unit.PERCENT, 56.5, "57%"),
        (Unit.PERCENT, 33.333333, "33%"),
        (Unit.POINTS, 42.5, "43"),
        (Unit.POINTS, -42.5, "\N{MINUS SIGN}43"),
        (Unit.POINTS, -0.3, "0"),
        (Unit.COUNT, None, "—"),
    ],
)
def test_values_are_written_for_people(unit: Unit, value: float | None, text: str) -> None:
    """NPS, counts and percentages are whole, scores have one decimal; halves round away from 0."""
    assert format_value(unit, value) == text
