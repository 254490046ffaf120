"""The suite's own calculations return the documented results."""

from __future__ import annotations

from collections import Counter

import pytest

from smaply_metrics_core import Calculation, Choice, Counts, Definition, Totals
from smaply_metrics_core.calculations.catalog import CALCULATIONS
from smaply_metrics_core.models.query import ENTERED
from smaply_metrics_core.testing.suite import reference_calculations


@pytest.mark.parametrize("calculation", sorted({*CALCULATIONS} - ENTERED))
def test_the_reference_gives_the_documented_results(calculation: Calculation) -> None:
    """Each documented example is correct, even with "not applicable" and blank answers."""
    example = CALCULATIONS[calculation].example
    assert example is not None
    low, high = example.scale
    choices = (
        *(Choice(key=str(n), label=str(n), value=float(n)) for n in range(low, high + 1)),
        Choice(key="99", label="Not applicable", analyze=False),
    )
    counts = Counts(
        responses=len(example.answers) + example.not_applicable + example.blank,
        answered=len(example.answers),
        unanswered={"not_applicable": example.not_applicable, "not_answered": example.blank},
        answers=Counter(map(str, example.answers)),
    )
    if calculation is Calculation.DISTRIBUTION:
        assert reference_calculations.distribution(choices, counts) == example.value
    else:
        definition = Definition(
            survey_id="S1",
            question_id="Q1",
            calculation=calculation,
            answers=example.share_of,
            top_answers=example.top_answers,
            bottom_answers=example.bottom_answers,
        )
        assert reference_calculations.number(definition, choices, counts) == example.value


def test_totals_are_enough_for_some_calculations() -> None:
    """An average, a sum and a maximum can be calculated from totals."""
    counts = Counts(responses=4, answered=4, totals=Totals(sum=10, minimum=1, maximum=4))
    found = {
        calculation: reference_calculations.number(
            Definition(survey_id="S1", question_id="Q1", calculation=calculation), (), counts
        )
        for calculation in (Calculation.AVERAGE, Calculation.SUM, Calculation.MAXIMUM)
    }
    assert found == {Calculation.AVERAGE: 2.5, Calculation.SUM: 10, Calculation.MAXIMUM: 4}


def test_without_answers_there_is_no_number() -> None:
    """Without answers there is no average, and a distribution is empty."""
    counts = Counts(responses=2, unanswered={"not_answered": 2})
    definition = Definition(survey_id="S1", question_id="Q1", calculation=Calculation.AVERAGE)
    assert reference_calculations.number(definition, (), counts) is None
    assert reference_calculations.distribution((Choice(key="1", label="One"),), counts) == {}
