"""Counts and values equal those of a slow definition that reads row by row."""

from __future__ import annotations

import statistics
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smaply_metrics_core.calculations.results import calculate
from smaply_metrics_core.calculations.tally_builder import TallyColumns, tally
from smaply_metrics_core.models.query import ENTERED, Calculation, ExclusionReason, Window
from tests.calculations.factories import AS_OF, NOT_APPLICABLE, query, scale
from tests.hypothesis_profiles import examples

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from smaply_metrics_core.models.query import MetricQuery

SCALE = scale(0, 10, NOT_APPLICABLE)
ZONE = "America/New_York"


@dataclass(frozen=True)
class Row:
    """One response."""

    recorded: datetime | None
    left_out: str | None
    answer: str | None
    region: str | None


# Times are close together, so that windows cut between them and often hit one exactly.
times = st.integers(0, 24 * 60).map(
    lambda hours: datetime(2025, 12, 20, tzinfo=UTC) + timedelta(hours=hours // 8)
)
regions = st.sampled_from(["north", "west", "east", "", None])
responses = st.builds(
    Row,
    recorded=st.one_of(times, st.none()),
    left_out=st.sampled_from([None, None, None, "", *ExclusionReason]),
    answer=st.sampled_from([*(str(n) for n in range(11)), "99", "", None]),
    region=regions,
)
windows = st.builds(Window, start=st.one_of(st.none(), times), end=st.one_of(st.none(), times))
included = st.frozensets(st.sampled_from(ExclusionReason), max_size=2)
kept_regions = st.one_of(
    st.none(), st.tuples(st.lists(regions.filter(bool), min_size=1, max_size=2), st.booleans())
)


def framed(rows: Sequence[Row]) -> pl.DataFrame:
    """Return the rows as a frame."""
    return pl.DataFrame(
        [(row.recorded, row.left_out, row.answer, row.region) for row in rows],
        schema={
            "recorded": pl.Datetime("us", "UTC"),
            "left_out": pl.String,
            "answer": pl.String,
            "region": pl.String,
        },
        orient="row",
    )


COLUMNS = TallyColumns(
    recorded=pl.col("recorded"),
    left_out=pl.col("left_out"),
    answer=pl.col("answer"),
    group=pl.col("region"),
    filters={("field", "region"): pl.col("region")},
)


def slow_counting(rows: Sequence[Row], asked: MetricQuery) -> tuple[list[Row], Counter[str]]:
    """Return the rows that count, and the number of excluded ones by reason."""
    (window,) = asked.windows
    counting, excluded = [], Counter[str]()
    for row in rows:
        if window.start and (row.recorded is None or row.recorded < window.start):
            continue
        if window.end and (row.recorded is None or row.recorded >= window.end):
            continue
        if any((row.region in wanted.values) == wanted.exclude for wanted in
               asked.definition.filters):  # fmt: skip
            continue
        if row.left_out and row.left_out not in asked.definition.include:
            excluded[row.left_out] += 1
        else:
            counting.append(row)
    return counting, excluded


def answers(rows: Sequence[Row]) -> list[int]:
    """Return the answers that enter a denominator."""
    return [int(row.answer) for row in rows if row.answer and row.answer != "99"]


def percent(numbers: list[int], wanted: set[int]) -> float:
    """Return the percentage of numbers that are in a set."""
    return float(Fraction(100 * sum(n in wanted for n in numbers), len(numbers)))


def nps(numbers: list[int]) -> float:
    """Return the percentage of promoters minus that of detractors."""
    promoters, detractors = sum(n >= 9 for n in numbers), sum(n <= 6 for n in numbers)
    return float(Fraction(100 * (promoters - detractors), len(numbers)))


SLOW: dict[Calculation, Callable[[list[int]], float]] = {
    Calculation.AVERAGE: lambda numbers: float(Fraction(sum(numbers), len(numbers))),
    Calculation.MEDIAN: statistics.median,
    Calculation.SUM: sum,
    Calculation.MINIMUM: min,
    Calculation.MAXIMUM: max,
    Calculation.NPS: nps,
    Calculation.TOP_BOX: lambda numbers: percent(numbers, {10}),
    Calculation.TOP_2_BOX: lambda numbers: percent(numbers, {9, 10}),
    Calculation.BOTTOM_2_BOX: lambda numbers: percent(numbers, {0, 1}),
    Calculation.CSAT: lambda numbers: percent(numbers, {9, 10}),
    Calculation.CES_PERCENT: lambda numbers: percent(numbers, {9, 10}),
    Calculation.CES_AVERAGE: lambda numbers: float(Fraction(sum(numbers), len(numbers))),
    Calculation.NET_SCORE: lambda numbers: float(
        Fraction(100 * (sum(n in {3, 7} for n in numbers) - numbers.count(1)), len(numbers))
    ),
    Calculation.SHARE: lambda numbers: percent(numbers, {3, 7}),
}


def slow_value(calculation: Calculation, rows: Sequence[Row]) -> float | None:
    """Return the value as the definition has it."""
    numbers = answers(rows)
    if calculation is Calculation.RESPONSES:
        return len(rows)
    if calculation is Calculation.ANSWERED:
        return len(numbers)
    return SLOW[calculation](numbers) if numbers else None


def slow_group(row: Row, group_by: str) -> str | None:
    """Return the group of a row."""
    if group_by == "field:region":
        return row.region or None
    if row.recorded is None:
        return None
    day: date = row.recorded.astimezone(ZoneInfo(ZONE)).date()
    return {
        "period:day": f"{day:%Y-%m-%d}",
        "period:week": f"{day - timedelta(days=day.weekday()):%Y-%m-%d}",
        "period:month": f"{day:%Y-%m}",
        "period:quarter": f"{day:%Y}-Q{(day.month + 2) // 3}",
        "period:year": f"{day:%Y}",
    }[group_by]


ONE_VALUE = sorted({*Calculation} - ENTERED - {Calculation.DISTRIBUTION})


@examples(sample=25, thorough=60)
@given(
    st.lists(responses, max_size=40),
    st.sampled_from(ONE_VALUE),
    st.sampled_from(
        [
            None,
            "field:region",
            *(f"period:{p}" for p in ("day", "week", "month", "quarter", "year")),
        ]
    ),
    windows,
    included,
    kept_regions,
)
def test_every_number_is_the_one_worked_out_row_by_row(  # noqa: PLR0917  # Hypothesis calls it.
    rows: list[Row],
    calculation: Calculation,
    group_by: str | None,
    window: Window,
    include: frozenset[ExclusionReason],
    regions_kept: tuple[list[str], bool] | None,
) -> None:
    """Values, groups, denominators and exclusions equal those of the definition."""
    filters = []
    if regions_kept:
        values, exclude = regions_kept
        filters.append({"kind": "field", "of": "region", "values": values, "exclude": exclude})
    asked = query(
        calculation,
        group_by=group_by,
        windows=[window],
        zone=ZONE,
        include=include,
        filters=filters,
        answers=("3", "7") if calculation is Calculation.SHARE else (),
        top_answers=("3", "7") if calculation is Calculation.NET_SCORE else (),
        bottom_answers=("1",) if calculation is Calculation.NET_SCORE else (),
    )

    counted = tally(framed(rows), asked, COLUMNS, as_of=AS_OF, choices=SCALE)
    result = calculate(asked, counted, AS_OF)

    counting, excluded = slow_counting(rows, asked)
    assert result.current.value == slow_value(calculation, counting)
    assert result.current.responses == len(counting)
    assert result.current.answered == len(answers(counting))
    assert result.current.excluded == excluded
    assert sum(result.current.unanswered.values()) == len(counting) - len(answers(counting))
    if group_by is None:
        assert result.groups == ()
        return
    shown = {group.key: group for group in result.groups}
    for key in {slow_group(row, group_by) for row in counting} - {None}:
        members = [row for row in counting if slow_group(row, group_by) == key]
        group = shown.pop(str(key))
        assert group.value == slow_value(calculation, members)
        assert (group.responses, group.answered) == (len(members), len(answers(members)))
    # The others are periods without responses.
    assert all(group.responses == 0 for group in shown.values())
    assert group_by.startswith("period") or not shown
    assert result.ungrouped == sum(slow_group(row, group_by) is None for row in counting)


@examples(sample=12, thorough=30)
@given(st.lists(responses, max_size=40), st.sampled_from(["distribution", "share", "responses"]))
def test_a_distribution_adds_up(rows: list[Row], calculation: str) -> None:
    """The counts and percentages of answers are those of the rows, and add up to all."""
    asked = query(Calculation(calculation), group_by="answer")

    counted = tally(framed(rows), asked, COLUMNS, as_of=AS_OF, choices=SCALE)
    result = calculate(asked, counted, AS_OF)

    given_answers = answers(slow_counting(rows, asked)[0])
    assert [group.key for group in result.groups] == [str(n) for n in range(11)]
    assert {int(g.key): g.answered for g in result.groups} == {
        n: given_answers.count(n) for n in range(11)
    }
    if given_answers and calculation != "responses":
        values = [group.value for group in result.groups if group.value is not None]
        assert sum(values) == pytest.approx(100)


@examples(sample=12, thorough=30)
@given(st.lists(responses, max_size=40), times)
def test_windows_side_by_side_hold_everything_once(rows: list[Row], cut: datetime) -> None:
    """A response is in exactly one of two adjacent windows."""
    recorded = 0
    for window in (Window(end=cut), Window(start=cut)):
        asked = query(Calculation.AVERAGE, windows=[window])
        half = tally(framed(rows), asked, COLUMNS, as_of=AS_OF, choices=SCALE)
        recorded += half.window("current").recorded

    dated = [row for row in rows if row.recorded is not None]
    assert recorded == len(dated)


ticks = st.frozensets(st.sampled_from(["chat", "phone", "mail", "none"]))


@examples(sample=12, thorough=40)
@given(st.lists(ticks, max_size=30), st.frozensets(st.sampled_from(["chat", "phone", "mail"])))
def test_several_answers_count_respondents(
    rows: list[frozenset[str]], wanted: frozenset[str]
) -> None:
    """Percentages of several answers are of the respondents with any; a share counts each once."""
    frame = pl.DataFrame(
        {
            "recorded": [AS_OF] * len(rows),
            **{key: [key in row for row in rows] for key in ("chat", "phone", "mail", "none")},
        },
        schema_overrides={
            "recorded": pl.Datetime("us", "UTC"),
            **dict.fromkeys(("chat", "phone", "mail", "none"), pl.Boolean),
        },
    )
    offered = tuple(
        NOT_APPLICABLE.model_copy(update={"key": key, "label": key, "analyze": key != "none"})
        for key in ("chat", "phone", "mail", "none")
    )
    columns = TallyColumns(
        recorded=pl.col("recorded"), answers={c.key: pl.col(c.key) for c in offered}
    )
    answered = [row - {"none"} for row in rows if row - {"none"}]

    share = query(Calculation.SHARE, answers=tuple(sorted(wanted)) or ("chat",))
    each = query(Calculation.DISTRIBUTION)
    shared, spread = (
        calculate(asked, tally(frame, asked, columns, as_of=AS_OF, choices=offered), AS_OF)
        for asked in (share, each)
    )

    assert shared.current.answered == len(answered)
    assert {group.key: group.answered for group in spread.groups} == {
        key: sum(key in row for row in answered) for key in ("chat", "phone", "mail")
    }
    if answered:
        takers = sum(bool(row & (wanted or {"chat"})) for row in answered)
        assert shared.current.value == 100 * takers / len(answered)


numbers = st.one_of(
    st.integers(-1000, 1000).map(str),
    st.decimals(-1000, 1000, places=2).map(str),
    st.floats(allow_nan=True, allow_infinity=True).map(repr),
    st.text(max_size=5),
)


@examples(sample=25, thorough=60)
@given(st.lists(numbers, max_size=30))
def test_any_text_is_a_number_or_is_unreadable(texts: list[str]) -> None:
    """Any text in a number question counts once: as a number, unreadable, or blank."""
    asked = query(Calculation.ANSWERED)
    frame = pl.DataFrame(
        {"recorded": [AS_OF] * len(texts), "answer": texts},
        schema={"recorded": pl.Datetime("us", "UTC"), "answer": pl.String},
    )

    counted = tally(
        frame,
        asked,
        TallyColumns(recorded=pl.col("recorded"), answer=pl.col("answer"), number=True),
        as_of=AS_OF,
    )

    total = counted.window("current").total
    assert total.responses == len(texts)
    assert total.answered == sum(total.answers.values())
    assert all(repr(float(key)) in {key, f"{key}.0"} for key in total.answers)
    assert total.unanswered.keys() <= {"not_answered", "unreadable"}
