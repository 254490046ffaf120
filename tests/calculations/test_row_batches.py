"""Rows in batches have the same tallies as all rows together."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from itertools import islice
from types import ModuleType

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smaply_metrics_core.calculations import key_counts, row_codes
from smaply_metrics_core.calculations.tally_builder import (
    TallyBuilder,
    TallyColumns,
    TallyRequest,
    tally_all,
)
from smaply_metrics_core.date_ranges import period_key, period_start
from smaply_metrics_core.models.query import (
    Calculation,
    ExclusionReason,
    Filter,
    MetricQuery,
    Period,
)
from smaply_metrics_core.models.survey import Choice
from smaply_metrics_core.models.tally import Tally
from tests.calculations.factories import ANSWER, AS_OF, JANUARY, RECORDED, frame, query, scale
from tests.hypothesis_profiles import examples

QUERIES = (
    query(Calculation.AVERAGE, windows=[JANUARY]),
    query(Calculation.AVERAGE, include=frozenset({ExclusionReason.TEST})),
    query(Calculation.AVERAGE, group_by="field:place"),
    query(Calculation.RESPONSES, group_by="period:month", zone="Asia/Tokyo"),
    query(Calculation.SHARE, answers=("1", "3")),
    query(
        Calculation.MEDIAN, filters=(Filter(kind="field", of="place", values=("a",), exclude=True),)
    ),
)
TIMES = (
    None,
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(2025, 12, 31, 23, tzinfo=UTC),
    datetime(2026, 1, 20, 9, tzinfo=UTC),
    datetime(2026, 2, 1, tzinfo=UTC),
)
ROW = st.tuples(
    st.sampled_from(TIMES),
    st.sampled_from([None, "", "1", "3", "5", "77", " 3", "1,5"]),
    st.sampled_from([None, "", "a", "b"]),
    st.sampled_from([None, None, "test", "unfinished"]),
)


def several() -> dict[str, pl.Expr]:
    """Return the answer as several answers: a Boolean per key."""
    return {key: ANSWER.eq(key).fill_null(value=False) for key in ("1", "3", "5")}


def requests(asked: tuple[MetricQuery, ...] = QUERIES) -> list[TallyRequest]:
    """Return every query about a choice, a number, and several answers."""
    place = pl.col("place").str.strip_chars()
    found: list[TallyRequest] = []
    for number, one in enumerate(asked):
        for kind in ("choice", "number", "several"):
            columns = TallyColumns(
                recorded=RECORDED,
                left_out=pl.col("why"),
                answer=None if kind == "several" else ANSWER,
                answers=several() if kind == "several" else {},
                number=kind == "number",
                unanswered=pl.when(ANSWER == "").then(pl.lit("not_shown")),
                group=place,
                filters={("field", "place"): place},
            )
            renamed = one.model_copy(update={"id": f"{number} {kind}"})
            found.append(TallyRequest(renamed, columns, () if kind == "number" else scale(1, 5)))
    return found


def rows_of(rows: list[tuple[object, ...]]) -> pl.DataFrame:
    """Return the rows as a frame."""
    recorded, answers, places, why = zip(*rows, strict=True) if rows else ((), (), (), ())
    return frame(answers, recorded=[*recorded], place=[*places], why=[*why])


def in_batches(rows: pl.DataFrame, size: int) -> dict[str, object]:
    """Count rows in batches; every second one has categories instead of text."""
    counting = TallyBuilder(requests())
    kind = pl.Categorical(pl.Categories.random())
    coded = rows.with_columns(pl.col("answer", "place", "why").cast(kind))
    for number, start in enumerate(range(0, max(1, rows.height), size)):
        counting.add((coded, rows)[number % 2].slice(start, size))
    return dict(counting.tallies(AS_OF))


@examples(sample=7, thorough=40)
@given(rows=st.lists(ROW, max_size=30), size=st.integers(1, 40))
def test_batches_have_the_tallies_of_all_rows(rows: list[tuple[object, ...]], size: int) -> None:
    """Neither the size of batches nor categories change a tally."""
    whole = rows_of(rows)
    assert in_batches(whole, size) == tally_all(whole, requests(), as_of=AS_OF)


@examples(sample=3, thorough=15)  # An example takes 0.1 s.
@given(
    rows=st.lists(ROW, max_size=40),
    order=st.permutations(range(len(requests()))),
    sizes=st.lists(st.integers(1, len(requests())), min_size=len(requests())),
)
def test_queries_do_not_change_the_tallies_of_others(
    rows: list[tuple[object, ...]], order: list[int], sizes: list[int]
) -> None:
    """Queries have the same tallies together, one by one, and in batches of any size."""
    whole = rows_of(rows)
    every = [requests()[place] for place in order]
    together = tally_all(whole, every, as_of=AS_OF)
    alone: dict[str, object] = {}
    for request in every:
        alone |= tally_all(whole, [request], as_of=AS_OF)
    batched: dict[str, object] = {}
    remaining = iter(every)
    for size in sizes:
        batched |= tally_all(whole, list(islice(remaining, size)), as_of=AS_OF)
    assert together == alone == batched
    assert [*together] == [request.query.id for request in every]


@pytest.mark.parametrize(
    ("module", "limit", "value"),
    [
        (key_counts, "MOST_ROWS", 7),
        (key_counts, "MOST_KEYS", 0),
        (row_codes, "FEW_COMBINATIONS", 0),
        (row_codes, "SAMPLE", 0),
        (row_codes, "MOST_CELLS", 0),
    ],
)
def test_limits_do_not_change_tallies(
    module: ModuleType, limit: str, value: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slices, compacted keys and expressions evaluated row by row give the same tallies."""
    rows = rows_of(
        [(TIMES[n % 5], str(n % 7), "ab"[n % 2], ("test", None)[n % 3 == 0]) for n in range(45)]
    )
    expected = tally_all(rows, requests(), as_of=AS_OF)
    monkeypatch.setattr(module, limit, value)
    assert in_batches(rows, 10) == expected
    assert all(isinstance(outcome, Tally) for outcome in expected.values())


@pytest.mark.parametrize("columns", [3, 12, 70])
def test_answers_in_many_columns_are_counted(columns: int) -> None:
    """A question can have more answers than an integer has bits, each in its own column."""
    keys = [f"k{place}" for place in range(columns)]
    ticked = [[(row * 7 + place) % 11 == 0 for place in range(columns)] for row in range(300)]
    cells = {key: ["1" if row[n] else "" for row in ticked] for n, key in enumerate(keys)}
    request = TallyRequest(
        query(Calculation.SHARE, answers=(keys[0], keys[-1])),
        TallyColumns(recorded=RECORDED, answers={key: pl.col(key) == "1" for key in keys}),
        tuple(Choice(key=key, label=key) for key in keys),
    )
    tally = tally_all(frame([""] * len(ticked), **cells), [request], as_of=AS_OF)["1"]
    assert isinstance(tally, Tally)
    total = tally.window("current").total
    assert total.answers == {key: sum(row[n] for row in ticked) for n, key in enumerate(keys)}
    assert total.chosen == sum(row[0] or row[-1] for row in ticked)
    assert total.answered == sum(map(any, ticked))


@pytest.mark.parametrize("week_start", [1, 3, 7])
@pytest.mark.parametrize("period", Period)
def test_periods_begin_as_elsewhere(period: Period, week_start: int) -> None:
    """Periods of rows start as in ``date_ranges``."""
    days = pl.date_range(date(2023, 12, 20), date(2025, 1, 10), eager=True)
    recorded = days.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    rows = frame(["1"] * len(days), recorded=recorded.to_list())
    asked = query(Calculation.RESPONSES, group_by=f"period:{period}", week_start=week_start)
    request = TallyRequest(asked, TallyColumns(recorded=RECORDED, answer=ANSWER), scale(1, 5))
    tally = tally_all(rows, [request], as_of=AS_OF)["1"]
    assert isinstance(tally, Tally)
    expected = Counter(period_key(period, period_start(period, day, week_start)) for day in days)
    groups = tally.window("current").groups
    assert {group.key: group.counts.responses for group in groups} == expected


def test_too_many_reasons_are_an_error() -> None:
    """A plugin that returns texts of respondents as reasons is refused."""
    request = TallyRequest(
        query(), TallyColumns(recorded=RECORDED, answer=pl.lit(""), unanswered=ANSWER)
    )
    rows = frame([f"text {n}" for n in range(300)])
    with pytest.raises(ValueError, match="more than 255 different texts as reason"):
        tally_all(rows, [request], as_of=AS_OF)


def test_only_needed_columns_are_named() -> None:
    """A reader can skip the columns that no query needs."""
    request = TallyRequest(query(), TallyColumns(recorded=RECORDED, answer=ANSWER))
    assert TallyBuilder([request]).columns == {"recorded", "answer"}


def test_a_date_that_may_be_text_codes_is_read() -> None:
    """Dates are parsed from text and from categories."""
    recorded = pl.col("day").str.to_datetime("%Y-%m-%d", time_zone="UTC")
    request = TallyRequest(
        query(Calculation.RESPONSES, windows=[JANUARY]),
        TallyColumns(recorded=recorded, answer=ANSWER),
    )
    counting = TallyBuilder([request])
    days = pl.Series("day", ["2026-01-01", "2026-02-01", None])
    for column in (days, days.cast(pl.Categorical)):
        counting.add(pl.DataFrame([column, pl.Series("answer", ["1", "1", "1"])]))
    tally = counting.tallies(AS_OF)[request.query.id]
    assert isinstance(tally, Tally)
    assert tally.window("current").total.responses == 2
    assert tally.notes


def test_codes_keep_their_meaning_from_batch_to_batch() -> None:
    """Batches that no longer exist do not free the categories of later ones."""
    request = TallyRequest(query(), TallyColumns(recorded=RECORDED, answer=ANSWER), scale(1, 5))
    counting = TallyBuilder([request])
    dtype = pl.Categorical(pl.Categories.random())
    for answers in (["1", "2", "2"], ["2", "1", "1"], ["5", "2", "2"]):
        counting.add(frame(answers).with_columns(ANSWER.cast(dtype)))
    tally = counting.tallies(AS_OF)[request.query.id]
    assert isinstance(tally, Tally)
    assert tally.window("current").total.answers == {"1": 3, "2": 5, "5": 1}


def test_no_batch_at_all_is_an_error() -> None:
    """Without any batch, even an empty one, there are no tallies."""
    request = TallyRequest(query(), TallyColumns(recorded=RECORDED, answer=ANSWER))
    with pytest.raises(ValueError, match="no rows were added"):
        TallyBuilder([request]).tallies(AS_OF)
    assert TallyBuilder([]).tallies(AS_OF) == {}
