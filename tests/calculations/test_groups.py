"""The groups of a Series: answers, questions or fields, and calendar periods."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from smaply_metrics_core.calculations.results import calculate
from smaply_metrics_core.date_ranges import make_query
from smaply_metrics_core.errors import GroupingRefused, PluginError
from smaply_metrics_core.models.query import Calculation, DateRange, Window
from smaply_metrics_core.models.survey import Choice
from smaply_metrics_core.models.tally import Counts
from tests.calculations.factories import (
    NOT_APPLICABLE,
    choices,
    counts,
    instant,
    query,
    scale,
    tally_of,
)

if TYPE_CHECKING:
    from smaply_metrics_core.models.result import Result

NOW = datetime(2026, 3, 10, 9, tzinfo=UTC)
MONTHS = {"2025-11": counts({"5": 40}), "2026-02": counts({"3": 1}, blank=1)}


def test_a_distribution_shows_every_answer() -> None:
    """Choices are in order, with 0 if not chosen; unknown answers follow."""
    result = calculate(
        query(Calculation.DISTRIBUTION),
        tally_of(
            counts({"2": 3, "10": 1, "7": 2, "x": 2}, blank=4),
            choices=scale(1, 3, NOT_APPLICABLE),
        ),
        NOW,
    )

    assert [(g.key, g.label, g.answered, g.value) for g in result.groups] == [
        ("1", "Answer 1", 0, 0),
        ("2", "Answer 2", 3, 37.5),
        ("3", "Answer 3", 0, 0),
        ("7", "7", 2, 25),
        ("10", "10", 1, 12.5),
        ("x", "x", 2, 25),
    ]
    assert result.current.value is None
    assert "one value per answer" in result.current.reason
    assert str(result.group_by) == "answer"


def test_an_unknown_answer_is_not_mistaken_for_a_choice() -> None:
    """A key that is the label of another answer is completed, and no two labels are equal."""
    offered = (Choice(key="6", label="5", value=5), Choice(key="7", label="6", value=6))
    result = calculate(
        query(Calculation.DISTRIBUTION),
        tally_of(counts({"6": 1, "5": 2, "9": 1}), choices=offered),
        NOW,
    )
    assert [group.label for group in result.groups] == ["5", "6", "5 (no longer offered)", "9"]


def test_percents_of_several_answers_are_of_respondents() -> None:
    """With several answers per response, each percentage is of the responses with an answer."""
    total = Counts(responses=4, answered=4, answers={"chat": 4, "phone": 3})
    result = calculate(
        query(Calculation.DISTRIBUTION),
        tally_of(total, multiple=True, choices=choices("Chat", "Phone")),
        NOW,
    )

    assert [group.value for group in result.groups] == [100, 75]


@pytest.mark.parametrize(
    ("calculation", "overall", "values"),
    [("responses", 9, [2, 6]), ("answered", 8, [2, 6]), ("share", None, [25, 75])],
)
def test_counts_and_shares_can_be_grouped_by_the_answer(
    calculation: str, overall: float | None, values: list[float]
) -> None:
    """Grouped by answer, counts are numbers and a share is a percentage."""
    result = calculate(
        query(Calculation(calculation), group_by="answer"),
        tally_of(counts({"web": 2, "shop": 6}, blank=1), choices=choices("Web", "Shop")),
        NOW,
    )

    assert result.current.value == overall
    assert [group.value for group in result.groups] == values


def test_a_share_by_answer_can_be_narrowed() -> None:
    """A share of selected answers grouped by answer shows only these."""
    result = calculate(
        query(Calculation.SHARE, group_by="answer", answers=("web",)),
        tally_of(counts({"web": 2, "shop": 6}), choices=choices("Web", "Shop")),
        NOW,
    )

    assert [(group.key, group.value) for group in result.groups] == [("web", 25)]
    assert result.current.value == 25


def test_groups_by_answer_have_no_percent_of_nobody() -> None:
    """Without answers, each choice has 0 answers and no percentage."""
    result = calculate(
        query(Calculation.DISTRIBUTION), tally_of(counts(blank=2), choices=choices("Web")), NOW
    )

    assert [(group.answered, group.value) for group in result.groups] == [(0, None)]


def test_each_group_has_its_own_number() -> None:
    """The value of a group and its low-sample mark depend on its own answers."""
    groups = {"north": counts({"5": 30}), "south": counts({"1": 10}), "west": counts(blank=2)}
    total = counts({"5": 30, "1": 10}, blank=2)
    result = calculate(
        query(Calculation.AVERAGE, group_by="field:region"),
        tally_of(total, groups=groups, choices=scale(1, 5)),
        NOW,
    )

    assert result.current.value == 4
    assert [(g.key, g.value, g.responses, g.low_sample) for g in result.groups] == [
        ("north", 5, 30, False),
        ("south", 1, 10, True),
        ("west", None, 2, True),
    ]


def test_months_without_responses_are_shown() -> None:
    """No month between the first and the last is missing; empty ones have no average."""
    result = calculate(
        query(Calculation.AVERAGE, group_by="period:month"),
        tally_of(counts({"5": 40, "3": 1}, blank=1), groups=MONTHS),
        NOW,
    )

    assert [(g.key, g.label, g.value, g.responses) for g in result.groups] == [
        ("2025-11", "2025-11", 5, 40),
        ("2025-12", "Dec 2025", None, 0),
        ("2026-01", "Jan 2026", None, 0),
        ("2026-02", "2026-02", 3, 2),
    ]
    assert [group.low_sample for group in result.groups] == [False, True, True, True]


def test_months_without_responses_count_zero() -> None:
    """The count of an empty period is 0."""
    result = calculate(
        query(Calculation.RESPONSES, group_by="period:month"),
        tally_of(counts({"5": 40, "3": 1}, blank=1), groups=MONTHS),
        NOW,
    )

    assert [group.value for group in result.groups] == [40, 0, 0, 2]


def dates(start: str, end: str) -> DateRange:
    """Return a range of dates."""
    return DateRange.model_validate({"preset": "custom", "start": start, "end": end})


def by_day(window: Window, *, now: datetime = NOW, **days: Counts) -> Result:
    """Return the groups of counts by day; days are written as ``_2026_03_01``."""
    groups = {day[1:].replace("_", "-"): group for day, group in days.items()}
    return calculate(
        query(Calculation.RESPONSES, group_by="period:day", windows=[window], zone="Asia/Tokyo"),
        tally_of(counts(), groups=groups),
        now,
    )


def test_a_range_shows_all_its_days() -> None:
    """A range shows each of its days, with or without responses."""
    result = by_day(
        # From 3 March 0:00 to 6 March 0:00 in Tokyo: the end is not in it.
        Window(start=instant("2026-03-02T15:00"), end=instant("2026-03-05T15:00")),
        _2026_03_04=counts({"1": 2}),
    )

    assert [(g.key, g.value) for g in result.groups] == [
        ("2026-03-03", 0),
        ("2026-03-04", 2),
        ("2026-03-05", 0),
    ]


def test_nothing_is_shown_of_the_future() -> None:
    """A range that ends in the future shows periods up to now."""
    result = by_day(
        Window(start=instant("2026-03-08T15:00"), end=instant("2027-01-01T00:00")), now=NOW
    )

    assert [group.key for group in result.groups] == ["2026-03-09", "2026-03-10"]


def test_a_range_that_has_not_begun_shows_nothing() -> None:
    """A range in the future has no periods yet."""
    window = Window(start=instant("2026-12-01T00:00"), end=instant("2027-01-01T00:00"))

    assert by_day(window, now=NOW).groups == ()


def test_no_responses_at_all_have_no_periods() -> None:
    """All time without responses shows no period."""
    assert by_day(Window(), now=NOW).groups == ()


def test_the_running_period_is_marked() -> None:
    """The current period in the account's time zone is marked as running."""
    result = by_day(
        Window(),
        # Already 10 March in Tokyo.
        now=instant("2026-03-09T16:00"),
        _2026_03_09=counts({"1": 2}),
        _2026_03_10=counts({"1": 1}),
    )

    assert [(g.key, g.running) for g in result.groups] == [
        ("2026-03-09", False),
        ("2026-03-10", True),
    ]


@pytest.mark.parametrize(
    ("named", "marks"),
    [
        # (running, edge) of each month; now is 10 March.
        (DateRange(preset="last_28_days"), [(False, True), (True, False)]),
        (DateRange(preset="this_quarter"), [(False, False), (False, False), (True, False)]),
        (DateRange(preset="last_month"), [(False, False)]),
        (DateRange(preset="last_week"), [(True, True)]),
        (dates("2026-01-15", "2026-02-01"), [(False, True)]),
        (dates("2026-01-01", "2026-01-20"), [(False, True)]),
        # Ends on a day to come, so nothing that was recorded is cut off.
        (dates("2026-03-01", "2026-03-20"), [(True, False)]),
    ],
)
def test_periods_that_the_range_cuts_are_marked(
    named: DateRange, marks: list[tuple[bool, bool]]
) -> None:
    """A month that the range cuts is marked, unless the rest is in the future."""
    definition = query(Calculation.RESPONSES, group_by="period:month", range=named).definition
    asked = make_query("1", definition, now=NOW, zone="Europe/Vienna")

    # The source took a while, so now has moved on a little.
    result = calculate(asked, tally_of(counts()), NOW.replace(minute=5))

    assert [(group.running, group.edge) for group in result.groups] == marks


def test_a_period_that_is_none_is_the_sources_fault() -> None:
    """A group whose key is not a month is the plugin's error."""
    with pytest.raises(PluginError, match="not a month"):
        calculate(
            query(Calculation.RESPONSES, group_by="period:month"),
            tally_of(counts(), groups={"March": counts()}),
            NOW,
        )


def test_too_many_periods_are_refused() -> None:
    """Ten years by day are accepted, twenty are refused."""
    ten, twenty = (Window(start=instant(f"{year}-01-01T00:00"), end=NOW) for year in (2016, 2006))

    assert len(by_day(ten).groups) > 3650
    with pytest.raises(GroupingRefused) as caught:
        by_day(twenty)
    assert "longer period" in caught.value.remedy
