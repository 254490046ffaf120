"""Net scores and scores with common names: CSAT and CES."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from smaply_metrics_core.calculations.results import calculate
from smaply_metrics_core.calculations.rules import allowed_calculations, check_definition
from smaply_metrics_core.errors import CalculationRefused, MetricsError, QueryInvalid
from smaply_metrics_core.models.query import (
    Calculation,
    ComparedPeriod,
    DateRange,
    Definition,
    MetricType,
    Window,
)
from smaply_metrics_core.models.survey import Question, QuestionKind, Questionnaire, Survey
from smaply_metrics_core.models.tally import Counts, Weights, WeightSum
from smaply_metrics_core.models.uncertainty import IntervalMethod, Verdict
from tests.calculations.factories import (
    AS_OF,
    NOT_APPLICABLE,
    choices,
    counts,
    instant,
    query,
    scale,
    tally_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from smaply_metrics_core.models.result import Result
    from smaply_metrics_core.models.survey import Choice

NPS_SIDES: dict[str, Any] = {
    "top_answers": ("9", "10"),
    "bottom_answers": tuple(map(str, range(7))),
}
FEBRUARY = Window(start=instant("2026-02-01"), end=instant("2026-03-01"))
JANUARY = Window(name="previous", start=instant("2026-01-01"), end=instant("2026-02-01"))


def score(
    calculation: Calculation,
    given: Mapping[str, int] | Counts,
    offered: tuple[Choice, ...],
    **parts: Any,  # noqa: ANN401  # As ``query`` takes them.
) -> Result:
    """Return the result of a Number."""
    total = given if isinstance(given, Counts) else counts(given)
    return calculate(query(calculation, **parts), tally_of(total, choices=offered), AS_OF)


@pytest.mark.parametrize(
    ("promoters", "passives", "detractors"), [(4, 2, 2), (19, 12, 5), (250, 675, 75), (15, 0, 0)]
)
def test_nps_is_the_net_score_of_its_boxes(promoters: int, passives: int, detractors: int) -> None:
    """The value and its interval are the same."""
    given = {"9": promoters, "8": passives, "0": detractors}
    nps = score(Calculation.NPS, given, scale(0, 10)).current
    net = score(Calculation.NET_SCORE, given, scale(0, 10), **NPS_SIDES).current

    assert (net.value, net.interval) == (nps.value, nps.interval)
    assert net.interval is not None
    assert net.interval.method is IntervalMethod.ADJUSTED_WALD


def test_the_change_of_a_net_score_is_judged_like_that_of_an_nps() -> None:
    """The worked example of NPS: 40/40/20 to 52/28/20 is no clear change."""
    before, now = counts({"9": 40, "8": 40, "0": 20}), counts({"9": 52, "8": 28, "0": 20})
    tally = tally_of(now, previous=before, choices=scale(0, 10))
    asked = query(
        Calculation.NET_SCORE,
        windows=(FEBRUARY, JANUARY),
        type=MetricType.COMPARISON,
        range=DateRange(preset="last_month"),
        **NPS_SIDES,
    )

    change = calculate(asked, tally, AS_OF).change

    assert change is not None
    assert change.interval is not None
    assert change.difference == pytest.approx(12)
    assert (change.interval.low, change.interval.high) == pytest.approx((-9.30, 32.60), abs=0.005)
    assert change.verdict is Verdict.NO_CLEAR_CHANGE


def test_a_weighted_net_score() -> None:
    """The worked example of weights: +1, 0 and -1 with Σw 4, 2, 2 are 25."""
    sums = {"a": WeightSum(4, 5), "b": WeightSum(2, 2), "c": WeightSum(2, 2.08)}
    weights = Weights(answered=WeightSum(8, 9.08), answers=sums)
    given = Counts(responses=8, answered=8, answers={"a": 4, "b": 2, "c": 2}, weights=weights)

    found = score(
        Calculation.NET_SCORE,
        given,
        choices("A", "B", "C"),
        top_answers=("a",),
        bottom_answers=("c",),
    )

    assert found.current.value == 25
    assert found.current.effective_n == pytest.approx(7.0485, abs=1e-4)
    assert found.formula == "Net score: share of “A” minus share of “C”, of 8 answers, weighted"


@pytest.mark.parametrize(
    ("calculation", "offered", "parts", "value", "formula"),
    [
        ("csat", scale(1, 5), {}, 60, "CSAT: share of 4-5 on a scale of 1-5"),
        ("csat", scale(1, 5), {"reverse_scale": True}, 30, "CSAT: share of 1-2 on a scale of 1-5"),
        ("ces_percent", scale(1, 5), {}, 60, "CES (percent): share of 4-5 on a scale of 1-5"),
        ("ces_percent", scale(1, 7), {}, 40, "CES (percent): share of 5-7 on a scale of 1-7"),
        ("ces_average", scale(1, 7), {}, 3.5, "CES (average): average on a scale of 1-7"),
        ("top_box", scale(-2, 5), {}, 40, "Top box: share of 5 on a scale of -2 to 5"),
        ("share", scale(1, 5), {"answers": ("3",)}, 10, "Share: share of “Answer 3”"),
        ("nps", scale(0, 10), {}, -100, "NPS: share of 9-10 minus share of 0-6"),
        ("median", scale(1, 5), {}, 4, ""),
    ],
)
def test_a_score_names_its_formula_and_its_base(
    calculation: str, offered: tuple[Choice, ...], parts: dict[str, object], value: float,
    formula: str,
) -> None:  # fmt: skip
    """The text has the values that count, those of the scale, and the number of answers."""
    given = {"5": 4, "4": 2, "3": 1, "2": 1, "1": 2}
    found = score(Calculation(calculation), given, (*offered, NOT_APPLICABLE), **parts)

    assert found.current.value == pytest.approx(value)
    # En dashes and minus signs, which are hard to tell from hyphens in code.
    text = found.formula.replace("\N{EN DASH}", "-").replace("\N{MINUS SIGN}", "-")
    assert text == (f"{formula}, of 10 answers" if formula else "")


def test_a_score_has_the_interval_of_its_arithmetic() -> None:
    """CSAT that of the top 2 box, CES that of the average."""
    given = {"5": 4, "4": 2, "3": 1, "2": 1, "1": 2}
    for name, same in (("csat", "top_2_box"), ("ces_average", "average")):
        named, plain = (score(Calculation(one), given, scale(1, 5)).current for one in (name, same))
        assert (named.value, named.interval) == (plain.value, plain.interval)


def test_the_base_of_several_answers_is_respondents() -> None:
    """Their answers add up to more than the respondents."""
    given = counts({"shop": 2, "web": 2}, answered=3)
    tally = tally_of(given, choices=choices("Shop", "Web"), multiple=True)

    found = calculate(query(Calculation.DISTRIBUTION), tally, AS_OF)

    assert found.formula == "Distribution: share of each answer, of 3 respondents"


def survey(kind: QuestionKind, offered: tuple[Choice, ...] = ()) -> Questionnaire:
    """Return a survey with the question Q."""
    question = Question(
        id="Q",
        text="How was it?",
        kind=kind,
        choices=offered,
        calculations=allowed_calculations(kind, offered),
    )
    return Questionnaire(survey=Survey(id="S", name="Survey"), questions=(question,))


STARS = survey(QuestionKind.SINGLE_CHOICE, scale(1, 5, NOT_APPLICABLE))
AGE = survey(QuestionKind.NUMBER)


@pytest.mark.parametrize(
    ("questionnaire", "calculation", "top", "bottom", "error", "message"),
    [
        (STARS, "net_score", (), ("1",), QueryInvalid, "at least one top answer"),
        (STARS, "net_score", ("5",), (), QueryInvalid, "at least one bottom answer"),
        (STARS, "net_score", ("5", "3"), ("3",), QueryInvalid, "“3” is a top and a bottom answer"),
        (STARS, "net_score", ("5",), ("7",), MetricsError, "has no answer “7”"),
        (STARS, "net_score", ("99",), ("1",), CalculationRefused, "does not count as an answer"),
        (STARS, "csat", ("5",), (), QueryInvalid, "does not use top or bottom answers"),
        (AGE, "net_score", ("3",), ("3.0",), QueryInvalid, "is a top and a bottom answer"),
        (AGE, "net_score", ("x",), ("1",), MetricsError, "is not a number"),
    ],
)
def test_the_sides_of_a_net_score_are_checked(  # noqa: PLR0917  # The columns of the table.
    questionnaire: Questionnaire,
    calculation: str,
    top: tuple[str, ...],
    bottom: tuple[str, ...],
    error: type[MetricsError],
    message: str,
) -> None:
    """Each side has answers of the question, and no answer is on both."""
    definition = Definition(
        survey_id="S",
        question_id="Q",
        calculation=Calculation(calculation),
        top_answers=top,
        bottom_answers=bottom,
    )
    with pytest.raises(error, match=message):
        check_definition(definition, questionnaire)


def test_only_a_comparison_is_compared() -> None:
    """Other types refuse a period to compare with."""
    parts = {"survey_id": "S", "calculation": "responses", "range": {"preset": "last_month"}}
    last_year = {"compare_with": "same_period_last_year"}
    check_definition(Definition.model_validate(parts | last_year | {"type": "comparison"}), STARS)
    with pytest.raises(QueryInvalid, match="A Number is not compared"):
        check_definition(Definition.model_validate(parts | last_year), STARS)


def test_parts_that_are_not_used_leave_the_fingerprint_as_it_was() -> None:
    """Values that were stored by earlier versions remain valid."""
    plain = Definition(survey_id="S", question_id="Q", calculation=Calculation.NPS)
    net = plain.model_copy(update={"calculation": Calculation.NET_SCORE, **NPS_SIDES})
    other = net.model_copy(update={"top_answers": ("10",)})

    last_year = plain.model_copy(update={"compare_with": ComparedPeriod.SAME_PERIOD_LAST_YEAR})
    found = [one.fingerprint(zone="UTC", week_start=1) for one in (plain, net, other, last_year)]

    assert found[0] == "60a894352eede325321f3897334b201c"
    assert len({*found}) == 4
