"""Small groups are hidden, and nothing that is shown discloses them."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest

from smaply_metrics_core.calculations.filtered_out import add_filtered_out, relaxed_definitions
from smaply_metrics_core.calculations.results import calculate
from smaply_metrics_core.calculations.small_groups import (
    hidden_cells,
    hide_small_groups,
    refusal,
    too_narrow,
)
from smaply_metrics_core.models.query import (
    Calculation,
    Definition,
    Filter,
    MetricQuery,
    MetricType,
    Window,
)
from smaply_metrics_core.models.result import Result
from smaply_metrics_core.models.tally import GroupCounts, Tally, WindowTally
from smaply_metrics_core.models.uncertainty import Verdict
from tests.calculations.factories import JANUARY, counts, query, scale, tally_of

if TYPE_CHECKING:
    from collections.abc import Mapping

NOW = datetime(2026, 3, 10, 9, tzinfo=UTC)
FIVES = scale(1, 5)
ONE_FILTER = (Filter(kind="field", of="region", values=("North",)),)


def series(
    sizes: Mapping[str, int | tuple[int, int]],
    *,
    ungrouped: int | tuple[int, int] = 0,
    group_by: str = "question:R",
) -> tuple[MetricQuery, Result]:
    """Return the average of groups in which everybody answers 5.

    A size is a number of answers, or a pair of it and of the number of other responses.
    """
    asked = query(Calculation.AVERAGE, group_by=group_by)
    every = [(n, 0) if isinstance(n, int) else n for n in (*sizes.values(), ungrouped)]
    all_answered, all_blank = (sum(one[place] for one in every) for place in (0, 1))
    tally = Tally(
        windows=(
            WindowTally(
                total=counts({"5": all_answered}, blank=all_blank),
                groups=tuple(
                    GroupCounts(key=key, label=key, counts=counts({"5": answered}, blank=blank))
                    for key, (answered, blank) in zip(sizes, every, strict=False)
                ),
                ungrouped=sum(every[-1]),
            ),
        ),
        choices=FIVES,
        as_of=NOW,
    )
    return asked, calculate(asked, tally, NOW)


def shown(sizes: dict[str, int], minimum: int, **parts: Any) -> dict[str, int | None]:  # noqa: ANN401
    """Return the numbers of answers that are shown, ``None`` for hidden ones."""
    asked, result = series(sizes, **parts)
    found = hide_small_groups(result, asked.definition, minimum)
    listed: dict[str, int | None] = {
        group.key: None if group.hidden else group.answered for group in found.groups
    }
    listed["none"] = None if found.ungrouped_hidden else found.ungrouped
    listed["all"] = None if found.current.hidden else found.current.answered
    return listed


@pytest.mark.parametrize(
    ("sizes", "ungrouped", "expected"),
    [
        pytest.param(
            {"a": 1, "b": 2, "c": 9, "d": 8},
            0,
            {"a": None, "b": None, "c": 9, "d": None, "none": 0, "all": 20},
            id="two hidden groups of 1 and 2 would disclose 3",
        ),
        pytest.param(
            {"a": 3, "b": 4, "c": 9},
            0,
            {"a": None, "b": None, "c": 9, "none": 0, "all": 16},
            id="the hidden groups hold enough",
        ),
        pytest.param(
            {"a": 4, "b": 9, "c": 9},
            0,
            {"a": None, "b": None, "c": None, "none": 0, "all": 22},
            id="groups of one size are hidden together",
        ),
        pytest.param(
            {"a": 4, "b": 4, "c": 9},
            0,
            {"a": None, "b": None, "c": None, "none": 0, "all": 17},
            id="two equal groups would disclose each other",
        ),
        pytest.param(
            {"a": 2, "b": 9},
            6,
            {"a": None, "b": 9, "none": None, "all": 17},
            id="no group is a group",
        ),
        pytest.param(
            {"a": 7, "b": 9},
            2,
            {"a": None, "b": 9, "none": None, "all": 18},
            id="too few in no group",
        ),
        pytest.param(
            {"a": 0, "b": 9},
            0,
            {"a": 0, "b": 9, "none": 0, "all": 9},
            id="an empty group has nobody to protect",
        ),
        pytest.param(
            {"a": 0, "b": 1, "c": 1, "d": 1, "e": 1, "f": 1},
            0,
            dict.fromkeys("abcdef") | {"none": 0, "all": 5},
            id="equal groups hide the empty one",
        ),
        pytest.param(
            {"a": 1, "b": 1, "c": 1, "d": 1, "e": 1},
            0,
            {"none": None, "all": None},
            id="equal groups hide the total",
        ),
        pytest.param({"a": 1, "b": 3}, 0, {"none": None, "all": None}, id="too few in total"),
    ],
)
def test_the_rule(sizes: dict[str, int], ungrouped: int, expected: dict[str, int | None]) -> None:
    """Groups below 5 are hidden, and more, smallest first, until they hold 5 answers.

    Without a total, the groups are not listed either: each has at least one response.
    """
    assert shown(sizes, 5, ungrouped=ungrouped) == expected


@pytest.mark.parametrize("minimum", [3, 4])
@pytest.mark.parametrize("cells", [1, 2, 3, 4])
def test_no_hidden_count_can_be_derived(minimum: int, cells: int) -> None:
    """Whoever knows the rule finds at least two counts for each hidden group.

    Every combination of small groups is tried, and those that look the same are compared.
    """
    looks: dict[tuple[object, ...], list[tuple[int, ...]]] = defaultdict(list)
    names = "abcd"[:cells]
    for sizes in product(range(minimum + 4), repeat=cells):
        named = dict(zip(names, sizes, strict=True))
        some = {name: size for name, size in named.items() if size}
        hidden = hidden_cells(some, [name for name in names if name not in some], minimum)
        total = sum(sizes)
        if hidden is None or total < minimum:
            continue  # Nothing is shown.
        seen = (None if name in hidden else size for name, size in named.items())
        looks[total, *seen].append(sizes)
    assert any(None in look for look in looks) == (cells > 1)
    for look, possible in looks.items():
        for place, size in enumerate(look[1:]):
            assert size is not None or len({sizes[place] for sizes in possible}) > 1, look


@pytest.mark.parametrize(
    "most", [4, pytest.param(5, marks=pytest.mark.deep(reason="1 s: 1,728 results, not 1,000"))]
)
def test_no_hidden_count_can_be_derived_from_a_result(most: int) -> None:
    """Neither answers nor responses: not from the order, those in no group, nor any other part."""
    looks: dict[str, list[dict[str, tuple[int, int]]]] = defaultdict(list)
    possible_sizes = list(product(range(most + 1), range(2)))
    for sizes in product(possible_sizes, repeat=3):
        named = dict(zip(("a", "b", "none"), sizes, strict=True))
        groups = [(name, named[name]) for name in ("a", "b") if any(named[name])]
        # A source may order the groups of a field by size.
        ordered = dict(sorted(groups, key=lambda group: -sum(group[1])))
        asked, result = series(ordered, ungrouped=named["none"], group_by="field:region")
        found = hide_small_groups(result, asked.definition, 3)
        looks[found.model_dump_json()].append(named)
    hiding = 0
    for look, possible in looks.items():
        found = Result.model_validate_json(look)
        hidden = [group.key for group in found.groups if group.hidden]
        hidden += ["none"] if found.ungrouped_hidden and found.groups else []
        hiding += bool(hidden)
        for name in hidden:
            assert len({sizes[name][0] for sizes in possible}) > 1, look
            assert len({sum(sizes[name]) for sizes in possible}) > 1, look
    assert hiding


def test_a_hidden_group_has_no_numbers() -> None:
    """No value, count, interval nor effective n; the reason is the same for all hidden groups."""
    asked, result = series({"a": 4, "b": 9, "c": 30})
    _, small, next_larger = hide_small_groups(result, asked.definition, 5).groups
    assert small.model_dump(exclude={"key", "label"}) == {
        "value": None,
        "responses": 0,
        "answered": 0,
        "low_sample": False,
        "running": False,
        "edge": False,
        "effective_n": None,
        "interval": None,
        "interval_reason": "no_value",
        "interval_reason_text": "There is no value.",
        "question_changed": False,
        "hidden": True,
        "reason": "fewer than 5 answers, or hidden to protect another group",
        "previous": None,
        "change": None,
        "parts": (),
        "entered": None,
    }
    assert next_larger.model_copy(update={"key": "a", "label": "a"}) == small


def test_nothing_is_hidden_without_a_minimum() -> None:
    """By default, accounts show all groups."""
    asked, result = series({"a": 1})
    assert hide_small_groups(result, asked.definition, 0) is result


def test_answers_are_groups_of_respondents() -> None:
    """A distribution hides the answers of few, as a question that groups would be hidden."""
    asked = query(Calculation.DISTRIBUTION)
    tally = tally_of(counts({"1": 2, "2": 20, "3": 9, "5": 30}), choices=FIVES)
    found = hide_small_groups(calculate(asked, tally, NOW), asked.definition, 5)
    assert [group.value is None for group in found.groups] == [True, False, True, False, False]
    assert (found.groups[3].answered, found.current.answered) == (0, 61)


def test_selected_answers_of_a_share_do_not_hide_behind_the_others() -> None:
    """The overall share discloses how many selected them, so their total must be large, too."""
    asked = query(Calculation.SHARE, group_by="answer", answers=("1", "2"))
    tally = tally_of(counts({"1": 1, "2": 2, "3": 90}), choices=FIVES)
    found = hide_small_groups(calculate(asked, tally, NOW), asked.definition, 5)
    assert found.current.hidden
    assert found.current.value is None


def test_a_change_of_a_hidden_period_is_not_shown() -> None:
    """Periods are groups of a Series; two periods of a Comparison are windows."""
    asked = query(Calculation.AVERAGE, group_by="period:month")
    months = {"2025-11": 40, "2025-12": 30, "2026-01": 2, "2026-02": 50}
    tally = tally_of(
        counts({"4": 20, "5": 102}),
        groups={key: counts({"5": n - 1, "4": 1}) for key, n in months.items()},
        choices=FIVES,
    )
    result = calculate(asked, tally, NOW)
    assert result.period_change is not None
    found = hide_small_groups(result, asked.definition, 5)
    assert found.period_change is None
    hidden = {group.key for group in found.groups if group.hidden}
    assert hidden == {"2025-12", "2026-01"}


@pytest.mark.parametrize(("now", "before"), [(30, 2), (2, 30), (2, 2), (30, 30), (0, 30)])
def test_each_window_of_a_comparison_is_hidden_if_it_is_small(now: int, before: int) -> None:
    """Without one of them there is no change; a window without responses is shown as empty."""
    windows = (JANUARY, Window(name="previous", start=None, end=JANUARY.start))
    asked = query(Calculation.AVERAGE, windows=windows, type=MetricType.COMPARISON)
    tally = tally_of(counts({"5": now}), previous=counts({"4": before}), choices=FIVES)
    result = calculate(asked, tally, NOW)
    found = hide_small_groups(result, asked.definition, 5)
    assert found.previous is not None
    assert found.change is not None
    assert (found.current.hidden, found.previous.hidden) == (now == 2, before == 2)
    if 2 in {now, before}:
        assert found.change.difference is None
        assert found.change.verdict is Verdict.NOT_JUDGED
        assert "fewer than 5 answers" in found.change.reason
    else:
        assert found == result


def test_responses_without_a_question_are_the_answers() -> None:
    """A metric without a question has no answers; its responses are counted."""
    asked = query(question_id=None)
    for n, hidden in ((4, True), (5, False), (0, False)):
        result = calculate(asked, tally_of(counts(blank=n)), NOW)
        found = hide_small_groups(result, asked.definition, 5)
        assert found.current.hidden is hidden
        assert found.current.recorded == (0 if hidden else n)


def filtered(kept: int, removed: int) -> tuple[Definition, Result]:
    """Return a result whose filter keeps and removes these numbers of answers."""
    asked = query(Calculation.AVERAGE, filters=ONE_FILTER)
    result = calculate(asked, tally_of(counts({"5": kept}), choices=FIVES), NOW)
    without = tally_of(counts({"5": kept + removed}), choices=FIVES)
    return asked.definition, add_filtered_out(result, asked.definition, [without])


@pytest.mark.parametrize(
    ("kept", "removed", "narrow"),
    [(5, 5, 0), (4, 50, 1), (50, 4, 1), (50, 0, 0), (0, 50, 0), (50, 1, 1)],
)
def test_a_filter_that_keeps_or_removes_few_is_refused(
    kept: int, removed: int, narrow: int
) -> None:
    """The message does not disclose which part is small; a filter without effect is allowed."""
    definition, result = filtered(kept, removed)
    assert too_narrow(result, definition, 5) == bool(narrow)
    found = hide_small_groups(result, definition, 5)
    assert found.current.hidden == bool(narrow)
    assert found.current.filtered_out == (None if narrow else removed)
    if narrow:
        assert found.current.reason == str(refusal(5))


def test_a_filter_whose_removed_part_is_unknown_is_refused() -> None:
    """A result from before the account had a minimum is not shown."""
    asked = query(Calculation.AVERAGE, filters=ONE_FILTER)
    result = calculate(asked, tally_of(counts({"5": 90}), choices=FIVES), NOW)
    assert too_narrow(result, asked.definition, 5)
    assert not too_narrow(result, asked.definition, 0)


def test_each_of_several_filters_must_remove_enough() -> None:
    """A metric without one of the filters would otherwise differ by a few respondents."""
    more = Filter(kind="question", of="Q2", values=("1",), exclude=True)
    asked = query(Calculation.DISTRIBUTION, group_by="answer", filters=(*ONE_FILTER, more))
    relaxed = list(relaxed_definitions(asked.definition))
    assert [one.filters for one in relaxed] == [(), (more,), ONE_FILTER]
    assert {(one.type, one.calculation, one.group_by) for one in relaxed} == {
        (MetricType.NUMBER, Calculation.ANSWERED, None)
    }
    result = calculate(asked, tally_of(counts({"5": 50}), choices=FIVES), NOW)
    tallies = [tally_of(counts({"5": n}), choices=FIVES) for n in (70, 66, 54)]
    found = add_filtered_out(result, asked.definition, tallies)
    assert found.current.filtered_out == 4
    assert list(relaxed_definitions(query().definition)) == []
