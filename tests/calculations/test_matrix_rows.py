"""All rows of a matrix: one value for each row, and none for all together."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from smaply_metrics_core.calculations.confidence import add_confidence
from smaply_metrics_core.calculations.matrix_rows import (
    ROWS_NOTE,
    combine_rows,
    row_queries,
)
from smaply_metrics_core.calculations.response_text import describe_answers
from smaply_metrics_core.calculations.results import calculate
from smaply_metrics_core.calculations.rules import allowed_calculations, check_definition
from smaply_metrics_core.errors import CalculationRefused, GroupingRefused, QueryInvalid
from smaply_metrics_core.models.query import ENTERED, Calculation, GroupBy, MetricQuery, MetricType
from smaply_metrics_core.models.result import Result
from smaply_metrics_core.models.survey import Choice, Question, QuestionKind, Questionnaire, Survey
from smaply_metrics_core.models.tally import Counts, Tally, Weights, WeightSum, WindowTally
from smaply_metrics_core.models.uncertainty import UncertaintyReason

from .factories import AS_OF, choices, counts, query, scale

FIVE = scale(1, 5)
ROWS = {"Q_1": "Speed", "Q_2": "Price", "Q_9": "Calm"}
TWO = {"Q_1": "Speed", "Q_2": "Price"}
SPEED = counts({"5": 20, "4": 15, "1": 5}, blank=4)
PRICE = counts({"5": 10, "3": 28}, blank=6)
NOTHING = counts(blank=44)


def asked(
    question_id: str,
    answers: tuple[Choice, ...] = (),
    kind: QuestionKind = QuestionKind.SINGLE_CHOICE,
    rows: tuple[Question, ...] = (),
) -> Question:
    """Return a question."""
    return Question(
        id=question_id,
        text=question_id,
        kind=kind,
        choices=answers,
        calculations=allowed_calculations(kind, answers),
        sub_questions=rows,
    )


def matrix(*rows: Question) -> Questionnaire:
    """Return a survey with the matrix Q of these rows, and a question of its own."""
    questions = (asked("Q", kind=QuestionKind.GROUP, rows=rows), asked("alone", FIVE))
    return Questionnaire(survey=Survey(id="S", name="S"), questions=questions)


def by_row(calculation: Calculation, **parts: Any) -> MetricQuery:  # noqa: ANN401
    """Return a query for all rows of Q."""
    return query(calculation, group_by="row", **parts)


def tally_of(total: Counts, answers: tuple[Choice, ...] = FIVE, *, pooled: bool = False) -> Tally:
    """Return the tally of one row."""
    window = WindowTally(total=total, excluded={"test": 2})
    return Tally(windows=(window,), choices=answers, pooled=pooled, as_of=AS_OF, notes=("A note.",))


def combined(*totals: Counts) -> Tally:
    """Return the tally of all rows."""
    rows = dict(list(ROWS.items())[: len(totals)])
    return combine_rows(rows, [tally_of(total) for total in totals])


def result_of(calculation: Calculation, *totals: Counts) -> Result:
    """Return the result for all rows."""
    return calculate(by_row(calculation), combined(*totals), AS_OF + timedelta(hours=1))


SURVEY = matrix(
    asked("Q_1", FIVE),
    asked("Q_1_TEXT", kind=QuestionKind.TEXT),
    asked("Q_2", FIVE),
    asked("loop", kind=QuestionKind.GROUP, rows=(asked("loop_1", FIVE),)),
)


@pytest.mark.parametrize(
    "calculation", sorted({*Calculation} - ENTERED - {Calculation.NPS, Calculation.NET_SCORE})
)
def test_rows_allow_what_each_row_allows(calculation: Calculation) -> None:
    """Free text and headings of further rows are no rows, so they refuse nothing."""
    answers = ("5",) if calculation is Calculation.SHARE else ()
    definition = by_row(calculation, answers=answers).definition
    if calculation is Calculation.RESPONSES:
        with pytest.raises(GroupingRefused):
            check_definition(definition, SURVEY)
    else:
        check_definition(definition, SURVEY)


@pytest.mark.parametrize(
    ("survey", "parts", "error", "words"),
    [
        (SURVEY, {"question_id": None}, QueryInvalid, "without a question"),
        (SURVEY, {"question_id": "alone"}, GroupingRefused, "no rows"),
        (matrix(asked("x", kind=QuestionKind.TEXT)), {}, GroupingRefused, "no rows"),
        (
            matrix(asked("Q_1", FIVE), asked("Q_2", scale(1, 7))),
            {},
            GroupingRefused,
            "Q_2 does not have those of Q_1",
        ),
        (
            matrix(asked("Q_1", choices("Yes", "No"))),
            {},
            CalculationRefused,
            "Q_1 does not allow average",
        ),
        (SURVEY, {"type": MetricType.COMPARISON}, QueryInvalid, "cannot have a group-by"),
    ],
)
def test_what_has_no_comparable_rows_is_refused(
    survey: Questionnaire, parts: dict[str, object], error: type[Exception], words: str
) -> None:
    """Each with a remedy."""
    with pytest.raises(error, match=words) as caught:
        check_definition(by_row(Calculation.AVERAGE, **parts).definition, survey)
    assert caught.value.remedy  # type: ignore[attr-defined]  # All are ``MetricsError``.


def test_a_heading_without_a_grouping_names_both_ways() -> None:
    """One of its rows, or all of them."""
    with pytest.raises(CalculationRefused) as caught:
        check_definition(query(Calculation.AVERAGE).definition, SURVEY)
    assert "Q_1, Q_1_TEXT, Q_2" in caught.value.remedy
    assert "grouped by row" in caught.value.remedy


def test_each_row_is_asked_as_a_number() -> None:
    """Dates, filters and weights stay; sources never receive a grouping by row."""
    whole = by_row(Calculation.TOP_2_BOX, reverse_scale=True)
    parts = row_queries(whole, ROWS)
    assert [one.definition.question_id for one in parts] == ["Q_1", "Q_2", "Q_9"]
    assert {one.definition.group_by for one in parts} == {None}
    assert {one.definition.type for one in parts} == {MetricType.NUMBER}
    assert len({one.id for one in parts}) == 3
    assert all(one.definition.reverse_scale for one in parts)


@pytest.mark.parametrize("calculation", [Calculation.AVERAGE, Calculation.TOP_2_BOX])
def test_each_row_has_the_value_and_interval_of_its_question(calculation: Calculation) -> None:
    """In the order of the questionnaire, also without answers."""
    result = result_of(calculation, SPEED, PRICE, NOTHING)
    assert [(one.key, one.label) for one in result.groups] == list(ROWS.items())
    for group, total in zip(result.groups, (SPEED, PRICE, NOTHING), strict=True):
        alone = calculate(query(calculation), tally_of(total), AS_OF).current
        assert (group.value, group.interval, group.interval_reason) == (
            alone.value,
            alone.interval,
            alone.interval_reason,
        )
    assert result.groups[2].value is None
    assert result.groups[2].interval_reason is UncertaintyReason.NO_VALUE


def test_nothing_is_added_up_over_rows() -> None:
    """The overall numbers are those of the row with the most answers; nothing is judged."""
    result = result_of(Calculation.AVERAGE, PRICE, SPEED)
    current = result.current
    assert (current.value, current.reason) == (None, "Each row has its own value.")
    assert (current.answered, current.responses, current.recorded) == (40, 44, 46)
    assert current.interval is None
    assert result.change is None
    assert result.period_change is None
    assert describe_answers(current) == "40 of 44 answered; 4 not answered"
    assert result.notes == ("A note.", ROWS_NOTE)
    assert result.group_by == GroupBy(kind="row")


def test_another_level_of_confidence_needs_only_the_tally() -> None:
    """Stored tallies are enough, as for every metric."""
    given = by_row(Calculation.AVERAGE)
    narrow = calculate(given, combined(SPEED, PRICE), AS_OF, confidence=80)
    stored = Tally.model_validate_json(combined(SPEED, PRICE).model_dump_json())
    wide = calculate(given, stored, AS_OF, confidence=99)
    assert add_confidence(wide, given.definition, stored, 80) == narrow


def test_rows_have_their_own_weights() -> None:
    """The effective n of the overall numbers is that of the same row."""
    weight = {"kind": "field", "of": "w"}
    total = SPEED.model_copy(
        update={
            "weights": Weights(
                responses=WeightSum(88, 176),
                answered=WeightSum(80, 160),
                answers={key: WeightSum(2 * n, 4 * n) for key, n in SPEED.answers.items()},
            )
        }
    )
    result = calculate(by_row(Calculation.AVERAGE, weight=weight), combined(total), AS_OF)
    assert result.current.effective_n == result.groups[0].effective_n == 40
    assert result.groups[0].interval is not None


def test_pooled_rows_have_no_interval() -> None:
    """Rows over all loops of a matrix: one respondent may have given several answers."""
    tally = combine_rows(TWO, [tally_of(SPEED), tally_of(PRICE, pooled=True)])
    result = calculate(by_row(Calculation.AVERAGE), tally, AS_OF)
    assert {one.interval_reason for one in result.groups} == {
        UncertaintyReason.SEVERAL_ANSWERS_PER_RESPONDENT
    }


def test_rows_whose_answers_differ_by_now_are_refused() -> None:
    """The survey may change between the two requests."""
    with pytest.raises(GroupingRefused, match="different answers"):
        combine_rows(TWO, [tally_of(SPEED), tally_of(PRICE, scale(1, 7))])
