"""Weights: they are counted with the answers, and weighted values follow from the sums alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import fsum
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smaply_metrics_core.calculations import key_counts
from smaply_metrics_core.calculations.results import calculate
from smaply_metrics_core.calculations.tally_builder import TallyBuilder, TallyColumns, TallyRequest
from smaply_metrics_core.calculations.weight_column import weight_text
from smaply_metrics_core.models.query import Calculation, MetricQuery, Weight, WeightReason
from smaply_metrics_core.models.result import Result
from smaply_metrics_core.models.survey import Choice, Question, QuestionKind
from smaply_metrics_core.models.tally import (
    Counts,
    Tally,
    Totals,
    WeightedTotals,
    Weights,
    WeightSum,
)
from smaply_metrics_core.models.uncertainty import UncertaintyReason
from tests.calculations.factories import (
    ANSWER,
    AS_OF,
    RECORDED,
    count,
    frame,
    query,
    scale,
    tally_of,
)
from tests.hypothesis_profiles import examples

BY_W = Weight(kind="field", of="w")
NPS_SCALE = scale(0, 10)
VALUES = (
    Calculation.NPS,
    Calculation.AVERAGE,
    Calculation.MEDIAN,
    Calculation.TOP_BOX,
    Calculation.TOP_2_BOX,
    Calculation.BOTTOM_2_BOX,
    Calculation.SHARE,
)


def asked(calculation: Calculation, *, group_by: str | None = None, **parts: object) -> MetricQuery:
    """Return a query that is weighted by ``w``."""
    share = {"answers": ("3", "7")} if calculation is Calculation.SHARE else {}
    made: Mapping[str, object] = {"weight": BY_W, **share, **parts}
    plain = query(calculation, group_by=group_by)
    definition = plain.definition.model_copy(update=made)
    return plain.model_copy(update={"definition": definition})


def weighted(
    answers: Sequence[str | None],
    weights: Sequence[str | None],
    calculation: Calculation = Calculation.NPS,
    **parts: object,
) -> tuple[Counts, Result]:
    """Return the counts and the result of rows with weights."""
    made = asked(calculation)
    tally = count(
        frame(answers, w=weights),
        made,
        weight=pl.col("w"),
        **{"choices": NPS_SCALE, **parts},
    )
    return tally.window("current").total, calculate(made, tally, AS_OF)


@pytest.mark.parametrize("extreme", ["1700000000000", "1e20", "1e100"])
@pytest.mark.parametrize("small", ["0.3333", "1e-100"])
def test_an_extreme_weight_leaves_the_others_exact(extreme: str, small: str) -> None:
    """As where one response has a time in the field of weights; its metric is still calculated."""
    counts, _ = weighted(["9", "0", "5", "9"], [small, extreme, "1", "0.1"])
    assert counts.weights is not None
    sums = counts.weights.answers["9"]
    assert sums.sum == pytest.approx(float(small) + 0.1, rel=1e-12)
    assert sums.squares == pytest.approx(float(small) ** 2 + 0.01, rel=1e-12)
    assert counts.weights.answers["0"] == WeightSum(float(extreme), float(extreme) ** 2)


@pytest.mark.parametrize("largest", ["10", "1000", "1e12"])
def test_an_average_of_one_weight_has_no_interval(largest: str) -> None:
    """Student's t has almost no degrees of freedom below two effective answers."""
    _, result = weighted(["9", "0", "5"], ["0.1", largest, "1"], Calculation.AVERAGE)
    assert result.current.value is not None
    assert result.current.interval_reason is UncertaintyReason.FEW_ANSWERS


def test_the_effective_number_of_five_weights_is_four() -> None:
    """Kish's effective number and the design effect of weights .5 .5 1.5 1.5 2."""
    counts, result = weighted(["9"] * 5, [".5", ".5", "1.5", "1.5", "2"])
    assert counts.weights is not None
    assert counts.weights.answered == WeightSum(6.0, 9.0)
    assert (result.current.effective_n, result.current.design_effect) == (4.0, 1.25)


def test_a_weighted_nps_follows_from_the_sums_of_its_answers() -> None:
    """No row is needed: the sums of each answer suffice."""
    answers = {"10": WeightSum(4.0, 5.0), "8": WeightSum(2.0, 2.0), "0": WeightSum(2.0, 2.08)}
    total = Counts(
        responses=8,
        answered=8,
        answers={"10": 4, "8": 2, "0": 2},
        weights=Weights(
            responses=WeightSum(8.0, 9.08), answered=WeightSum(8.0, 9.08), answers=answers
        ),
    )
    made = asked(Calculation.NPS)
    result = calculate(made, tally_of(total, choices=NPS_SCALE), AS_OF)
    assert result.current.value == 25
    assert result.current.effective_n == pytest.approx(7.0485, abs=5e-5)


def test_responses_without_a_positive_weight_are_counted_by_reason() -> None:
    """A weight is never guessed, and a response without an answer has that reason only."""
    cells = ["2", None, " ", "0", "-1", "1,5", "inf", "nan", "1e101", " 1.5 ", "1"]
    counts, result = weighted([*["10"] * 10, None], cells)
    assert (counts.responses, counts.answered, counts.answers) == (11, 2, {"10": 2})
    assert counts.unanswered == {
        "not_answered": 1,
        WeightReason.MISSING: 2,
        WeightReason.NEGATIVE: 1,
        WeightReason.UNREADABLE: 4,
        WeightReason.ZERO: 1,
    }
    assert counts.weights is not None
    assert counts.weights.answered == WeightSum(3.5, 6.25)
    assert counts.weights.responses == WeightSum(4.5, 7.25)
    assert result.current.value == 100


def test_without_any_weight_there_is_no_value_and_a_reason() -> None:
    """There are answers, so “no answers” would be wrong."""
    _, result = weighted(["10", "3"], ["0", None])
    assert result.current.value is None
    assert result.current.reason == "None of the answers has a weight above 0."


rows = st.lists(
    st.tuples(st.integers(0, 10), st.floats(1e-3, 1e3), st.sampled_from(["n", "s"])), min_size=1
)


def by_rows(rows: Sequence[tuple[int, float]], calculation: Calculation) -> float:
    """Return a weighted value as its definition has it, row by row."""
    whole = sum((Fraction(w) for _, w in rows), Fraction())

    def part(wanted: set[int]) -> Fraction:
        return sum((100 * Fraction(w) for n, w in rows if n in wanted), Fraction()) / whole

    match calculation:
        case Calculation.AVERAGE:
            return float(sum(n * Fraction(w) for n, w in rows) / whole)
        case Calculation.NPS:
            return float(part({9, 10}) - part({*range(7)}))
        case Calculation.TOP_BOX:
            return float(part({10}))
        case Calculation.TOP_2_BOX:
            return float(part({9, 10}))
        case Calculation.BOTTOM_2_BOX:
            return float(part({0, 1}))
        case _:
            return float(part({3, 7}))


@examples(sample=12, thorough=300)
@given(rows, st.sampled_from([one for one in VALUES if one is not Calculation.MEDIAN]))
def test_values_are_those_of_the_rows(
    drawn: list[tuple[int, float, str]], calculation: Calculation
) -> None:
    """Overall and in each group, values equal those that are calculated row by row."""
    made = asked(calculation, group_by="field:region")
    tally = count(
        frame(
            [str(n) for n, _, _ in drawn],
            w=[repr(w) for _, w, _ in drawn],
            region=[region for *_, region in drawn],
        ),
        made,
        weight=pl.col("w"),
        group=pl.col("region"),
        choices=NPS_SCALE,
    )
    result = calculate(made, tally, AS_OF)
    expected = {None: drawn} | {
        region: [row for row in drawn if row[2] == region] for region in {row[2] for row in drawn}
    }
    found: dict[str | None, Any] = {None: result.current}
    found |= {group.key: group for group in result.groups}
    assert found.keys() == expected.keys()
    for key, several in expected.items():
        weights = [w for _, w, _ in several]
        value = by_rows([(n, w) for n, w, _ in several], calculation)
        assert found[key].value == pytest.approx(value, rel=1e-9, abs=1e-9)
        effective_n = fsum(weights) ** 2 / fsum(w * w for w in weights)
        assert found[key].effective_n == pytest.approx(effective_n, rel=1e-9)
        assert found[key].effective_n <= found[key].answered


@examples(sample=12, thorough=300)
@given(
    st.lists(st.integers(0, 10), min_size=1, max_size=200),
    st.floats(1e-9, 1e9),
    st.sampled_from([*VALUES, Calculation.DISTRIBUTION]),
)
def test_equal_weights_give_exactly_the_unweighted_result(
    drawn: list[int], weight: float, calculation: Calculation
) -> None:
    """To the last digit, whatever the weight is."""
    answers = [str(n) for n in drawn]
    _, result = weighted(answers, [repr(weight)] * len(drawn), calculation)
    plain = asked(calculation)
    plain = plain.model_copy(
        update={"definition": plain.definition.model_copy(update={"weight": None})}
    )
    expected = calculate(plain, count(frame(answers), plain, choices=NPS_SCALE), AS_OF)
    assert result.current.effective_n == len(drawn)
    assert result.current.value == expected.current.value
    assert [one.value for one in result.groups] == [one.value for one in expected.groups]
    assert result.current.low_sample == expected.current.low_sample


@examples(sample=12, thorough=300)
@given(rows, st.floats(1e-6, 1e6), st.sampled_from(VALUES))
def test_multiplying_all_weights_by_a_constant_changes_nothing(
    drawn: list[tuple[int, float, str]], factor: float, calculation: Calculation
) -> None:
    """Only the ratios of weights matter."""
    answers = [str(n) for n, _, _ in drawn]
    _, one = weighted(answers, [repr(w) for _, w, _ in drawn], calculation)
    _, other = weighted(answers, [repr(w * factor) for _, w, _ in drawn], calculation)
    assert other.current.value == pytest.approx(one.current.value, rel=1e-12, abs=1e-12)
    assert other.current.effective_n == pytest.approx(one.current.effective_n, rel=1e-9)


def test_parts_of_a_file_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts exactly, sums to 1e-12."""
    monkeypatch.setattr(key_counts, "MOST_KEYS", 3)
    rows = frame([str(n % 11) for n in range(1000)], w=[repr(0.1 + n % 7 / 3) for n in range(1000)])
    request = TallyRequest(
        asked(Calculation.NPS),
        TallyColumns(recorded=RECORDED, answer=ANSWER, weight=pl.col("w")),
        NPS_SCALE,
    )

    def total(sizes: Sequence[int]) -> Counts:
        builder = TallyBuilder([request])
        for start, size in zip([sum(sizes[:n]) for n in range(len(sizes))], sizes, strict=True):
            builder.add(rows.slice(start, size))
        tally = builder.tallies(AS_OF)["1"]
        assert isinstance(tally, Tally)
        return tally.window("current").total

    whole, parts = total([1000]), total([1, 332, 0, 667])
    assert parts.answers == whole.answers
    assert whole.weights is not None
    assert parts.weights is not None
    for key, sums in whole.weights.answers.items():
        assert parts.weights.answers[key].sum == pytest.approx(sums.sum, rel=1e-12)
        assert parts.weights.answers[key].squares == pytest.approx(sums.squares, rel=1e-12)


@pytest.mark.parametrize("weight", [0.1, 0.7, 1.3])
def test_sums_of_many_equal_weights_have_no_rounding_error(weight: float) -> None:
    """A simple sum of floats would be wrong by 2e-12."""
    size = 2**17
    rows = frame([], recorded=[]).clear(size).with_columns(
        recorded=pl.lit(AS_OF), answer=pl.lit("9"), w=pl.lit(repr(weight))
    )  # fmt: skip
    made = asked(Calculation.NPS)
    tally = count(rows, made, weight=pl.col("w"), choices=NPS_SCALE)
    weights = tally.window("current").total.weights
    assert weights is not None
    assert weights.answered.sum == pytest.approx(size * weight, rel=1e-15)
    assert weights.answered.squares == pytest.approx(size * weight**2, rel=1e-15)


def test_a_share_of_several_answers_weighs_each_response_once() -> None:
    """A response with both answers has its weight once."""
    made = asked(Calculation.SHARE, answers=("a", "b"))
    rows = frame([None] * 3, a=["1", "1", ""], b=["1", "", ""], c=["", "", "1"], w=["2", "3", "5"])
    ticks: Mapping[str, pl.Expr] = {key: pl.col(key) == "1" for key in "abc"}
    tally = count(
        rows,
        made,
        answer=None,
        answers=ticks,
        weight=pl.col("w"),
        choices=[Choice(key=key, label=key) for key in "abc"],
    )
    weights = tally.window("current").total.weights
    assert weights is not None
    assert weights.chosen == WeightSum(5.0, 13.0)
    assert {key: sums.sum for key, sums in weights.answers.items()} == {"a": 5, "b": 2, "c": 5}
    assert calculate(made, tally, AS_OF).current.value == 50


def test_totals_have_the_weighted_sums() -> None:
    """Too many different numbers to store have an average and what its interval needs."""
    made = asked(Calculation.AVERAGE)
    numbers = [str(n) for n in range(1, 10_003)]
    weights = [repr(1 + n % 3) for n in range(1, 10_003)]
    tally = count(frame(numbers, w=weights), made, weight=pl.col("w"), number=True, choices=())
    counts = tally.window("current").total
    pairs = [(int(x), float(w)) for x, w in zip(numbers, weights, strict=True)]
    assert counts.totals == Totals(
        sum=sum(x for x, _ in pairs),
        minimum=1,
        maximum=10_002,
        squares=sum(x * x for x, _ in pairs),
        weighted=WeightedTotals(
            wx=sum(x * w for x, w in pairs),
            w2x=sum(x * w * w for x, w in pairs),
            w2x2=sum(x * x * w * w for x, w in pairs),
        ),
    )
    expected = sum(x * w for x, w in pairs) / sum(w for _, w in pairs)
    assert calculate(made, tally, AS_OF).current.value == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("weights", "median"),
    [
        (["1", "1", "2"], 2.5),
        (["1", "1", "1"], 2),
        (["0.1", "0.2", "0.3"], 2.5),
        (["1", "1", "2.5"], 3),
        (["3", "1", "1"], 1),
    ],
)
def test_a_weighted_median_has_half_of_the_weight_on_each_side(
    weights: list[str], median: float
) -> None:
    """With half of the weight exactly up to a value, it is the mean of that and the next one."""
    _, result = weighted(["1", "2", "3"], weights, Calculation.MEDIAN)
    assert result.current.value == median


def test_a_query_needs_the_column_of_its_weight() -> None:
    """A source that forgets it is told so."""
    with pytest.raises(ValueError, match="no column for the weight field:w"):
        count(frame(["1"]), asked(Calculation.AVERAGE))


def test_weighted_and_unweighted_queries_are_counted_together() -> None:
    """One pass, each with its own value."""
    columns = TallyColumns(recorded=RECORDED, answer=ANSWER, weight=pl.col("w"))
    plain = query(Calculation.AVERAGE)
    requests = [
        TallyRequest(plain, columns, NPS_SCALE),
        TallyRequest(asked(Calculation.AVERAGE).model_copy(update={"id": "2"}), columns, NPS_SCALE),
    ]
    builder = TallyBuilder(requests)
    builder.add(frame(["2", "8"], w=["3", "1"]))
    results = {
        request.query.id: calculate(request.query, tally, AS_OF)
        for request in requests
        if isinstance(tally := builder.tallies(AS_OF)[request.query.id], Tally)
    }
    assert {name: one.current.value for name, one in results.items()} == {"1": 5, "2": 3.5}
    assert results["1"].current.effective_n is None


def test_answers_to_a_question_with_values_are_weights() -> None:
    """The value of a choice is the weight, not its key; an unknown key is unreadable."""
    question = Question(
        id="W",
        text="Weight",
        kind=QuestionKind.SINGLE_CHOICE,
        choices=(
            Choice(key="a", label="Light", value=0.5),
            Choice(key="b", label="Heavy", value=2),
            Choice(key="c", label="Unknown", value=9, analyze=False),
        ),
    )
    cells = pl.DataFrame({"cell": ["a", "b", "c", "", None, "7"]})
    texts = cells.select(weight_text(pl.col("cell"), question)).to_series().to_list()
    assert texts[:5] == ["0.5", "2.0", None, None, None]
    counts, _ = weighted(["1"], [texts[5]])
    assert counts.unanswered == {WeightReason.UNREADABLE: 1}
