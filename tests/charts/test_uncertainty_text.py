"""Intervals and verdicts as text."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from smaply_metrics_core.charts.summaries import summary
from smaply_metrics_core.charts.table import data_table
from smaply_metrics_core.charts.uncertainty_text import (
    certainty,
    interval_sentence,
    interval_text,
    p_value_text,
    value_with_interval,
    verdict_text,
)
from smaply_metrics_core.models.query import Calculation, Period
from smaply_metrics_core.models.question_change import QuestionChange
from smaply_metrics_core.models.result import Change, PeriodChange, Result, Unit
from smaply_metrics_core.models.uncertainty import (
    Interval,
    IntervalMethod,
    UncertaintyReason,
    Verdict,
)
from tests.charts.factories import PLAIN, around, comparison, display, number, periods, series

NOISE = Change(
    difference=-6.6,
    interval=Interval(low=-26.62, high=14.02, level=95, method=IntervalMethod.ADJUSTED_WALD),
    p_value=0.54,
    verdict=Verdict.NO_CLEAR_CHANGE,
    detectable=29.05,
)
FEW = Change(
    difference=-6.6,
    verdict=Verdict.NOT_JUDGED,
    verdict_reason=UncertaintyReason.FEW_ANSWERS,
    verdict_reason_text=UncertaintyReason.FEW_ANSWERS.change_sentence,
)
REWORDED = QuestionChange(
    after=datetime(2026, 5, 2, tzinfo=UTC),
    until=datetime(2026, 5, 3, tzinfo=UTC),
    differences=("the wording changed",),
    recode=False,
    sentence="The question was changed between 2 and 3 May 2026: the wording changed.",
)
NOT_COMPARABLE = FEW.model_copy(
    update={
        "verdict_reason": UncertaintyReason.QUESTION_CHANGED,
        "verdict_reason_text": REWORDED.sentence,
    }
)


def with_interval(result: Result, interval: Interval) -> Result:
    """Return a result whose current value has an interval."""
    current = result.current.model_copy(update={"interval": interval})
    return result.model_copy(update={"current": current})


@pytest.mark.parametrize(
    ("unit", "interval", "short", "long"),
    [
        (
            Unit.POINTS,
            around(37.6, 47.2),
            "38 to 47",
            "between 38 and 47, at 95 % confidence",
        ),
        (
            Unit.PERCENT,
            around(43, 69, 99.9),
            "43 to 69%",
            "between 43% and 69%, at 99.9 % confidence",
        ),
        (Unit.SCORE, around(3.21, 4), "3.2 to 4.0", "between 3.2 and 4.0, at 95 % confidence"),
        (Unit.SCORE, None, "", ""),
    ],
)
def test_intervals(unit: Unit, interval: Interval | None, short: str, long: str) -> None:
    """Short for cards, in words for details."""
    assert (interval_text(unit, interval), interval_sentence(unit, interval)) == (short, long)


def test_a_value_with_its_interval() -> None:
    """In brackets; without one, the value alone."""
    result = number(43.0, Calculation.NPS)
    assert value_with_interval(result.unit, result.current) == "43"
    current = with_interval(result, around(38, 47)).current
    assert value_with_interval(result.unit, current) == "43 (38 to 47)"


@pytest.mark.parametrize(
    ("p_value", "text"),
    [(0.5434, "p = 0.54"), (0.0333, "p = 0.033"), (0.00048, "p < 0.001"), (1.0, "p = 1.00")],
)
def test_p_values(p_value: float, text: str) -> None:
    """Two or three decimals."""
    assert p_value_text(p_value) == text


def test_verdicts() -> None:
    """Nothing for changes that are facts, or that are older than verdicts."""
    assert verdict_text(NOISE) == "no clear change (p = 0.54)"
    assert verdict_text(FEW) == "not judged"
    assert verdict_text(Change(difference=1)) == ""
    fact = FEW.model_copy(update={"verdict_reason": UncertaintyReason.CENSUS})
    assert verdict_text(fact) == ""


def test_details_of_a_comparison() -> None:
    """The interval, the p-value and the smallest detectable change; or why it is not judged."""
    result = with_interval(comparison(39.4, 46.0, Calculation.NPS), around(24, 54))
    minus = "\N{MINUS SIGN}"
    between = f"between {minus}26.6 and +14 points"
    assert certainty(result.model_copy(update={"change": NOISE})) == [
        "Between 24 and 54, at 95 % confidence",
        f"Change: {minus}6.6 points, no clear change (p = 0.54), {between}, at 95 % confidence",
        "Smallest change that was likely to be seen with these numbers of answers: 29.1 points",
    ]
    assert certainty(result.model_copy(update={"change": FEW}))[1:] == [
        "Change: \N{MINUS SIGN}6.6 points, not judged. One of the periods has fewer than 10 answers"
    ]


def test_details_across_a_change_of_the_question() -> None:
    """A Comparison is not comparable; other results name the change."""
    changes = (REWORDED,)
    result = comparison(39.4, 46.0, Calculation.NPS).model_copy(
        update={"change": NOT_COMPARABLE, "question_changes": changes}
    )
    assert verdict_text(NOT_COMPARABLE) == "not comparable"
    (line,) = certainty(result)
    assert line == f"Change: not comparable: t{REWORDED.sentence[1:-1]}"
    assert "not comparable" in summary(result, display())
    assert data_table(result, display()).rows[-1][-1] == "not comparable"
    current = number(4.0).model_copy(update={"question_changes": changes})
    assert certainty(current) == [REWORDED.sentence.rstrip(".")]


def test_details_of_a_series() -> None:
    """The last full period is compared with the one before it."""
    result = series(periods(Period.MONTH, "2026-08", [40.0, 46.0, 39.4]), Calculation.NPS)
    before, after = result.groups[-2:]
    judged = PeriodChange(current=after.key, previous=before.key, change=NOISE)
    lines = certainty(result.model_copy(update={"period_change": judged}))
    assert lines[0].startswith(
        f"{after.label} compared with {before.label}: \N{MINUS SIGN}6.6 points, no clear change"
    )


def test_details_of_a_value_without_an_interval() -> None:
    """The reason."""
    result = number(4.0, Calculation.SUM)
    reason = UncertaintyReason.CENSUS
    current = result.current.model_copy(
        update={"interval_reason": reason, "interval_reason_text": reason.sentence}
    )
    (line,) = certainty(result.model_copy(update={"current": current}))
    assert line.startswith("No interval: This number describes the recorded answers")


def test_screen_readers_and_tables() -> None:
    """Both have the interval and the verdict."""
    result = with_interval(comparison(39.4, 46.0, Calculation.NPS), around(24, 54))
    result = result.model_copy(update={"change": NOISE})
    read = summary(result, PLAIN)
    assert "39, between 24 and 54, at 95 % confidence" in read
    assert "no clear change (p = 0.54)" in read
    table = data_table(result, PLAIN)
    assert "Interval" in table.columns
    assert table.rows[-1][-1] == "no clear change (p = 0.54)"
    assert "Interval" not in data_table(number(4.0), PLAIN).columns
