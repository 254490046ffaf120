"""Rolling windows of a Series with small periods: their differences disclose no period."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from itertools import product

import pytest

from smaply_metrics_core.calculations.results import calculate
from smaply_metrics_core.calculations.small_groups import hide_small_groups
from smaply_metrics_core.models.query import Calculation, MetricQuery, Window
from smaply_metrics_core.models.result import Result
from tests.calculations.factories import counts, instant, query, scale, tally_of

NOW = datetime(2026, 9, 10, 9, tzinfo=UTC)


def rolling(
    sizes: tuple[int, ...], length: int | None, undated: int = 0
) -> tuple[MetricQuery, Result]:
    """Return the averages of months in which everybody answers 5, from January on."""
    window = Window(start=instant("2026-01-01"), end=instant(f"2026-{len(sizes) + 1:02}-01"))
    asked = query(Calculation.AVERAGE, group_by="period:month", windows=(window,), rolling=length)
    months = {f"2026-{place:02}": size for place, size in enumerate(sizes, 1) if size}
    tally = tally_of(
        counts({"5": sum(sizes) + undated}),
        groups={month: counts({"5": size}) for month, size in months.items()},
        choices=scale(1, 5),
    )
    if undated:
        window_tally = tally.window("current").model_copy(update={"ungrouped": undated})
        tally = tally.model_copy(update={"windows": (window_tally,)})
    return asked, calculate(asked, tally, NOW)


def shown(sizes: tuple[int, ...], length: int | None, undated: int = 0) -> list[int | None]:
    """Return the numbers of answers of the windows, ``None`` for hidden ones."""
    asked, result = rolling(sizes, length, undated)
    found = hide_small_groups(result, asked.definition, 5)
    return [None if group.hidden else group.answered for group in found.groups]


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ((10, 20, 30, 40), [10, 30, 50, 70]),
        # 2 of March, and 9 of May: the total would disclose it. Windows have two months.
        ((20, 30, 2, 40, 9, 50, 60), [20, 50, None, None, None, None, 110]),
        # A month without responses has nobody to protect.
        ((10, 0, 30, 0, 0, 40), [10, 10, 30, 30, 0, 40]),
        # Large windows, but January and February differ by 2.
        ((50, 2, 60, 70), [None, None, None, 130]),
    ],
)
def test_windows_with_a_hidden_period_are_hidden(
    sizes: tuple[int, ...], expected: list[int | None]
) -> None:
    """The periods are hidden as those of a plain Series, and each window that contains one."""
    assert shown(sizes, 2) == expected


def test_a_change_from_a_hidden_window_is_not_shown() -> None:
    """The last two full windows differ by a small period."""
    asked, result = rolling((20, 30, 40, 2), 2)
    assert result.period_change is not None
    assert hide_small_groups(result, asked.definition, 5).period_change is None


def test_windows_that_contradict_each_other_are_hidden() -> None:
    """The counts of periods cannot be negative; a stored result of something else is not shown."""
    asked, result = rolling((20, 30, 40), 2)
    first = result.groups[0].model_copy(update={"answered": 90, "responses": 90})
    broken = result.model_copy(update={"groups": (first, *result.groups[1:])})
    found = hide_small_groups(broken, asked.definition, 5)
    assert found.current.hidden
    assert found.groups == ()


MORE = pytest.mark.deep(reason="2 s: 1,296 results instead of 625")


@pytest.mark.parametrize(
    ("length", "most"), [(2, 4), pytest.param(2, 5, marks=MORE), pytest.param(3, 5, marks=MORE)]
)
def test_no_small_period_can_be_derived(length: int, most: int) -> None:
    """Every combination of small periods is tried, and those that look the same are compared.

    For each period of few answers at least two numbers are possible, also for a reader who knows
    the rule. The total, every window and the responses in no period are known.
    """
    minimum = 3
    looks: dict[str, list[tuple[int, ...]]] = defaultdict(list)
    for sizes in product(range(most + 1), repeat=4):
        asked, result = rolling(sizes, length)
        found = hide_small_groups(result, asked.definition, minimum)
        looks[found.model_dump_json()].append(sizes)
    small = 0
    for look, possible in looks.items():
        for place in range(4):
            numbers = {sizes[place] for sizes in possible}
            if any(0 < number < minimum for number in numbers):
                small += 1
                assert len(numbers) > 1, (look, possible)
    assert small


ALL_SIZES = pytest.mark.deep(reason="256 combinations of sizes; every change tries 81 and 64")


@pytest.mark.parametrize(
    ("undated", "possible", "periods"),
    [
        (0, (0, 4, 9), 4),
        (3, (0, 1, 4, 9), 3),
        pytest.param(0, (0, 1, 4, 9), 4, marks=ALL_SIZES),
        pytest.param(3, (0, 1, 4, 9), 4, marks=ALL_SIZES),
    ],
)
def test_rolling_windows_show_no_more_than_their_periods(
    undated: int, possible: tuple[int, ...], periods: int
) -> None:
    """A shown window contains only periods that the plain Series shows."""
    for sizes in product(possible, repeat=periods):
        months, windows = shown(sizes, None, undated), shown(sizes, 2, undated)
        assert len(months) == len(windows), sizes
        for place, window in enumerate(windows):
            parts = months[max(0, place - 1) : place + 1]
            assert (window is None) == (None in parts), sizes
