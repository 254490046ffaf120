"""Counting rows: answers, exclusions, and what a tally stores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from smaply_metrics_core.calculations.tally_builder import TallyColumns, TallyRequest, tally_all
from smaply_metrics_core.errors import CalculationRefused, GroupingRefused
from smaply_metrics_core.models.query import Calculation, ExclusionReason, Window
from tests.calculations.factories import (
    ANSWER,
    AS_OF,
    AVERAGE,
    JANUARY,
    NOT_APPLICABLE,
    RECORDED,
    choices,
    count,
    current,
    frame,
    instant,
    query,
    scale,
)

if TYPE_CHECKING:
    from smaply_metrics_core.models.query import MetricQuery


def test_each_answer_is_counted() -> None:
    """Answers have counts and are in the order of the scale."""
    total = current(frame(["5", "3", "5", "10", "x"])).total

    assert (total.responses, total.answered) == (5, 5)
    assert list(total.answers.items()) == [("3", 1), ("5", 2), ("10", 1), ("x", 1)]


def test_what_is_no_answer_is_counted_by_reason() -> None:
    """Blank, empty and not applicable are no answers; each has a reason, which a plugin can set."""
    rows = frame(["5", "", None, "99", ""], why=[None, "not_shown", None, "not_shown", ""])
    total = current(rows, choices=scale(1, 5, NOT_APPLICABLE), unanswered=pl.col("why")).total

    assert (total.responses, total.answered) == (5, 1)
    assert total.unanswered == {"not_answered": 2, "not_shown": 1, "not_applicable": 1}
    assert total.answers == {"5": 1}


def test_without_rows_there_is_an_empty_tally() -> None:
    """An empty frame is not an error."""
    for asked in (AVERAGE, query(Calculation.AVERAGE, group_by="period:month")):
        window = current(frame([]), asked)
        assert (window.total.responses, window.excluded, window.groups) == (0, {}, ())


def test_numbers_are_read_and_spelt_one_way() -> None:
    """3, 3.0 and +3 with spaces are one answer; minus zero is zero."""
    total = current(frame(["3", "3.0", " +3 ", "-0", "1e2", "2.50"]), number=True, choices=()).total

    assert total.answers == {"0": 1, "2.5": 1, "3": 3, "100": 1}


def test_what_is_no_number_is_unreadable() -> None:
    """A decimal comma, words, infinity and the like count as unreadable."""
    unreadable = ["3,5", "1,000", "abc", "inf", "-inf", "nan", "1e999", "0x1f", "1_000", "3 4"]
    total = current(frame(["4", "", "   ", *unreadable]), number=True, choices=()).total

    assert total.answers == {"4": 1}
    assert total.unanswered == {"not_answered": 2, "unreadable": len(unreadable)}


def test_a_number_may_stand_for_not_applicable() -> None:
    """A code for “not applicable” in a number question is not a number."""
    total = current(frame(["4", "99"]), number=True, choices=(NOT_APPLICABLE,)).total

    assert (total.answers, total.unanswered) == ({"4": 1}, {"not_applicable": 1})


def test_responses_are_excluded_by_reason() -> None:
    """Previews and the like are excluded by reason; a query can include some."""
    rows = frame(["1", "2", "3", "", "5"], kind=["preview", "spam", "preview", "test", ""])
    kind = pl.col("kind")

    window = current(rows, left_out=kind)
    more = current(
        rows,
        query(Calculation.AVERAGE, include={ExclusionReason.PREVIEW, ExclusionReason.TEST}),
        left_out=kind,
    )

    assert (window.total.answers, window.excluded) == (
        {"5": 1},
        {"preview": 2, "spam": 1, "test": 1},
    )
    assert (more.total.answers, more.excluded) == ({"1": 1, "3": 1, "5": 1}, {"spam": 1})
    assert window.recorded == more.recorded == 5


def test_several_answers_are_counted_by_respondent() -> None:
    """A response with a choice has answered; one with none, or only “none of these”, has not."""
    rows = pl.DataFrame(
        {
            "recorded": [instant("2026-01-01")] * 6,
            "chat": [True, True, False, None, True, False],
            "phone": [True, False, None, False, False, False],
            "none": [False, False, True, False, True, True],
            "mail": [False, False, False, False, False, True],
        }
    )
    offered = (
        *choices("Chat", "Phone", "Mail"),
        NOT_APPLICABLE.model_copy(update={"key": "none", "value": None}),
    )
    flags = {name: pl.col(name) for name in ("chat", "phone", "mail", "none")}
    asked = query(Calculation.SHARE, answers=("chat", "phone", "none", "fax"))

    counted = count(rows, asked, answer=None, answers=flags, choices=offered)
    total = counted.window("current").total

    assert counted.multiple
    assert (total.responses, total.answered, total.chosen) == (6, 4, 3)
    assert total.answers == {"chat": 3, "phone": 1, "mail": 1}
    assert total.unanswered == {"not_applicable": 1, "not_answered": 1}


def test_without_a_question_every_response_counts() -> None:
    """A query without a question counts all responses as answered."""
    total = current(frame(["1", ""]), query(question_id=None), answer=None, choices=()).total

    assert (total.responses, total.answered, total.answers) == (2, 2, {})


def test_free_text_is_not_stored() -> None:
    """Only the number of free-text answers is stored."""
    total = current(frame(["my name is", "", "me@example.org"]), choices=()).total

    assert (total.answered, total.answers) == (2, {})


def test_many_different_numbers_become_totals() -> None:
    """Of more than 10,000 different numbers only count, sum, minimum and maximum are stored."""
    numbers = [f"{n}.5" for n in range(10_001)]
    rows, few = frame(numbers), frame(numbers[1:])

    total = current(rows, number=True, choices=()).total
    counted = current(rows, query(Calculation.ANSWERED), number=True, choices=()).total

    assert len(current(few, number=True, choices=()).total.answers) == 10_000
    assert (total.answered, total.answers) == (10_001, {})
    assert total.totals is not None
    assert (total.totals.sum, total.totals.minimum, total.totals.maximum) == (
        50_005_000 + 5_000.5,
        0.5,
        10_000.5,
    )
    assert (counted.answered, counted.answers, counted.totals) == (10_001, {}, None)
    for asked in (query(Calculation.MEDIAN), query(Calculation.ANSWERED, group_by="answer")):
        with pytest.raises(CalculationRefused, match="10,000 different numbers"):
            current(rows, asked, number=True, choices=())


def test_free_text_instead_of_choices_is_not_stored() -> None:
    """Answers that are hardly ever a choice are free text: counted, but not stored."""
    rows = frame([f"text {n}" for n in range(201)])

    counted = current(rows, query(Calculation.ANSWERED)).total
    assert (counted.answered, counted.answers) == (201, {})
    with pytest.raises(CalculationRefused) as caught:
        current(rows, query(Calculation.DISTRIBUTION))
    assert "text 1" not in caught.value.message + caught.value.remedy


def filters(*wanted: dict[str, Any]) -> MetricQuery:
    """Return a query for an average with filters."""
    return query(Calculation.AVERAGE, filters=wanted)


def test_filters_keep_or_drop_responses() -> None:
    """An including filter drops responses without an answer, an excluding one keeps them."""
    rows = frame(["1", "2", "3", "4"], by=["north", "west", None, "north"])
    columns = {("field", "region"): pl.col("by")}
    region = {"kind": "field", "of": "region", "values": ("north", "east")}

    kept = current(rows, filters(region), filters=columns).total
    dropped = current(rows, filters({**region, "exclude": True}), filters=columns).total

    assert list(kept.answers) == ["1", "4"]
    assert list(dropped.answers) == ["2", "3"]


def test_filters_work_on_several_answers() -> None:
    """A filter on several answers keeps responses with at least one of its values."""
    rows = frame(["1", "2", "3"]).with_columns(
        chat=pl.Series([True, False, None]), phone=pl.Series([True, True, None])
    )
    columns = {("question", "USED"): {"chat": pl.col("chat"), "phone": pl.col("phone")}}
    used = {"kind": "question", "of": "USED", "values": ("chat", "fax")}

    kept = current(rows, filters(used), filters=columns).total
    dropped = current(rows, filters({**used, "exclude": True}), filters=columns).total

    assert list(kept.answers) == ["1"]
    assert list(dropped.answers) == ["2", "3"]


def test_filters_apply_to_excluded_responses() -> None:
    """Only responses that match the filters are reported as excluded."""
    rows = frame(["1", "2"], by=["north", "west"], kind=["test", "test"])
    asked = filters({"kind": "field", "of": "region", "values": ("north",)})

    window = current(
        rows, asked, filters={("field", "region"): pl.col("by")}, left_out=pl.col("kind")
    )

    assert window.excluded == {"test": 1}


def test_many_queries_are_answered_together() -> None:
    """Each query has a tally; a refused one has an error and does not affect the others."""
    rows = frame([str(n % 5 + 1) for n in range(60)], by=[f"id-{n}" for n in range(60)]).lazy()
    offered = scale(1, 5)
    asked = {
        "month": query(Calculation.AVERAGE, group_by="period:month"),
        "person": query(Calculation.AVERAGE, group_by="field:id", windows=[Window(), JANUARY]),
        "all": AVERAGE,
    }
    outcome = tally_all(
        rows,
        [
            TallyRequest(
                one.model_copy(update={"id": name}),
                TallyColumns(recorded=RECORDED, answer=ANSWER, group=pl.col("by")),
                offered,
                notes=(f"Asked for {name}.",),
            )
            for name, one in asked.items()
        ],
        as_of=AS_OF,
    )

    assert list(outcome) == ["month", "person", "all"]
    assert isinstance(outcome["person"], GroupingRefused)
    month, everything = outcome["month"], outcome["all"]
    assert not isinstance(month, Exception)
    assert not isinstance(everything, Exception)
    assert [group.key for group in month.window("current").groups] == ["2026-01"]
    assert everything.window("current").total.answers == dict.fromkeys("12345", 12)
    assert (everything.as_of, everything.choices) == (AS_OF, offered)
    assert everything.notes == ("Asked for all.",)


def test_no_queries_read_nothing() -> None:
    """Without queries the rows are not read."""
    assert tally_all(pl.scan_csv("nowhere.csv"), [], as_of=AS_OF) == {}


def test_constant_columns_hold_for_every_row() -> None:
    """Columns can be constants."""
    never = pl.lit(None, dtype=pl.Datetime("us", "UTC"))

    window = current(frame(["", "", ""]), recorded=never, answer=pl.lit("3"))

    assert window.total.answers == {"3": 3}


@pytest.mark.parametrize(
    ("asked", "parts", "message"),
    [
        (AVERAGE, {"answer": None}, "no column for the answer"),
        (
            query(Calculation.AVERAGE, group_by="field:region"),
            {},
            "no column for the group by field:region",
        ),
        (
            filters({"kind": "field", "of": "region", "values": ("x",)}),
            {},
            "no column for the filter on field:region",
        ),
    ],
)
def test_a_missing_column_is_named(asked: MetricQuery, parts: dict[str, Any], message: str) -> None:
    """A missing column is a ValueError, not a wrong count."""
    with pytest.raises(ValueError, match=message):
        count(frame(["1"]), asked, **parts)


@pytest.mark.parametrize("wrong", [pl.lit("2026-01-01"), RECORDED.dt.replace_time_zone(None)])
def test_dates_need_a_zone(wrong: pl.Expr) -> None:
    """Dates as text, or without a time zone, are a TypeError."""
    with pytest.raises(TypeError, match="Datetime with a time zone"):
        count(frame(["1"]), recorded=wrong)


def test_answers_are_text() -> None:
    """An answer that is not text is a TypeError that names the cast."""
    with pytest.raises(TypeError, match=r"answer is Int64, not text: cast it to pl\.String"):
        count(pl.DataFrame({**frame(["1"]).to_dict(as_series=False), "answer": [1]}))


def test_two_queries_need_two_ids() -> None:
    """Two queries with the same id are a ValueError."""
    request = TallyRequest(AVERAGE, TallyColumns(recorded=RECORDED, answer=ANSWER))

    with pytest.raises(ValueError, match="one id"):
        tally_all(frame(["1"]), [request, request], as_of=AS_OF)
