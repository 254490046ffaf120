"""The distribution of each row of a matrix: shares that add up, with their own intervals."""

from __future__ import annotations

import pytest

from smaply_metrics_core.calculations.matrix_rows import combine_rows
from smaply_metrics_core.calculations.results import calculate
from smaply_metrics_core.calculations.small_groups import hide_small_groups
from smaply_metrics_core.models.query import Calculation
from smaply_metrics_core.models.result import GroupValue, Result
from smaply_metrics_core.models.tally import Counts, Tally, Weights, WeightSum, WindowTally
from smaply_metrics_core.models.uncertainty import UncertaintyReason
from tests.calculations.factories import AS_OF, counts, query, scale, tally_of

BY_ROW = query(Calculation.DISTRIBUTION, group_by="row")
FIVE = scale(1, 5)
SPEED = counts({"5": 20, "4": 15, "1": 5}, blank=4)
PRICE = counts({"5": 10, "3": 28}, blank=6)
NOTHING = counts(blank=44)


def row(total: Counts, *, pooled: bool = False) -> Tally:
    """Return the tally of one row."""
    return Tally(windows=(WindowTally(total=total),), choices=FIVE, pooled=pooled, as_of=AS_OF)


def result_of(*totals: Counts, pooled: bool = False) -> Result:
    """Return the result of rows."""
    rows = {f"Q_{place}": f"Row {place}" for place, _ in enumerate(totals)}
    tally = combine_rows(rows, [row(total, pooled=pooled) for total in totals])
    return calculate(BY_ROW, tally, AS_OF)


def alone(total: Counts) -> tuple[GroupValue, ...]:
    """Return the answers of a question, as a distribution of its own."""
    asked = query(Calculation.DISTRIBUTION)
    return calculate(asked, tally_of(total, choices=FIVE), AS_OF).groups


def test_each_row_has_the_shares_of_its_answers() -> None:
    """With intervals, as the distribution of the row by itself; the row has no value."""
    result = result_of(SPEED, PRICE)
    assert (result.current.value, result.current.reason) == (None, "Each row has its own value.")
    for group, total in zip(result.groups, (SPEED, PRICE), strict=True):
        assert (group.value, group.interval_reason) == (None, UncertaintyReason.NO_VALUE)
        assert group.answered == total.answered
        assert group.parts == alone(total)
        assert sum(part.value or 0 for part in group.parts) == pytest.approx(100)
        assert all(part.interval for part in group.parts)


def test_weighted_rows() -> None:
    """The shares are weighted, and their intervals are based on the effective n."""
    weights = {"5": WeightSum(10.0, 10.0), "4": WeightSum(30.0, 60.0), "1": WeightSum(10.0, 20.0)}
    weighted = SPEED.model_copy(
        update={
            "weights": Weights(
                responses=WeightSum(60.0, 100.0), answered=WeightSum(50.0, 90.0), answers=weights
            )
        }
    )
    (group,) = result_of(weighted).groups
    shares = {part.key: part.value for part in group.parts}
    assert shares == {"1": 20, "2": 0, "3": 0, "4": 60, "5": 20}
    assert [part.effective_n for part in group.parts] == [pytest.approx(2500 / 90)] * 5


def test_a_row_without_answers_has_no_shares() -> None:
    """Its answers are listed without a value."""
    _, empty = result_of(SPEED, NOTHING).groups
    assert [part.value for part in empty.parts] == [None] * 5
    assert {part.interval_reason for part in empty.parts} == {UncertaintyReason.NO_VALUE}


def test_pooled_rows_have_no_intervals() -> None:
    """Over the loops of a question, several answers are of one respondent."""
    (group,) = result_of(SPEED, pooled=True).groups
    assert {part.interval_reason for part in group.parts} == {
        UncertaintyReason.SEVERAL_ANSWERS_PER_RESPONDENT
    }


def test_answers_of_few_respondents_are_hidden() -> None:
    """As in a distribution of the row by itself, together with the next larger one."""
    few = counts({"5": 20, "4": 9, "1": 2})
    lonely = counts(dict.fromkeys("12345", 1))
    shown = hide_small_groups(result_of(few, SPEED, lonely), BY_ROW.definition, 5)
    first, second, third = shown.groups
    assert {part.key for part in first.parts if part.hidden} == {"1", "4"}
    assert [part.answered for part in first.parts if part.hidden] == [0, 0]
    assert second == result_of(few, SPEED, lonely).groups[1]
    assert (third.hidden, third.parts, third.answered) == (True, (), 0)
    assert not first.hidden
