"""Rolling windows: counts are pooled over periods, scores are never averaged."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from smaply_metrics_core.calculations.confidence import add_confidence
from smaply_metrics_core.calculations.results import calculate
from smaply_metrics_core.calculations.rolling import pooled
from smaply_metrics_core.calculations.rules import check_definition
from smaply_metrics_core.errors import QueryInvalid
from smaply_metrics_core.models.query import (
    Calculation,
    DateRange,
    Definition,
    MetricQuery,
    MetricType,
    Window,
)
from smaply_metrics_core.models.result import Result
from smaply_metrics_core.models.survey import Questionnaire, Survey
from smaply_metrics_core.models.tally import Counts, Totals, WeightedTotals, Weights, WeightSum
from smaply_metrics_core.models.uncertainty import UncertaintyReason, Verdict
from tests.calculations.factories import counts, instant, query, scale, tally_of

NOW = datetime(2026, 4, 10, 9, tzinfo=UTC)
MONTHS = {
    "2026-01": counts({"10": 10, "8": 5, "0": 5}),
    "2026-02": counts({"10": 60, "8": 30, "0": 10}),
    "2026-03": counts({"10": 2, "8": 1, "0": 7}),
}
FIRST_QUARTER = Window(start=instant("2026-01-01"), end=instant("2026-04-01"))


def rolling(length: int | None, window: Window = FIRST_QUARTER) -> tuple[MetricQuery, Result]:
    """Return the query and the result of an NPS by month with rolling windows."""
    asked = query(Calculation.NPS, group_by="period:month", windows=(window,), rolling=length)
    total = counts({"10": 72, "8": 36, "0": 22})
    return asked, calculate(asked, tally_of(total, groups=MONTHS, choices=scale(0, 10)), NOW)


def test_three_months_are_pooled() -> None:
    """The worked example: 38.46, not the mean of the three scores, 8.33."""
    months = [group.value for group in rolling(None)[1].groups]
    pooled_months = rolling(3)[1].groups

    assert sum(value or 0 for value in months) / 3 == pytest.approx(8.33, abs=0.005)
    assert pooled_months[-1].value == pytest.approx(38.46, abs=0.005)
    assert [group.answered for group in pooled_months] == [20, 120, 130]
    assert pooled_months[-1].interval == rolling(3)[1].current.interval
    assert pooled_months[-1].interval is not None


def test_the_length_is_named() -> None:
    """In the result, and as a note for people."""
    result = rolling(3)[1]
    assert result.rolling == 3
    assert result.notes == (
        "Each value pools the answers of 3 months: its own and the 2 before it.",
    )
    assert rolling(2)[1].notes[0].endswith("of 2 months: its own and the one before it.")


def test_windows_that_begin_before_the_range_are_partial() -> None:
    """They are marked like a period that the range cuts; all time cuts none."""
    assert [group.edge for group in rolling(3)[1].groups] == [True, True, False]
    everything = rolling(3, Window())[1].groups
    assert [group.edge for group in everything] == [False] * len(everything)


def test_overlapping_windows_are_not_judged() -> None:
    """The last full window shares months with the one before."""
    change = rolling(2)[1].period_change
    assert change is not None
    assert (change.current, change.previous) == ("2026-03", "2026-02")
    assert change.change.verdict is Verdict.NOT_JUDGED
    assert change.change.verdict_reason is UncertaintyReason.OVERLAPPING_PERIODS


def test_a_period_without_responses_has_the_answers_before_it() -> None:
    """A gap does not shorten the windows around it."""
    groups = {key: MONTHS[key] for key in ("2026-01", "2026-03")}
    asked = query(
        Calculation.ANSWERED, group_by="period:month", windows=(FIRST_QUARTER,), rolling=2
    )
    total = counts({"10": 12, "8": 6, "0": 12})
    result = calculate(asked, tally_of(total, groups=groups, choices=scale(0, 10)), NOW)
    assert [group.value for group in result.groups] == [20, 20, 10]


def test_another_level_of_confidence_pools_the_stored_counts() -> None:
    """The stored tally has the counts of single periods."""
    asked, result = rolling(3)
    stored = tally_of(counts({"10": 72, "8": 36, "0": 22}), groups=MONTHS, choices=scale(0, 10))
    again = add_confidence(result, asked.definition, stored, 95)
    wider = add_confidence(result, asked.definition, stored, 99)
    assert again.groups == result.groups
    (_, _, narrow), (_, _, wide) = again.groups, wider.groups
    assert narrow.interval is not None
    assert wide.interval is not None
    assert wide.interval.low < narrow.interval.low


def test_weights_and_totals_add_up() -> None:
    """Sums of weights per answer, and totals of parts with and without single numbers."""
    one, two = (
        Counts(
            responses=n,
            answered=n,
            answers={"3": n},
            weights=Weights(
                responses=WeightSum(n, n), answered=WeightSum(n, n), answers={"3": WeightSum(n, n)}
            ),
        )
        for n in (1, 2)
    )
    weights = pooled([one, two]).weights
    assert weights is not None
    assert weights == Weights(
        responses=WeightSum(3, 3), answered=WeightSum(3, 3), answers={"3": WeightSum(3, 3)}
    )
    sums = Totals(
        sum=7, minimum=2, maximum=5, squares=29, weighted=WeightedTotals(wx=7, w2x=7, w2x2=29)
    )
    many = Counts(responses=2, answered=2, totals=sums, weights=Weights(answered=WeightSum(2, 2)))
    both = pooled([one, many])
    assert both.answers == {}
    assert both.totals == Totals(
        sum=10, minimum=2, maximum=5, squares=38, weighted=WeightedTotals(wx=10, w2x=10, w2x2=38)
    )


def test_several_answers_keep_the_respondents() -> None:
    """Responses with at least one of the answers of a share add up, reasons too."""
    part = Counts(
        responses=3, answered=2, unanswered={"not_shown": 1}, answers={"a": 2, "b": 1}, chosen=2
    )
    both = pooled([part, part])
    assert (both.responses, both.answered, both.chosen) == (6, 4, 4)
    assert (both.unanswered, both.answers) == ({"not_shown": 2}, {"a": 4, "b": 2})


def test_only_periods_roll() -> None:
    """Other group-bys have no order to pool along."""
    survey = Questionnaire(survey=Survey(id="S", name="Survey"), questions=())
    number = Definition(
        survey_id="S",
        calculation=Calculation.RESPONSES,
        type=MetricType.NUMBER,
        range=DateRange(preset="last_month"),
        rolling=3,
    )
    with pytest.raises(QueryInvalid, match="need calendar periods"):
        check_definition(number, survey)
