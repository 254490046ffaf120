"""A result of values names the ends of the scale."""

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


def scale_of(calculation: Calculation, choices: tuple[Choice, ...]) -> str:
    """Return the scale of the result."""
    tally = tally_of(counts(GIVEN), choices=choices)
    return calculate(query(calculation), tally, AS_OF).scale


@pytest.mark.parametrize(
    "calculation", [Calculation.AVERAGE, Calculation.MEDIAN, Calculation.SUM, Calculation.MAXIMUM]
)
def test_the_lowest_end_of_the_scale_comes_first(calculation: Calculation) -> None:
    """The order of choices does not matter; “Not applicable” is not part of the scale."""
    assert scale_of(calculation, SCALE) == "1 = Bad … 2 = Good"


def test_a_scale_of_one_value_has_one_end() -> None:
    """It is named once, also as a fraction."""
    assert (
        scale_of(Calculation.AVERAGE, (Choice(key="a", label="Only", value=1.5),)) == "1.5 = Only"
    )


def test_numbers_and_counts_have_no_scale() -> None:
    """Numbers need no labels, and counts have no values."""
    assert scale_of(Calculation.AVERAGE, ()) == ""
    assert scale_of(Calculation.ANSWERED, SCALE) == ""
