"""The models of weights, and the rules of weighted definitions."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from smaply_metrics_core.calculations.rules import check_definition
from smaply_metrics_core.errors import CalculationRefused, QueryInvalid, QuestionUnavailable
from smaply_metrics_core.models.query import Calculation, Definition, Weight
from smaply_metrics_core.models.survey import (
    Choice,
    EmbeddedField,
    Question,
    QuestionKind,
    Questionnaire,
    Survey,
)
from smaply_metrics_core.models.tally import Counts, Weights, WeightSum

SURVEY = Questionnaire(
    survey=Survey(id="S", name="Shop"),
    questions=(
        Question(
            id="nps",
            text="NPS",
            kind=QuestionKind.NPS,
            choices=tuple(Choice(key=str(n), label=str(n), value=n) for n in range(11)),
            calculations=tuple(Calculation),
        ),
        Question(id="size", text="Size", kind=QuestionKind.NUMBER),
        Question(id="why", text="Why", kind=QuestionKind.TEXT),
    ),
    fields=(EmbeddedField(name="w"),),
    can_weight=True,
)


def definition(weight: str | None, calculation: Calculation = Calculation.NPS) -> Definition:
    """Return the definition of a metric."""
    return Definition(
        survey_id="S",
        question_id="nps",
        calculation=calculation,
        weight=Weight.parse(weight) if weight else None,
    )


def test_definitions_without_a_weight_keep_their_fingerprint() -> None:
    """A value that was stored before there were weights is still shown."""
    plain = definition(None).fingerprint(zone="UTC", week_start=1)
    assert plain == "675bce2fe343877200cc05d448acb466"
    assert definition("field:w").fingerprint(zone="UTC", week_start=1) != plain


@pytest.mark.parametrize("text", ["w", "field:", "period:month", ""])
def test_other_texts_are_not_weights(text: str) -> None:
    """The remedy names the two forms."""
    with pytest.raises(QueryInvalid):
        Weight.parse(text)


def test_the_question_of_a_weight_is_named() -> None:
    """So that it is loaded, and its deletion is noticed."""
    assert definition("question:size").named_questions()[-1] == ("weight", "size")
    assert str(definition("question:size").weight) == "question:size"


@pytest.mark.parametrize("weight", ["field:w", "question:size", "question:nps"])
def test_fields_and_numeric_questions_are_weights(weight: str) -> None:
    """One number per response."""
    check_definition(definition(weight), SURVEY)


@pytest.mark.parametrize(
    ("weight", "calculation", "error"),
    [
        ("field:gone", Calculation.NPS, QuestionUnavailable),
        ("question:gone", Calculation.NPS, QuestionUnavailable),
        ("question:why", Calculation.NPS, CalculationRefused),
        ("field:w", Calculation.SUM, QueryInvalid),
        ("field:w", Calculation.RESPONSES, QueryInvalid),
        ("field:w", Calculation.MAXIMUM, QueryInvalid),
    ],
)
def test_impossible_weights_are_refused_with_a_remedy(
    weight: str, calculation: Calculation, error: type[Exception]
) -> None:
    """Before anything is fetched."""
    with pytest.raises(error) as raised:
        check_definition(definition(weight, calculation), SURVEY)
    assert getattr(raised.value, "remedy", "")


def test_a_source_without_weights_refuses_them() -> None:
    """A source that was written before there were weights is never asked for them."""
    with pytest.raises(CalculationRefused, match="does not support weights"):
        check_definition(definition("field:w"), SURVEY.model_copy(update={"can_weight": False}))


@pytest.mark.parametrize(
    "weights",
    [
        Weights(answered=WeightSum(2.0, 2.0)),
        Weights(answered=WeightSum(2.0, 1.0), answers={"1": WeightSum(2.0, 1.0)}),
        Weights(answered=WeightSum(2.0, 9.0), answers={"1": WeightSum(2.0, 9.0)}),
        Weights(answered=WeightSum(), answers={"1": WeightSum()}),
        Weights(
            responses=WeightSum(1.0, 1.0),
            answered=WeightSum(2.0, 2.0),
            answers={"1": WeightSum(2.0, 2.0)},
        ),
        Weights(
            answered=WeightSum(2.0, 2.0),
            answers={"1": WeightSum(2.0, 2.0)},
            chosen=WeightSum(2.0, 2.0),
        ),
    ],
)
def test_impossible_sums_are_rejected(weights: Weights) -> None:
    """Two responses cannot have these weights: other keys, too small, too large, none."""
    with pytest.raises(ValidationError):
        Counts(responses=2, answered=2, answers={"1": 2}, weights=weights)


def test_sums_survive_the_store() -> None:
    """As JSON, and counts that were stored before there were weights have none."""
    counts = Counts(
        responses=2,
        answered=2,
        answers={"1": 2},
        weights=Weights(answered=WeightSum(2.5, 4.25), answers={"1": WeightSum(2.5, 4.25)}),
    )
    assert Counts.model_validate_json(counts.model_dump_json()) == counts
    assert Counts.model_validate_json('{"responses": 0}').weights is None
