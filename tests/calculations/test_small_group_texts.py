"""Nothing that is made of a result discloses a hidden number: the same is shown for all of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest

from smaply_metrics_core import charts
from smaply_metrics_core.calculations.filtered_out import add_filtered_out, relaxed_definitions
from smaply_metrics_core.calculations.matrix_rows import combine_rows
from smaply_metrics_core.calculations.response_text import (
    describe_answers,
    describe_responses,
    describe_weights,
)
from smaply_metrics_core.calculations.results import calculate
from smaply_metrics_core.calculations.small_groups import hide_small_groups, too_narrow
from smaply_metrics_core.cli.card_table import show_result
from smaply_metrics_core.host.cards.card_builder import empty_result_problem
from smaply_metrics_core.host.cards.flat_json import result_json
from smaply_metrics_core.host.store.history import PastValue
from smaply_metrics_core.models.metric import Display
from smaply_metrics_core.models.query import Calculation, Filter, MetricQuery, MetricType, Window
from smaply_metrics_core.models.tally import Counts, Weights, WeightSum
from tests.calculations.factories import JANUARY, counts, query, scale, tally_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from smaply_metrics_core.models.query import Definition
    from smaply_metrics_core.models.result import Result, WindowResult
    from smaply_metrics_core.models.tally import Tally

NOW = datetime(2026, 3, 10, 9, tzinfo=UTC)
FIVES = scale(1, 5)
MINIMUM = 5
TINY = (counts({"5": 3}), counts({"1": 4}, blank=2), counts({"2": 1, "4": 1}, blank=30))
"""Answers of few: nobody may learn which of these they are."""
MANY = counts({"5": 40, "2": 20}, blank=7)
BOTH = (JANUARY, Window(name="previous", start=None, end=JANUARY.start))


def shown_of(definition: Definition, result: Result) -> list[object]:
    """Return everything that is made of a result: JSON, texts, tables, charts, a past value."""
    found = hide_small_groups(result, definition, MINIMUM)
    current = result.current
    past = PastValue(
        as_of=result.as_of,
        value=current.value,
        unit=result.unit,
        responses=current.responses,
        answered=current.answered,
        interval=current.interval,
        fewest_respondents=current.fewest_respondents,
    )
    windows = [found.current, *([found.previous] if found.previous else [])]
    describe: tuple[Callable[[WindowResult], str], ...] = (
        describe_answers,
        describe_responses,
        describe_weights,
    )
    texts: tuple[Callable[[Result], str], ...] = (
        charts.answer_count_text,
        charts.low_sample_text,
        charts.unreadable_text,
        charts.ungrouped_text,
        charts.hidden_text,
    )
    display = Display(target=3, latest_as_headline=True)
    return [
        json.loads(found.model_dump_json()),
        json.loads(json.dumps(result_json(found))),
        *(described(window) for described in describe for window in windows),
        *(text(found) for text in texts),
        charts.summary(found, display),
        charts.data_table(found, display),
        charts.headline(found, display),
        charts.vega_lite(found, display),
        empty_result_problem(found),
        past.shown(definition, MINIMUM),
    ]


def weighted(plain: Counts) -> Counts:
    """Return counts in which each response has the weight 1.5."""

    def total(n: int) -> WeightSum:
        return WeightSum(1.5 * n, 2.25 * n)

    weights = Weights(
        responses=total(plain.responses),
        answered=total(plain.answered),
        answers={key: total(n) for key, n in plain.answers.items()},
    )
    return plain.model_copy(update={"weights": weights})


def noted(tally: Tally, number: int) -> Tally:
    """Return a tally with notes that name a number."""
    return tally.model_copy(update={"notes": (f"{number} responses without a date.",)})


@pytest.mark.parametrize("weigh", [False, True])
@pytest.mark.parametrize(
    "calculation",
    [
        Calculation.AVERAGE,
        Calculation.CSAT,
        Calculation.DISTRIBUTION,
        Calculation.MEDIAN,
        Calculation.NPS,
        Calculation.NET_SCORE,
        Calculation.RESPONSES,
        Calculation.SHARE,
        Calculation.SUM,
        Calculation.TOP_BOX,
    ],
)
def test_a_hidden_total_looks_the_same(
    calculation: Calculation, *, weigh: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither the number of answers, which the formula names, nor notes with counts are shown."""
    parts: dict[str, Any] = {
        Calculation.SHARE: {"answers": ("5",)},
        Calculation.NET_SCORE: {"top_answers": ("5",), "bottom_answers": ("1",)},
    }.get(calculation, {})
    asked = query(
        calculation,
        question_id=None if calculation is Calculation.RESPONSES else "Q",
        **parts,
    )
    looks = []
    for number, few in enumerate(TINY):
        if calculation is Calculation.RESPONSES:
            few = counts(blank=number + 1)  # noqa: PLW2901  # All of them are responses.
        tally = tally_of(weighted(few) if weigh else few, choices=FIVES)
        result = calculate(asked, noted(tally, number), NOW)
        looks.append(shown_of(asked.definition, result))
        show_result(hide_small_groups(result, asked.definition, MINIMUM), "UTC")
        looks[-1].append(capsys.readouterr().out)
    assert looks[0] == looks[1] == looks[2]


@pytest.mark.parametrize("calculation", [Calculation.AVERAGE, Calculation.NPS, Calculation.CSAT])
@pytest.mark.parametrize("hide_current", [True, False])
def test_a_hidden_period_of_a_comparison_looks_the_same(
    calculation: Calculation, *, hide_current: bool
) -> None:
    """Neither the change, its interval, p-value and verdict, nor the difference to see disclose it.

    Nor does the formula, which names the answers of the current period.
    """
    asked = query(calculation, windows=BOTH, type=MetricType.COMPARISON)
    looks = []
    for number, few in enumerate(TINY):
        current, previous = (few, MANY) if hide_current else (MANY, few)
        tally = tally_of(current, previous=previous, choices=FIVES)
        result = calculate(asked, noted(tally, number), NOW)
        looks.append(shown_of(asked.definition, result))
    assert looks[0] == looks[1] == looks[2]


def rows(*totals: Counts) -> tuple[MetricQuery, Result]:
    """Return the averages of all rows of a matrix."""
    asked = query(Calculation.AVERAGE, group_by="row")
    names = {f"Q_{place}": f"Row {place}" for place in range(len(totals))}
    tally = combine_rows(names, [tally_of(total, choices=FIVES) for total in totals])
    return asked, calculate(asked, tally, NOW)


def test_a_hidden_row_looks_the_same() -> None:
    """Nothing is subtracted from rows: each is hidden by itself, and the others are shown."""
    looks = []
    for few, lowest in product(TINY, (MANY, counts({"3": 9}))):
        asked, result = rows(MANY, few, lowest)
        found = hide_small_groups(result, asked.definition, MINIMUM)
        assert [group.hidden for group in found.groups] == [False, True, False]
        if lowest is MANY:
            assert charts.answer_count_text(found) == "n = 60 per row"
            looks.append(shown_of(asked.definition, result))
        else:
            assert charts.answer_count_text(found) == "n = 9 to 60 per row"
    assert looks[0] == looks[1] == looks[2]


def test_all_rows_are_hidden_if_the_largest_is() -> None:
    """No row is listed, and the number of answers of the largest one is not shown."""
    looks = []
    for few in TINY:
        asked, result = rows(few, counts({"1": 1}, blank=3))
        assert hide_small_groups(result, asked.definition, MINIMUM).groups == ()
        looks.append(shown_of(asked.definition, result))
    assert looks[0] == looks[1] == looks[2]


def looped(
    calculation: Calculation, answered: int, blank: int, people: int
) -> tuple[MetricQuery, Result]:
    """Return the value over all loops of a question."""
    asked = query(calculation)
    tally = tally_of(counts({"5": answered}, blank=blank), choices=FIVES, pooled=True)
    window = tally.window("current").model_copy(update={"respondents": people})
    return asked, calculate(asked, tally.model_copy(update={"windows": (window,)}), NOW)


@pytest.mark.parametrize(
    ("answered", "blank", "people", "hidden"),
    [
        pytest.param(12, 0, 4, True, id="three loops of four respondents"),
        pytest.param(12, 0, 5, False, id="five respondents"),
        pytest.param(12, 2, 6, True, id="two of the six may have left all of their loops blank"),
        pytest.param(12, 2, 7, False, id="at least five gave an answer"),
        pytest.param(12, 30, 9, True, id="more blanks than respondents"),
    ],
)
def test_respondents_count_where_one_may_have_given_several_answers(
    answered: int, blank: int, people: int, *, hidden: bool
) -> None:
    """Answers of fewer respondents than the minimum are hidden, and with them both numbers."""
    asked, result = looped(Calculation.AVERAGE, answered, blank, people)
    found = hide_small_groups(result, asked.definition, MINIMUM)
    assert found.current.hidden == hidden
    assert found.current.respondents == (None if hidden else people)


def test_groups_of_loops_are_hidden() -> None:
    """The respondents of each group are not known, and few may have given all of its answers."""
    asked, result = looped(Calculation.DISTRIBUTION, 90, 0, 30)
    found = hide_small_groups(result, asked.definition, MINIMUM)
    assert found.groups == ()
    assert (found.current.answered, found.current.respondents) == (0, None)
    assert found.current.reason == "The number of respondents in each group is not known."


def test_values_of_enough_answers_are_complete() -> None:
    """The formula, its number and the notes are shown as they are."""
    asked = query(Calculation.CSAT)
    result = calculate(asked, noted(tally_of(MANY, choices=FIVES), 3), NOW)
    assert result.formula.endswith(", of 60 answers")
    assert hide_small_groups(result, asked.definition, MINIMUM) == result


@pytest.mark.parametrize(
    ("removed", "narrow"),
    [((50, 4), True), ((4, 50), True), ((50, 0), False), ((0, 0), False), ((50, 5), False)],
)
def test_filters_must_keep_and_remove_enough_of_each_row(
    removed: tuple[int, int], *, narrow: bool
) -> None:
    """The difference of a row with and without the filter would describe these few."""
    plain, result = rows(MANY, counts({"4": 30}))
    where = (Filter(kind="field", of="region", values=("North",)),)
    filtered = plain.definition.model_copy(update={"filters": where})
    (relaxed,) = relaxed_definitions(filtered)
    assert (relaxed.type, relaxed.group_by) == (MetricType.SERIES, plain.definition.group_by)
    without = combine_rows(
        {"Q_0": "Row 0", "Q_1": "Row 1"},
        [tally_of(counts({"4": kept + n})) for kept, n in zip((60, 30), removed, strict=True)],
    )
    found = add_filtered_out(result, filtered, [without])
    assert too_narrow(found, filtered, MINIMUM) == narrow


@pytest.mark.parametrize(("people", "narrow"), [(34, True), (35, False), (30, True)])
def test_filters_must_remove_enough_respondents(people: int, *, narrow: bool) -> None:
    """Three loops of four respondents are 12 removed answers of too few."""
    plain, result = looped(Calculation.AVERAGE, 90, 0, 30)
    where = (Filter(kind="field", of="region", values=("North",)),)
    filtered = plain.definition.model_copy(update={"filters": where})
    without = tally_of(counts({"5": 102}), choices=FIVES, pooled=True)
    window = without.window("current").model_copy(update={"respondents": people})
    without = without.model_copy(update={"windows": (window,)})
    found = add_filtered_out(result, filtered, [without])
    assert too_narrow(found, filtered, MINIMUM) == narrow


def test_what_filters_remove_is_counted_without_calculation_and_rolling_windows() -> None:
    """So that metrics with the same filters share one query."""
    where = (Filter(kind="field", of="region", values=("North",)),)
    net: dict[str, Any] = {"top_answers": ("5",), "bottom_answers": ("1",)}
    definitions = [
        query(Calculation.NET_SCORE, filters=where, **net).definition,
        query(Calculation.NPS, filters=where, group_by="period:month", rolling=3).definition,
        query(Calculation.AVERAGE, filters=where).definition,
    ]
    (relaxed,) = {one for each in definitions for one in relaxed_definitions(each)}
    assert relaxed == query(Calculation.ANSWERED).definition


def test_past_values_of_few_respondents_are_hidden() -> None:
    """The stored number of respondents decides, as for the current value."""
    asked, result = looped(Calculation.AVERAGE, 12, 0, 4)
    past = PastValue(
        as_of=NOW,
        value=5,
        unit=result.unit,
        responses=12,
        answered=12,
        fewest_respondents=result.current.fewest_respondents,
    )
    assert past.shown(asked.definition, MINIMUM).hidden
    assert not past.shown(asked.definition, 4).hidden
    assert "fewest_respondents" not in past.shown(asked.definition, 4).model_dump()
