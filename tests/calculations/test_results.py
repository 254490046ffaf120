"""The overall value of each calculation, with its counts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from smaply_metrics_core.calculations.results import calculate
from smaply_metrics_core.errors import CalculationRefused
from smaply_metrics_core.models.query import ENTERED, Calculation
from smaply_metrics_core.models.result import Unit
from smaply_metrics_core.models.survey import Choice
from smaply_metrics_core.models.tally import Counts, Tally, Totals, WindowTally
from tests.calculations.factories import (
    AS_OF,
    NOT_APPLICABLE,
    choices,
    counts,
    query,
    scale,
    tally_of,
)

if TYPE_CHECKING:
    from smaply_metrics_core.models.query import MetricQuery

NOW = datetime(2026, 3, 10, 9, tzinfo=UTC)


def test_a_result_says_what_stands_behind_its_value() -> None:
    """A result has responses, answered, unanswered and excluded by reason, and the time."""
    window = WindowTally(total=counts({"9": 30, "3": 10}, blank=5), excluded={"preview": 2})
    result = calculate(
        query(Calculation.NPS),
        Tally(windows=(window,), choices=scale(0, 10), as_of=AS_OF, notes=("A remark.",)),
        NOW,
    )

    assert (result.current.value, result.unit) == (50, Unit.POINTS)
    assert (result.current.responses, result.current.answered) == (45, 40)
    assert result.current.unanswered == {"not_answered": 5}
    assert result.current.excluded == {"preview": 2}
    assert result.current.recorded == 47
    assert (result.as_of, result.notes) == (AS_OF, ("A remark.",))
    assert (result.previous, result.change, result.groups) == (None, None, ())


@pytest.mark.parametrize(("answered", "low"), [(0, True), (29, True), (30, False)])
def test_fewer_than_thirty_answers_are_a_low_sample(answered: int, *, low: bool) -> None:
    """29 answers are a low sample, 30 are not."""
    given = {"5": answered} if answered else {}
    result = calculate(
        query(Calculation.AVERAGE), tally_of(counts(given, blank=50), choices=scale(1, 5)), NOW
    )

    assert result.current.low_sample is low


@pytest.mark.parametrize(
    ("answers", "calculation", "low"),
    [
        ({"5": 191, "4": 5, "1": 4}, Calculation.AVERAGE, True),
        ({"5": 190, "4": 5, "1": 5}, Calculation.AVERAGE, False),
        # Without an interval there is none that is too narrow.
        ({"5": 200}, Calculation.AVERAGE, False),
        ({"5": 191, "4": 5, "1": 4}, Calculation.TOP_BOX, False),
        ({"5": 191, "4": 5, "1": 4}, Calculation.MEDIAN, False),
    ],
)
def test_an_average_of_nearly_equal_answers_is_a_low_sample(
    answers: dict[str, int],
    calculation: Calculation,
    *,
    low: bool,
) -> None:
    """If fewer than 10 answers differ from the most frequent one, its interval is too narrow."""
    result = calculate(query(calculation), tally_of(counts(answers), choices=scale(1, 5)), NOW)

    assert result.current.low_sample is low


@pytest.mark.parametrize(
    "calculation", sorted(set(Calculation) - ENTERED - {"responses", "answered", "distribution"})
)
def test_no_answers_give_no_value(calculation: Calculation) -> None:
    """Without answers there is a reason instead of a value, not 0."""
    result = calculate(
        query(calculation, answers=("5",) if calculation == "share" else ()),
        tally_of(counts(blank=3), choices=scale(0, 10)),
        NOW,
    )

    assert result.current.value is None
    assert result.current.reason == "There are no answers."


def test_counting_nothing_gives_zero() -> None:
    """No responses are 0 responses."""
    for calculation in (Calculation.RESPONSES, Calculation.ANSWERED):
        assert calculate(query(calculation), tally_of(counts()), NOW).current.value == 0


def test_a_median_between_two_answers_is_their_mean() -> None:
    """The median of an even number of answers is the exact mean of the two middle ones."""
    result = calculate(query(Calculation.MEDIAN), tally_of(counts({"0.1": 1, "0.2": 1})), NOW)

    assert result.current.value == 0.15


def test_sums_and_averages_are_made_in_decimals() -> None:
    """Three answers of 0.1 have the sum 0.3 and the average 0.1."""
    thirds = tally_of(counts({"0.1": 3}))

    assert calculate(query(Calculation.SUM), thirds, NOW).current.value == 0.3
    assert calculate(query(Calculation.AVERAGE), thirds, NOW).current.value == 0.1


def test_sums_keep_all_their_digits() -> None:
    """The sum of large and small numbers is exact."""
    large = tally_of(counts({"123456789012.25": 3, "0.0001": 1}))

    assert calculate(query(Calculation.SUM), large, NOW).current.value == 370370367036.7501


def test_an_answer_that_nobody_gave_is_no_minimum() -> None:
    """Answers with a count of 0 are neither minimum nor maximum."""
    total = tally_of(counts({"1": 0, "3": 1, "4": 1, "5": 0}), choices=scale(1, 5))

    assert calculate(query(Calculation.MINIMUM), total, NOW).current.value == 3
    assert calculate(query(Calculation.MAXIMUM), total, NOW).current.value == 4


def test_values_and_not_keys_are_averaged() -> None:
    """A choice counts with its value, not with its key."""
    recoded = (
        Choice(key="1", label="Good", value=10),
        Choice(key="2", label="Bad", value=-2.5),
    )
    result = calculate(
        query(Calculation.AVERAGE), tally_of(counts({"1": 1, "2": 1}), choices=recoded), NOW
    )

    assert result.current.value == 3.75


def test_an_answer_that_is_no_longer_offered_counts_with_its_number() -> None:
    """A recode that is no longer a choice is still a number."""
    result = calculate(
        query(Calculation.AVERAGE), tally_of(counts({"5": 1, "7": 1}), choices=scale(1, 5)), NOW
    )

    assert result.current.value == 6


@pytest.mark.parametrize(
    ("calculation", "reverse", "counted", "value"),
    [
        (Calculation.TOP_BOX, False, ("Great",), 10),
        (Calculation.TOP_2_BOX, False, ("Good", "Fine", "Great"), 60),
        (Calculation.BOTTOM_2_BOX, False, ("Bad", "Poor"), 40),
        (Calculation.TOP_BOX, True, ("Bad",), 10),
        (Calculation.TOP_2_BOX, True, ("Bad", "Poor"), 40),
        (Calculation.BOTTOM_2_BOX, True, ("Good", "Fine", "Great"), 60),
    ],
)
def test_a_box_counts_values_of_the_scale(
    calculation: Calculation, counted: tuple[str, ...], value: float, *, reverse: bool
) -> None:
    """A box has the highest or lowest distinct values, names them, and can be reversed."""
    offered = tuple(
        Choice(key=label[0:2], label=label, value=number)
        for label, number in [("Bad", 1), ("Poor", 2), ("Good", 3), ("Fine", 3), ("Great", 4)]
    )
    given = counts({"Ba": 1, "Po": 3, "Go": 2, "Fi": 3, "Gr": 1})
    result = calculate(
        query(calculation, reverse_scale=reverse),
        tally_of(given, choices=(*offered, NOT_APPLICABLE.model_copy(update={"value": 4}))),
        NOW,
    )

    assert result.counted == counted
    assert result.current.value == value


@pytest.mark.parametrize(
    ("calculation", "highest"),
    [(Calculation.TOP_BOX, 1), (Calculation.TOP_2_BOX, 2), (Calculation.BOTTOM_2_BOX, 2)],
)
def test_a_box_that_holds_the_whole_scale_is_refused(
    calculation: Calculation, highest: int
) -> None:
    """A top 2 box of a scale with two values is refused."""
    small = tally_of(counts({"1": 5}), choices=scale(1, highest))
    with pytest.raises(CalculationRefused, match="needs a scale"):
        calculate(query(calculation), small, NOW)

    enough = tally_of(counts({"1": 5}), choices=scale(1, highest + 1))
    assert calculate(query(calculation), enough, NOW).current.value is not None


def test_a_share_names_what_it_counted() -> None:
    """A share is the percentage with one of its answers, each named once."""
    result = calculate(
        query(Calculation.SHARE, answers=("web", "fax", "web")),
        tally_of(counts({"shop": 5, "web": 2, "fax": 1}), choices=choices("Shop", "Web", "Fax")),
        NOW,
    )

    assert result.current.value == 37.5
    assert result.counted == ("Web", "Fax")


def test_a_number_is_one_answer_however_it_is_written() -> None:
    """A share of 3.0 counts the answers 3."""
    result = calculate(
        query(Calculation.SHARE, answers=("3.0",)), tally_of(counts({"3": 1, "4": 3})), NOW
    )

    assert result.current.value == 25


def test_a_key_among_choices_is_taken_as_written() -> None:
    """If the question has choices, 007 is not 7."""
    result = calculate(
        query(Calculation.SHARE, answers=("007",)),
        tally_of(counts({"007": 1, "7": 3}), choices=choices("Web")),
        NOW,
    )

    assert result.current.value == 25


def test_a_respondent_with_several_answers_is_counted_once() -> None:
    """A share of several answers uses ``chosen``; a share of one uses its count."""
    total = Counts(responses=10, answered=10, answers={"chat": 8, "phone": 6}, chosen=9)
    both = tally_of(total, multiple=True, choices=choices("Chat", "Phone"))

    two = calculate(query(Calculation.SHARE, answers=("chat", "phone")), both, NOW)
    one = calculate(query(Calculation.SHARE, answers=("chat",)), both, NOW)

    assert (two.current.value, one.current.value) == (90, 80)


def test_a_share_that_the_source_cannot_tell_is_refused() -> None:
    """Without ``chosen``, the counts of two answers are not added up."""
    total = Counts(responses=10, answered=10, answers={"chat": 8, "phone": 6})

    with pytest.raises(CalculationRefused, match="at least one"):
        calculate(
            query(Calculation.SHARE, answers=("chat", "phone")), tally_of(total, multiple=True), NOW
        )


def test_totals_are_enough_for_some_calculations() -> None:
    """Totals are enough for sum, average, minimum and maximum."""
    total = Counts(responses=5, answered=4, unanswered={"not_answered": 1},
                   totals=Totals(sum=10, minimum=1, maximum=4))  # fmt: skip
    values = {
        name: calculate(query(Calculation(name)), tally_of(total), NOW).current.value
        for name in ("responses", "answered", "sum", "average", "minimum", "maximum")
    }

    assert values == {
        "responses": 5, "answered": 4, "sum": 10, "average": 2.5, "minimum": 1, "maximum": 4
    }  # fmt: skip


@pytest.mark.parametrize("name", ["median", "nps", "top_box", "minimum"])
def test_totals_are_not_enough_for_others(name: str) -> None:
    """Other calculations are refused, as is a minimum that the totals lack."""
    total = Counts(responses=4, answered=4, totals=Totals(sum=10, maximum=4))

    with pytest.raises(CalculationRefused, match="from totals"):
        calculate(query(Calculation(name)), tally_of(total, choices=scale(0, 10)), NOW)


@pytest.mark.parametrize(
    ("asked", "total", "message"),
    [
        (query(Calculation.NPS), counts({"11": 1}), "answer 11"),
        (query(Calculation.NPS), counts({"-1": 1}), "answer \N{MINUS SIGN}1"),
        (query(Calculation.NPS), counts({"9.5": 1}), "answer 9.5"),
        (query(Calculation.AVERAGE), counts({"blue": 1}), "“blue” has none"),
        (query(Calculation.MEDIAN), counts({"other": 1}), "“Something else” has none"),
        (query(Calculation.AVERAGE), counts({"99": 1}), "counted “Not applicable”"),
        (query(Calculation.SHARE, answers=("99",)), counts({"1": 1}), "does not count as"),
        (query(Calculation.AVERAGE), counts(answered=3), "count of each answer"),
        (query(Calculation.DISTRIBUTION), counts(answered=3), "count of each answer"),
        (query(Calculation.SUM), counts({"1e308": 9}), "too large"),
    ],
)  # fmt: skip
def test_a_tally_that_contradicts_the_query_is_refused(
    asked: MetricQuery, total: Counts, message: str
) -> None:
    """Answers that do not fit the calculation are named, never dropped."""
    offered = (*scale(0, 10, NOT_APPLICABLE), Choice(key="other", label="Something else"))

    with pytest.raises(CalculationRefused, match=message):
        calculate(asked, tally_of(total, choices=offered), NOW)


def test_several_answers_have_no_average() -> None:
    """A question that takes several answers has no average."""
    with pytest.raises(CalculationRefused, match="one answer per respondent"):
        calculate(query(Calculation.AVERAGE), tally_of(counts({"1": 1}), multiple=True), NOW)
