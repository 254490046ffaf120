"""Headlines and remarks, by example."""

from __future__ import annotations

import pytest

from smaply_metrics_core.charts import (
    Direction,
    Tone,
    answer_count_text,
    headline,
    low_sample_text,
    period_headline,
    summary,
    ungrouped_text,
    unreadable_text,
)
from smaply_metrics_core.models.query import Calculation, Period
from smaply_metrics_core.models.result import Change, PeriodChange, Unit
from smaply_metrics_core.models.uncertainty import Interval, IntervalMethod, Verdict
from tests.charts.factories import (
    PLAIN,
    comparison,
    display,
    distribution,
    group,
    measured,
    number,
    periods,
    series,
)

DASH, MINUS = "\N{EN DASH}", "\N{MINUS SIGN}"
SUMMER = f"1 Jun {DASH} 25 Aug 2026"


def test_a_number_has_prefix_and_suffix() -> None:
    """Values have thousands separators, a minus sign, and the display's prefix and suffix."""
    large = number(1234567.0, Calculation.RESPONSES)

    assert headline(large, PLAIN).text == "1,234,567"
    assert headline(large, display(prefix="~", suffix=" Rückmeldungen")).text == (
        "~1,234,567 Rückmeldungen"
    )
    assert headline(number(57.4), PLAIN).text == "57%"
    assert headline(number(-12.0, Calculation.NPS), PLAIN).text == f"{MINUS}12"


def test_a_number_without_a_value_has_a_reason() -> None:
    """A missing value is a dash without prefix and suffix, labelled with the reason."""
    large = headline(number(None), display(prefix="€ ", target=5))

    assert (large.text, large.label, large.target) == ("—", "There are no answers.", "Target € 5%")
    assert large.tone is Tone.NEUTRAL


def test_a_series_shows_the_overall_or_the_latest_value() -> None:
    """The latest period with a value is the headline if the display requests it."""
    months = series(periods(Period.MONTH, "2026-09", [31.0, 38.0, None], running=True), value=34.0)
    latest = display(latest_as_headline=True)

    assert (headline(months, PLAIN).text, headline(months, PLAIN).label) == ("34%", "overall")
    assert (headline(months, latest).text, headline(months, latest).label) == ("38%", "Oct 2026")


def test_the_latest_period_has_remarks() -> None:
    """The label names a period that is running, partly counted or based on few answers."""
    months = series(periods(Period.MONTH, "2026-10", [31.0, 38.0], running=True, answered=4))
    cut = series(periods(Period.MONTH, "2026-10", [31.0, 38.0], edge=True))
    latest = display(latest_as_headline=True)

    assert headline(months, latest).label == "Nov 2026, still running, fewer than 30 answers"
    assert headline(cut, latest).label == "Nov 2026, partly outside the date range"


@pytest.mark.parametrize(
    ("verdict", "reverse", "tone"),
    [
        (Verdict.DOWN, False, Tone.BAD),
        (Verdict.DOWN, True, Tone.GOOD),
        (Verdict.NO_CLEAR_CHANGE, False, Tone.NEUTRAL),
        (Verdict.NOT_JUDGED, False, Tone.NEUTRAL),
    ],
)
def test_the_change_of_the_last_full_period(verdict: Verdict, reverse: bool, tone: Tone) -> None:  # noqa: FBT001  # Parameters.
    """It is coloured as a Comparison, and names both periods; a running one is not compared."""
    months = series(periods(Period.MONTH, "2026-09", [46.0, 39.5, 90.0], running=True))
    before, after, _ = months.groups
    change = Change(difference=-6.5, verdict=verdict, p_value=0.012)
    compared = PeriodChange(current=after.key, previous=before.key, change=change)
    months = months.model_copy(update={"period_change": compared})
    found = period_headline(months, display(reverse_colors=reverse, suffix=" pts"))
    assert found is not None
    assert (found.text, found.change) == ("40% pts", f"{MINUS}6.5 points")
    assert found.label == "Oct 2026 vs. Sep 2026"
    assert (found.direction, found.tone) == (Direction.DOWN, tone)


def test_without_two_full_periods_there_is_no_change() -> None:
    """Nor if the change is unknown; a Number has none."""
    months = series(periods(Period.MONTH, "2026-09", [46.0, 39.5]))
    unknown = Change(difference=None, reason="There are no answers.")
    keys = [group.key for group in months.groups]
    compared = PeriodChange(current=keys[1], previous=keys[0], change=unknown)
    assert period_headline(months, PLAIN) is None
    assert period_headline(months.model_copy(update={"period_change": compared}), PLAIN) is None
    assert period_headline(number(4.0), PLAIN) is None


def test_groups_that_are_not_periods_have_no_latest() -> None:
    """The headline of other groups is the overall value."""
    shops = series([group("North", 40.0), group("South", 60.0)], value=50.0)

    assert headline(shops, display(latest_as_headline=True)).text == "50%"


def test_a_distribution_has_no_headline() -> None:
    """A distribution has no single value."""
    assert headline(distribution({"Yes": 60, "No": 40}), PLAIN).text == ""


@pytest.mark.parametrize(
    ("calculation", "now", "before", "change", "against"),
    [
        (Calculation.SHARE, 42.2, 38.0, "+4.2 points", "38%"),
        (Calculation.NPS, -12.0, 20.0, f"{MINUS}32 points", "20"),
        (Calculation.NPS, 20.0, 21.0, f"{MINUS}1 point", "21"),
        (Calculation.RESPONSES, 1280.0, 1455.0, f"{MINUS}12%", "1,455"),
        (Calculation.AVERAGE, 4.1, 4.0, "+2.5%", "4.0"),
        (Calculation.SHARE, 42.04, 42.0, "unchanged", "42%"),
        (Calculation.RESPONSES, 25000.0, 10.0, "+249,900%", "10"),
    ],
)
def test_a_change_is_shown_with_the_previous_value(
    calculation: Calculation, now: float, before: float, change: str, against: str
) -> None:
    """Percentages and NPS change in points, other values in percent."""
    large = headline(comparison(now, before, calculation), PLAIN)

    assert (large.change, large.against) == (change, f"vs. {against} ({SUMMER})")


def test_a_change_from_zero_is_a_difference() -> None:
    """A change from 0 has no percentage and is shown as a difference."""
    large = headline(comparison(40.0, 0.0, Calculation.RESPONSES), PLAIN)

    assert (large.change, large.direction) == ("+40", Direction.UP)


def test_an_unknown_change_has_a_reason() -> None:
    """Without a previous value there is a reason instead of a change."""
    large = headline(comparison(40.0, None), PLAIN)

    assert (large.text, large.change, large.tone) == ("40%", "", Tone.NEUTRAL)
    assert large.against == "There is no previous value."
    assert large.direction is Direction.UNKNOWN


@pytest.mark.parametrize(
    ("now", "verdict", "reverse", "direction", "tone"),
    [
        (42.0, Verdict.UP, False, Direction.UP, Tone.GOOD),
        (42.0, Verdict.UP, True, Direction.UP, Tone.BAD),
        (32.0, Verdict.DOWN, False, Direction.DOWN, Tone.BAD),
        (32.0, Verdict.DOWN, True, Direction.DOWN, Tone.GOOD),
        (38.01, Verdict.UP, True, Direction.SAME, Tone.NEUTRAL),
        (32.0, Verdict.NO_CLEAR_CHANGE, False, Direction.DOWN, Tone.NEUTRAL),
        (32.0, Verdict.NOT_JUDGED, False, Direction.DOWN, Tone.NEUTRAL),
        (32.0, None, False, Direction.DOWN, Tone.NEUTRAL),
    ],
)
def test_only_clear_changes_are_good_or_bad(
    now: float,
    verdict: Verdict | None,
    reverse: bool,  # noqa: FBT001  # One of the cases.
    direction: Direction,
    tone: Tone,
) -> None:
    """Up is good unless colours are reversed; a change that rounds to zero is neutral."""
    result = comparison(now, 38.0)
    assert result.change is not None
    judged = result.change.model_copy(update={"verdict": verdict})
    large = headline(result.model_copy(update={"change": judged}), display(reverse_colors=reverse))

    assert (large.direction, large.tone) == (direction, tone)


def around(low: float, high: float) -> Interval:
    """Return an interval at 95 %."""
    return Interval(low=low, high=high, level=95, method=IntervalMethod.WILSON)


@pytest.mark.parametrize(
    ("interval", "reverse", "text", "tone"),
    [
        (around(51, 63), False, "Target 50%: clearly above", Tone.GOOD),
        (around(51, 63), True, "Target 50%: clearly above", Tone.BAD),
        (around(40, 63), False, "Target 50%: about at target", Tone.NEUTRAL),
        (around(30, 49), False, "Target 50%: clearly below", Tone.BAD),
        (around(30, 49), True, "Target 50%: clearly below", Tone.GOOD),
    ],
)
def test_a_target_is_compared_with_the_interval(
    interval: Interval,
    reverse: bool,  # noqa: FBT001  # One of the cases.
    text: str,
    tone: Tone,
) -> None:
    """A value is good or bad only when its interval excludes the target."""
    result = number(57.0)
    current = result.current.model_copy(update={"interval": interval})
    large = headline(
        result.model_copy(update={"current": current}),
        display(target=50, reverse_colors=reverse),
    )
    assert (large.target, large.tone) == (text, tone)
    assert large.interval == f"{interval.low:g} to {interval.high:g}%"


@pytest.mark.parametrize(
    ("value", "target", "reverse", "text", "tone"),
    [
        (57.0, 50, False, "Target 50%: reached", Tone.GOOD),
        (49.6, 50, False, "Target 50%: reached", Tone.GOOD),
        (49.4, 50, False, "Target 50%: missed", Tone.BAD),
        (12.0, 10, True, "Target 10%: missed", Tone.BAD),
        (8.0, 10, True, "Target 10%: reached", Tone.GOOD),
        (50.0, 49.5, False, "Target 49.5%: reached", Tone.GOOD),
        (-3.0, -2.5, True, f"Target {MINUS}2.5%: reached", Tone.GOOD),
        (-3.0, -2.0, False, f"Target {MINUS}2%: missed", Tone.BAD),
    ],
)
def test_a_target_is_reached_or_missed_as_shown(
    value: float,
    target: float,
    reverse: bool,  # noqa: FBT001  # One of the cases.
    text: str,
    tone: Tone,
) -> None:
    """The rounded value is compared with the target, which is shown with all of its decimals."""
    large = headline(number(value), display(target=target, reverse_colors=reverse))

    assert (large.target, large.tone) == (text, tone)


def test_remarks_on_answers() -> None:
    """The number of answers, small samples and ungrouped responses are shown as text."""
    few = series([group("North", 40.0, 12), group("South", 60.0, 900)], ungrouped=1)
    before = comparison(40.0, 38.0).model_copy(
        update={"previous": measured(38.0, 12), "change": Change(difference=2.0)}
    )

    assert answer_count_text(number(4.0, answered=1204)) == "of 1,204 answers"
    score = number(4.0, answered=1204).model_copy(update={"unit": Unit.SCORE})
    assert answer_count_text(score) == "n = 1,204"
    assert low_sample_text(number(4.0, answered=29)) == "fewer than 30 answers"
    assert low_sample_text(number(4.0, answered=30)) == ""
    assert low_sample_text(few) == "1 group has fewer than 30 answers"
    lopsided = number(4.9).model_copy(update={"current": measured(4.9, 200, low_sample=True)})
    assert low_sample_text(lopsided) == "fewer than 10 answers that differ from the most frequent"
    both = [group("North", 40.0, 12), group("South", 60.0, 900, low_sample=True)]
    assert low_sample_text(series(both)) == "2 groups have few answers"
    assert low_sample_text(before) == "fewer than 30 answers in the previous period"
    assert ungrouped_text(few) == "1 response in no group"
    assert ungrouped_text(number(4.0)) == ""


UNREADABLE = {"unreadable": 2}


def test_much_that_is_unreadable_is_stated_with_the_value() -> None:
    """The label says so, and no colour calls the value good or bad."""
    beside = number(800.0, Calculation.AVERAGE, current=measured(800.0, 1, unanswered=UNREADABLE))
    large = headline(beside, display(target=500))

    assert (large.text, large.label) == ("800.0", "2 of 3 answers unreadable")
    assert (large.target, large.tone) == ("Target 500.0: reached", Tone.NEUTRAL)
    assert summary(beside, PLAIN).count("2 of 3 answers unreadable") == 1


def test_a_series_and_a_comparison_state_what_is_unreadable() -> None:
    """It is stated beside the overall value, and for either period of a Comparison."""
    current = measured(34.0, 4, unanswered={"unreadable": 1})
    months = series(periods(Period.MONTH, "2026-09", [31.0]), current=current)
    assert headline(months, PLAIN).label == "overall, 1 of 5 answers unreadable"
    assert "1 of 5 answers unreadable" in summary(months, PLAIN)

    before = measured(30.0, 2, unanswered=UNREADABLE)
    compared = headline(comparison(34.0, 30.0, previous=before), PLAIN)
    assert compared.label == "2 of 4 answers unreadable in the previous period"
    assert (compared.change, compared.tone) == ("+4 points", Tone.NEUTRAL)
    nothing = number(None, current=measured(None, 0, unanswered={"unreadable": 1}))
    assert headline(nothing, PLAIN).label == "There are no answers, 1 of 1 answer unreadable"


@pytest.mark.parametrize(
    ("answered", "unreadable", "remark"),
    [
        (100, 0, ""),
        (0, 0, ""),
        (96, 4, ""),
        (95, 5, "5 of 100 answers unreadable"),
        (0, 1, "1 of 1 answer unreadable"),
        (19_000, 1_000, "1,000 of 20,000 answers unreadable"),
    ],
)
def test_from_five_percent_on_unreadable_answers_are_stated(
    answered: int, unreadable: int, remark: str
) -> None:
    """Blank answers and those that are not applicable are no part of the share."""
    reasons = {"unreadable": unreadable, "not_answered": 500}
    result = number(7.0, current=measured(7.0, answered, unanswered=reasons))
    assert unreadable_text(result) == remark
