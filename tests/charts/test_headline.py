"""What cards say, by example."""

from __future__ import annotations

import pytest

from smaply_metrics_core.charts import (
    Direction,
    Tone,
    answer_count_text,
    headline,
    low_sample_text,
    ungrouped_text,
)
from smaply_metrics_core.models.query import Calculation, Period
from smaply_metrics_core.models.result import Change
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

DASH = "\N{EN DASH}"
SUMMER = f"1 Jun {DASH} 25 Aug 2026"


def test_a_number_is_said_with_prefix_and_suffix() -> None:
    """Values have their separators of thousands, and what the display puts around them."""
    large = number(1234567.0, Calculation.RESPONSES)

    assert headline(large, PLAIN).text == "1,234,567"
    assert headline(large, display(prefix="~", suffix=" Rückmeldungen")).text == (
        "~1,234,567 Rückmeldungen"
    )
    assert headline(number(57.4), PLAIN).text == "57%"
    assert headline(number(-12.0, Calculation.NPS), PLAIN).text == "-12"


def test_a_number_without_a_value_says_why() -> None:
    """Nothing is put around a dash, and the reason stands below."""
    said = headline(number(None), display(prefix="€ ", target=5))

    assert (said.text, said.label, said.target) == ("—", "Nobody answered.", "Target € 5%")
    assert said.tone is Tone.NEUTRAL


def test_a_series_shows_all_together_or_the_latest() -> None:
    """The latest period with a value is the headline where the display asks for it."""
    months = series(periods(Period.MONTH, "2026-09", [31.0, 38.0, None], running=True), value=34.0)
    latest = display(latest_as_headline=True)

    assert (headline(months, PLAIN).text, headline(months, PLAIN).label) == ("34%", "all together")
    assert (headline(months, latest).text, headline(months, latest).label) == ("38%", "Oct 2026")


def test_the_latest_period_says_what_to_be_careful_with() -> None:
    """A period that is running, cut, or rests on few answers says so."""
    months = series(periods(Period.MONTH, "2026-10", [31.0, 38.0], running=True, answered=4))
    cut = series(periods(Period.MONTH, "2026-10", [31.0, 38.0], edge=True))
    latest = display(latest_as_headline=True)

    assert headline(months, latest).label == "Nov 2026, still running, fewer than 30 answers"
    assert headline(cut, latest).label == "Nov 2026, cut by the dates"


def test_groups_that_are_no_periods_have_no_latest() -> None:
    """Answers have no order in time, so all together stay the headline."""
    shops = series([group("North", 40.0), group("South", 60.0)], value=50.0)

    assert headline(shops, display(latest_as_headline=True)).text == "50%"


def test_a_distribution_has_no_headline() -> None:
    """One number would say nothing of how answers are spread."""
    assert headline(distribution({"Yes": 60, "No": 40}), PLAIN).text == ""


@pytest.mark.parametrize(
    ("calculation", "now", "before", "change", "against"),
    [
        (Calculation.SHARE, 42.2, 38.0, "+4.2 points", "38%"),
        (Calculation.NPS, -12.0, 20.0, "-32 points", "20"),
        (Calculation.RESPONSES, 1280.0, 1455.0, "-12%", "1,455"),
        (Calculation.AVERAGE, 4.1, 4.0, "+2.5%", "4.0"),
        (Calculation.SHARE, 42.04, 42.0, "unchanged", "42%"),
        (Calculation.RESPONSES, 25000.0, 10.0, "+249,900%", "10"),
    ],
)
def test_a_change_is_said_with_what_it_is_against(
    calculation: Calculation, now: float, before: float, change: str, against: str
) -> None:
    """Points for percents and NPS, percent else; the sign is a real minus."""
    said = headline(comparison(now, before, calculation), PLAIN)

    assert (said.change, said.against) == (change, f"against {against} ({SUMMER})")


def test_a_change_from_nothing_is_a_difference() -> None:
    """Of 0 there is no percent, so the difference itself is said."""
    said = headline(comparison(40.0, 0.0, Calculation.RESPONSES), PLAIN)

    assert (said.change, said.direction) == ("+40", Direction.UP)


def test_an_unknown_change_has_its_reason() -> None:
    """Without a value before there is no change, no tone, and the reason why."""
    said = headline(comparison(40.0, None), PLAIN)

    assert (said.text, said.change, said.tone) == ("40%", "", Tone.NEUTRAL)
    assert said.against == "No previous value: Nobody answered."
    assert said.direction is Direction.UNKNOWN


@pytest.mark.parametrize(
    ("now", "reverse", "direction", "tone"),
    [
        (42.0, False, Direction.UP, Tone.GOOD),
        (42.0, True, Direction.UP, Tone.BAD),
        (32.0, False, Direction.DOWN, Tone.BAD),
        (32.0, True, Direction.DOWN, Tone.GOOD),
        (38.01, True, Direction.SAME, Tone.NEUTRAL),
    ],
)
def test_up_is_good_unless_colours_are_reversed(
    now: float,
    reverse: bool,  # noqa: FBT001  # One of the cases.
    direction: Direction,
    tone: Tone,
) -> None:
    """The tone follows the direction; what rounds to no change is neither good nor bad."""
    said = headline(comparison(now, 38.0), display(reverse_colors=reverse))

    assert (said.direction, said.tone) == (direction, tone)


@pytest.mark.parametrize(
    ("value", "target", "reverse", "said", "tone"),
    [
        (57.0, 50, False, "Target 50%: reached", Tone.GOOD),
        (49.6, 50, False, "Target 50%: reached", Tone.GOOD),
        (49.4, 50, False, "Target 50%: missed", Tone.BAD),
        (12.0, 10, True, "Target 10%: missed", Tone.BAD),
        (8.0, 10, True, "Target 10%: reached", Tone.GOOD),
        (50.0, 49.5, False, "Target 49.5%: reached", Tone.GOOD),
    ],
)
def test_a_target_is_reached_or_missed_as_shown(
    value: float,
    target: float,
    reverse: bool,  # noqa: FBT001  # One of the cases.
    said: str,
    tone: Tone,
) -> None:
    """It is judged by the value as shown, and said with all of its decimals."""
    large = headline(number(value), display(target=target, reverse_colors=reverse))

    assert (large.target, large.tone) == (said, tone)


def test_who_stands_behind_a_value() -> None:
    """The number of answers, few answers, and responses in no group are said."""
    few = series([group("North", 40.0, 12), group("South", 60.0, 900)], ungrouped=1)
    before = comparison(40.0, 38.0).model_copy(
        update={"previous": measured(38.0, 12), "change": Change(difference=2.0)}
    )

    assert answer_count_text(number(4.0, answered=1204)) == "n = 1,204"
    assert low_sample_text(number(4.0, answered=29)) == "fewer than 30 answers"
    assert low_sample_text(number(4.0, answered=30)) == ""
    assert low_sample_text(few) == "1 group has fewer than 30 answers"
    assert low_sample_text(before) == "fewer than 30 answers before"
    assert ungrouped_text(few) == "1 response in no group"
    assert ungrouped_text(number(4.0)) == ""
