"""Rows that come piece by piece: the tallies are those of all rows together."""

from __future__ import annotations

from datetime import UTC, datetime
from types import ModuleType

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smaply_metrics_core.calculations import key_counts, row_codes
from smaply_metrics_core.calculations.tally_builder import (
    TallyBuilder,
    TallyColumns,
    TallyRequest,
    tally_all,
)
from smaply_metrics_core.models.query import Calculation, ExclusionReason, Filter, MetricQuery
from smaply_metrics_core.models.tally import Tally
from tests.calculations.factories import ANSWER, AS_OF, JANUARY, RECORDED, frame, query, scale

ASKED = (
    query(Calculation.AVERAGE, windows=[JANUARY]),
    query(Calculation.AVERAGE, include=frozenset({ExclusionReason.TEST})),
    query(Calculation.AVERAGE, group_by="field:place"),
    query(Calculation.RESPONSES, group_by="period:month", zone="Asia/Tokyo"),
    query(Calculation.SHARE, answers=("1", "3")),
    query(
        Calculation.MEDIAN, filters=(Filter(kind="field", of="place", values=("a",), exclude=True),)
    ),
)
MOMENTS = (
    None,
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(2025, 12, 31, 23, tzinfo=UTC),
    datetime(2026, 1, 20, 9, tzinfo=UTC),
    datetime(2026, 2, 1, tzinfo=UTC),
)
ROW = st.tuples(
    st.sampled_from(MOMENTS),
    st.sampled_from([None, "", "1", "3", "5", "77", " 3", "1,5"]),
    st.sampled_from([None, "", "a", "b"]),
    st.sampled_from([None, None, "test", "unfinished"]),
)


def several() -> dict[str, pl.Expr]:
    """Take the answer for several: each key is ticked where it stands."""
    return {key: ANSWER.eq(key).fill_null(value=False) for key in ("1", "3", "5")}


def requests(asked: tuple[MetricQuery, ...] = ASKED) -> list[TallyRequest]:
    """Ask every query about a choice, a number, and several answers."""
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
    """Make a frame of rows."""
    recorded, answers, places, why = zip(*rows, strict=True) if rows else ((), (), (), ())
    return frame(answers, recorded=[*recorded], place=[*places], why=[*why])


def in_pieces(rows: pl.DataFrame, size: int) -> dict[str, object]:
    """Count rows a few at a time, every second piece with codes in place of text."""
    counting = TallyBuilder(requests())
    kind = pl.Categorical(pl.Categories.random())
    coded = rows.with_columns(pl.col("answer", "place", "why").cast(kind))
    for number, start in enumerate(range(0, max(1, rows.height), size)):
        counting.add((coded, rows)[number % 2].slice(start, size))
    return dict(counting.tallies(AS_OF))


@settings(max_examples=40, deadline=None)
@given(rows=st.lists(ROW, max_size=30), size=st.integers(1, 40))
def test_pieces_make_the_tallies_of_the_whole(rows: list[tuple[object, ...]], size: int) -> None:
    """However rows are cut into pieces, and whether text comes as codes, nothing changes."""
    whole = rows_of(rows)
    assert in_pieces(whole, size) == tally_all(whole, requests(), as_of=AS_OF)


@pytest.mark.parametrize(
    ("module", "limit", "value"),
    [
        (key_counts, "MOST_ROWS", 7),
        (key_counts, "MOST_KEYS", 0),
        (row_codes, "FEW_COMBINATIONS", 0),
        (row_codes, "SAMPLE", 0),
    ],
)
def test_limits_do_not_change_tallies(
    module: ModuleType, limit: str, value: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slices, compacted keys and expressions evaluated row by row give the same tallies."""
    rows = rows_of(
        [(MOMENTS[n % 5], str(n % 7), "ab"[n % 2], ("test", None)[n % 3 == 0]) for n in range(99)]
    )
    expected = tally_all(rows, requests(), as_of=AS_OF)
    monkeypatch.setattr(module, limit, value)
    assert in_pieces(rows, 10) == expected
    assert all(isinstance(outcome, Tally) for outcome in expected.values())


def test_only_what_is_needed_is_named() -> None:
    """A reader can leave out every column that no query looks at."""
    request = TallyRequest(query(), TallyColumns(recorded=RECORDED, answer=ANSWER))
    assert TallyBuilder([request]).columns == {"recorded", "answer"}


def test_a_date_that_may_be_text_codes_is_read() -> None:
    """Dates are worked out row by row, whether the text they are in comes as codes or not."""
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


def test_no_piece_at_all_is_a_mistake() -> None:
    """Nobody knows then whether there are no rows or they were forgotten."""
    request = TallyRequest(query(), TallyColumns(recorded=RECORDED, answer=ANSWER))
    with pytest.raises(ValueError, match="no rows were added"):
        TallyBuilder([request]).tallies(AS_OF)
    assert TallyBuilder([]).tallies(AS_OF) == {}
