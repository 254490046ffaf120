"""Intervals and verdicts in results."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from smaply_metrics_core.calculations.confidence import add_confidence
from smaply_metrics_core.calculations.results import calculate
from smaply_metrics_core.models.query import Calculation, DateRange, MetricType, Window
from smaply_metrics_core.models.question_change import QuestionChange
from smaply_metrics_core.models.result import Result
from smaply_metrics_core.models.tally import Counts, Totals
from smaply_metrics_core.models.uncertainty import IntervalMethod, UncertaintyReason, Verdict
from tests.calculations.factories import choices, counts, instant, query, scale, tally_of

if TYPE_CHECKING:
    from collections.abc import Mapping

NOW = datetime(2026, 3, 10, 9, tzinfo=UTC)
FEBRUARY = Window(start=instant("2026-02-01"), end=instant("2026-03-01"))
JANUARY = Window(name="previous", start=instant("2026-01-01"), end=instant("2026-02-01"))
LAST_MONTH = DateRange(preset="last_month")
SATISFACTION = {"5": 4, "4": 2, "3": 1, "2": 1, "1": 2}
NPS_BEFORE = {"10": 50, "8": 27, "3": 10}
NPS_NOW = {"9": 50, "7": 31, "0": 13}


def number(
    calculation: str,
    answers: Mapping[str, int],
    *,
    group_by: str | None = None,
    share_of: tuple[str, ...] = (),
) -> Result:
    """Return the result of a calculation on a scale from 1 to 5."""
    asked = query(Calculation(calculation), group_by=group_by, answers=share_of)
    return calculate(asked, tally_of(counts(answers), choices=scale(1, 5)), NOW)


def compare(
    calculation: str,
    now: Counts,
    before: Counts,
    *,
    windows: tuple[Window, Window] = (FEBRUARY, JANUARY),
    date_range: DateRange = LAST_MONTH,
    pooled: bool = False,
) -> Result:
    """Return the result of a Comparison on a scale from 0 to 10."""
    asked = query(
        Calculation(calculation), windows=windows, type=MetricType.COMPARISON, range=date_range
    )
    tally = tally_of(now, previous=before, choices=scale(0, 10), pooled=pooled)
    return calculate(asked, tally, NOW)


@pytest.mark.parametrize(
    ("calculation", "method", "low", "high"),
    [
        ("average", IntervalMethod.STUDENT_T, 2.3197, 4.6803),
        ("median", IntervalMethod.ORDER_STATISTICS, 1, 5),
        ("top_box", IntervalMethod.WILSON, 16.82, 68.73),
        ("bottom_2_box", IntervalMethod.WILSON, 10.78, 60.32),
    ],
)
def test_values_have_intervals(
    calculation: str, method: IntervalMethod, low: float, high: float
) -> None:
    """By the method of the calculation, at 95 % unless another level is requested."""
    current = number(calculation, SATISFACTION).current
    assert current.interval is not None
    assert current.interval_reason is None
    assert (current.interval.method, current.interval.level) == (method, 95)
    assert (current.interval.low, current.interval.high) == pytest.approx((low, high), abs=0.005)


def test_a_share_has_an_interval() -> None:
    """Of one answer or several, also if a response may have several answers."""
    one = number("share", SATISFACTION, share_of=("5",)).current
    assert one == number("top_box", SATISFACTION).current
    both = Counts(responses=10, answered=10, answers={"chat": 3, "phone": 2}, chosen=4)
    asked = query(Calculation.SHARE, answers=("chat", "phone"))
    tally = tally_of(both, choices=choices("Chat", "Phone"), multiple=True)
    assert calculate(asked, tally, NOW).current.interval == one.interval


def test_an_nps_has_an_interval() -> None:
    """The adjusted Wald interval; the value is the plain NPS."""
    asked = query(Calculation.NPS)
    current = calculate(asked, tally_of(counts({"10": 4, "8": 2, "0": 2})), NOW).current
    assert current.value == 25
    assert current.interval is not None
    assert current.interval.low == pytest.approx(-29.42, abs=0.005)


@pytest.mark.parametrize(
    ("calculation", "answers", "reason"),
    [
        ("responses", SATISFACTION, UncertaintyReason.CENSUS),
        ("answered", SATISFACTION, UncertaintyReason.CENSUS),
        ("sum", SATISFACTION, UncertaintyReason.CENSUS),
        ("minimum", SATISFACTION, UncertaintyReason.CENSUS),
        ("maximum", SATISFACTION, UncertaintyReason.CENSUS),
        ("average", {}, UncertaintyReason.NO_VALUE),
        ("average", {"4": 1}, UncertaintyReason.FEW_ANSWERS),
        ("average", {"4": 9}, UncertaintyReason.ALL_ANSWERS_EQUAL),
        ("median", {"4": 3, "1": 2}, UncertaintyReason.FEW_ANSWERS),
        ("distribution", SATISFACTION, UncertaintyReason.NO_VALUE),
    ],
)
def test_values_without_an_interval_have_a_reason(
    calculation: str, answers: Mapping[str, int], reason: UncertaintyReason
) -> None:
    """Counts estimate nothing; few or equal answers do not show how much they vary."""
    current = number(calculation, answers).current
    assert (current.interval, current.interval_reason) == (None, reason)
    assert reason.sentence.endswith(".")


def test_totals_have_no_interval() -> None:
    """Without squares nothing is known about how much the answers vary."""
    totals = Counts(responses=3, answered=3, totals=Totals(sum=9))
    current = calculate(query(Calculation.AVERAGE), tally_of(totals), NOW).current
    assert current.interval_reason is UncertaintyReason.TOTALS_WITHOUT_SQUARES


def test_pooled_answers_have_no_interval() -> None:
    """The answers of one respondent to several loops are not independent."""
    result = compare("nps", counts(NPS_NOW), counts(NPS_BEFORE), pooled=True)
    several = UncertaintyReason.SEVERAL_ANSWERS_PER_RESPONDENT
    assert result.current.interval_reason is several
    assert result.change is not None
    assert (result.change.verdict, result.change.verdict_reason) == (Verdict.NOT_JUDGED, several)


def test_each_answer_has_an_interval() -> None:
    """In a distribution, each share; counts by answer have none."""
    shares = number("distribution", SATISFACTION).groups
    assert [group.interval is not None for group in shares] == [True] * 5
    five = shares[-1].interval
    assert five is not None
    assert five.low == pytest.approx(16.82, abs=0.005)
    (group, *_) = number("answered", SATISFACTION, group_by="answer").groups
    assert group.interval_reason is UncertaintyReason.CENSUS


def test_each_group_has_an_interval() -> None:
    """From the answers of the group."""
    asked = query(Calculation.AVERAGE, group_by="field:Region")
    groups = {"North": counts(SATISFACTION), "South": counts()}
    tally = tally_of(counts(SATISFACTION), groups=groups, choices=scale(1, 5))
    north, south = calculate(asked, tally, NOW).groups
    assert north.interval is not None
    assert south.interval_reason is UncertaintyReason.NO_VALUE


def test_noise_is_no_clear_change() -> None:
    """An NPS that falls by 6.6 points with 87 and 94 answers."""
    change = compare("nps", counts(NPS_NOW), counts(NPS_BEFORE)).change
    assert change is not None
    assert change.difference == pytest.approx(-6.6, abs=0.05)
    assert (change.verdict, change.verdict_reason) == (Verdict.NO_CLEAR_CHANGE, None)
    assert change.p_value == pytest.approx(0.54, abs=0.005)
    assert change.interval is not None
    assert (change.interval.low, change.interval.high) == pytest.approx((-26.62, 14.02), abs=0.005)
    assert change.detectable == pytest.approx(29.05, abs=0.005)


@pytest.mark.parametrize(
    ("calculation", "now", "before", "method"),
    [
        (
            "nps",
            {"10": 520, "8": 280, "0": 200},
            {"10": 400, "8": 400, "0": 200},
            IntervalMethod.ADJUSTED_WALD,
        ),
        ("top_box", {"10": 56, "0": 14}, {"10": 48, "0": 32}, IntervalMethod.NEWCOMBE),
        ("average", {"9": 20, "8": 20}, {"8": 20, "7": 20}, IntervalMethod.WELCH),
    ],
)
def test_clear_changes(
    calculation: str, now: dict[str, int], before: dict[str, int], method: IntervalMethod
) -> None:
    """Up, and down the other way round."""
    for current, previous, verdict in ((now, before, Verdict.UP), (before, now, Verdict.DOWN)):
        change = compare(calculation, counts(current), counts(previous)).change
        assert change is not None
        assert change.verdict is verdict
        assert change.interval is not None
        assert change.interval.method is method


MANY, FEW = counts({"5": 10, "4": 10}), counts({"5": 5, "4": 4})


@pytest.mark.parametrize(
    ("calculation", "now", "before", "reason"),
    [
        ("answered", MANY, MANY, UncertaintyReason.CENSUS),
        ("sum", MANY, MANY, UncertaintyReason.CENSUS),
        ("median", MANY, MANY, UncertaintyReason.MEDIAN),
        ("nps", MANY, FEW, UncertaintyReason.FEW_ANSWERS),
        ("top_box", FEW, MANY, UncertaintyReason.FEW_ANSWERS),
        ("average", FEW, MANY, UncertaintyReason.FEW_ANSWERS),
        ("average", counts({"5": 20}), MANY, UncertaintyReason.ALL_ANSWERS_EQUAL),
        ("average", MANY, counts(), UncertaintyReason.NO_VALUE),
    ],
)
def test_changes_that_are_not_judged(
    calculation: str, now: Counts, before: Counts, reason: UncertaintyReason
) -> None:
    """They have neither an interval nor a p-value, but a reason."""
    change = compare(calculation, now, before).change
    assert change is not None
    assert (change.verdict, change.verdict_reason) == (Verdict.NOT_JUDGED, reason)
    assert (change.interval, change.p_value, change.detectable) == (None, None, None)
    assert change.verdict_reason is not None
    assert change.verdict_reason.change_sentence.endswith(".")


@pytest.mark.parametrize(
    ("windows", "date_range", "reason"),
    [
        (
            (FEBRUARY, JANUARY.model_copy(update={"end": instant("2026-02-02")})),
            LAST_MONTH,
            UncertaintyReason.OVERLAPPING_PERIODS,
        ),
        ((Window(), Window(name="previous")), LAST_MONTH, UncertaintyReason.OVERLAPPING_PERIODS),
        ((FEBRUARY, JANUARY), DateRange(preset="this_month"), UncertaintyReason.RUNNING_PERIOD),
        (
            (FEBRUARY.model_copy(update={"end": instant("2026-05-01")}), JANUARY),
            LAST_MONTH,
            UncertaintyReason.RUNNING_PERIOD,
        ),
    ],
)
def test_periods_that_are_not_compared(
    windows: tuple[Window, Window], date_range: DateRange, reason: UncertaintyReason
) -> None:
    """Overlapping windows, and periods that are not over."""
    result = compare("nps", MANY, MANY, windows=windows, date_range=date_range)
    assert result.change is not None
    assert result.change.verdict_reason is reason


def test_the_last_full_period_of_a_series_is_judged() -> None:
    """Neither the running month nor one that the range cuts off."""
    asked = query(
        Calculation.NPS,
        group_by="period:month",
        windows=(Window(start=instant("2025-12-10"), end=NOW),),
        range=DateRange(preset="last_90_days"),
    )
    groups = {
        "2025-12": counts({"10": 500, "0": 1}),
        "2026-01": counts(NPS_BEFORE),
        "2026-02": counts(NPS_NOW),
        "2026-03": counts({"0": 500}),
    }
    result = calculate(asked, tally_of(counts(NPS_NOW), groups=groups), NOW)
    found = result.period_change
    assert found is not None
    assert (found.current, found.previous) == ("2026-02", "2026-01")
    assert found.change.verdict is Verdict.NO_CLEAR_CHANGE
    assert found.change == compare("nps", counts(NPS_NOW), counts(NPS_BEFORE)).change
    short = asked.model_copy(update={"windows": (Window(start=instant("2026-01-10"), end=NOW),)})
    recent = {key: groups[key] for key in ("2026-01", "2026-02", "2026-03")}
    assert calculate(short, tally_of(counts(), groups=recent), NOW).period_change is None


def test_another_level_is_calculated_from_the_same_tally() -> None:
    """Only intervals and verdicts change, as when the result is calculated at that level."""
    asked = query(
        Calculation.TOP_BOX,
        windows=(FEBRUARY, JANUARY),
        type=MetricType.COMPARISON,
        range=LAST_MONTH,
    )
    tally = tally_of(
        counts({"10": 60, "0": 40}), previous=counts({"10": 45, "0": 55}), choices=scale(0, 10)
    )
    result = calculate(asked, tally, NOW)
    other = add_confidence(result, asked.definition, tally, 99)
    assert other == calculate(asked, tally, NOW, confidence=99)
    assert (result.confidence, other.confidence) == (95, 99)
    assert result.change is not None
    assert other.change is not None
    assert (result.change.verdict, other.change.verdict) == (Verdict.UP, Verdict.NO_CLEAR_CHANGE)
    assert result.change.p_value == other.change.p_value
    assert add_confidence(other, asked.definition, tally, 95) == result


def test_results_from_before_intervals_can_be_read() -> None:
    """Their JSON has none of the fields."""
    stored = number("average", SATISFACTION).model_dump(mode="json")
    for name in ("period_change", "confidence"):
        del stored[name]
    for name in ("interval", "interval_reason"):
        del stored["current"][name]
    read = Result.model_validate(stored)
    assert (read.confidence, read.current.interval, read.current.value) == (None, None, 3.5)


REWORDED = QuestionChange(
    after=instant("2026-02-10"),
    until=instant("2026-02-11"),
    differences=("the wording changed",),
    recode=False,
    sentence="The question was changed between 10 and 11 Feb 2026: the wording changed.",
)


def test_a_comparison_across_a_change_of_the_question_is_not_judged() -> None:
    """Whatever else is the matter; recodes and changes outside of the windows do not count."""
    asked = query(
        Calculation.AVERAGE,
        windows=(FEBRUARY, JANUARY),
        type=MetricType.COMPARISON,
        range=LAST_MONTH,
    )
    tally = tally_of(counts(NPS_NOW), previous=counts(NPS_BEFORE), choices=scale(0, 10))
    later = {"after": instant("2026-03-01"), "until": instant("2026-03-02")}
    ignored = (
        REWORDED.model_copy(update={"recode": True}),
        REWORDED.model_copy(update=later),
        REWORDED.model_copy(update={"after": JANUARY.start, "until": JANUARY.start}),
    )
    judged = calculate(asked, tally, NOW, question_changes=ignored)
    assert judged == calculate(asked, tally, NOW)
    assert judged.change is not None
    assert judged.change.verdict is not Verdict.NOT_JUDGED
    result = calculate(asked, tally, NOW, question_changes=(*ignored, REWORDED))
    assert result.question_changes == (REWORDED,)
    assert result.change is not None
    assert result.change.verdict_reason is UncertaintyReason.QUESTION_CHANGED
    assert result.change.verdict_reason_text == REWORDED.sentence
    assert result.change.difference == judged.change.difference
    assert add_confidence(result, asked.definition, tally, 95) == result


def test_periods_across_a_change_of_the_question_are_not_judged() -> None:
    """The last full period and the one before, if it was changed in one of them."""
    week = Window(start=instant("2026-02-02"), end=instant("2026-03-02"))
    asked = query(Calculation.AVERAGE, group_by="period:week", windows=(week,))
    groups = {
        key: counts(NPS_NOW) for key in ("2026-02-02", "2026-02-09", "2026-02-16", "2026-02-23")
    }
    total = counts({key: 4 * n for key, n in NPS_NOW.items()})
    tally = tally_of(total, groups=groups, choices=scale(0, 10))
    now = instant("2026-03-02")
    result = calculate(asked, tally, now, question_changes=(REWORDED,))
    assert [one.question_changed for one in result.groups] == [False, True, False, False]
    assert result.period_change is not None
    assert result.period_change.change.verdict is Verdict.NO_CLEAR_CHANGE
    last = REWORDED.model_copy(
        update={"after": instant("2026-02-20"), "until": instant("2026-02-24")}
    )
    result = calculate(asked, tally, now, question_changes=(last,))
    assert [one.question_changed for one in result.groups] == [False, False, True, True]
    assert result.period_change is not None
    assert result.period_change.change.verdict_reason is UncertaintyReason.QUESTION_CHANGED
