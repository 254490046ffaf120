"""What the values of a scale stand for is told with every number made of them."""

from __future__ import annotations

import pytest

from smaply_metrics_core.calculations.results import calculate
from smaply_metrics_core.models.query import Calculation
from smaply_metrics_core.models.survey import Choice
from tests.calculations.factories import AS_OF, NOT_APPLICABLE, counts, query, tally_of

GIVEN = {"1": 3, "2": 1}
SCALE = (
    Choice(key="2", label="Good", value=2),
    Choice(key="1", label="Bad", value=1),
    NOT_APPLICABLE,
)


def told(calculation: Calculation, choices: tuple[Choice, ...]) -> str:
    """Calculate, and give the scale that the result tells."""
    tally = tally_of(counts(GIVEN), choices=choices)
    return calculate(query(calculation), tally, AS_OF).scale


@pytest.mark.parametrize(
    "calculation", [Calculation.AVERAGE, Calculation.MEDIAN, Calculation.SUM, Calculation.MAXIMUM]
)
def test_the_ends_of_the_scale_are_told_lowest_first(calculation: Calculation) -> None:
    """Whatever the order shown; “Not applicable” is no part of the scale."""
    assert told(calculation, SCALE) == "1 = Bad … 2 = Good"


def test_a_scale_of_one_value_has_one_end() -> None:
    """It is told once, and a fraction as such."""
    assert told(Calculation.AVERAGE, (Choice(key="a", label="Only", value=1.5),)) == "1.5 = Only"


def test_numbers_and_counts_have_no_scale() -> None:
    """Numbers stand for themselves, and a count is made of no values."""
    assert told(Calculation.AVERAGE, ()) == ""
    assert told(Calculation.ANSWERED, SCALE) == ""
