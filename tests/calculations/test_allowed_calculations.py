"""The calculations that a question allows, by its kind and scale."""

from __future__ import annotations

import pytest

from smaply_metrics_core.calculations.rules import CALCULATIONS, allowed_calculations, scale_values
from smaply_metrics_core.models.query import Calculation
from smaply_metrics_core.models.survey import Choice, QuestionKind
from tests.calculations.factories import NOT_APPLICABLE, choices, scale

COUNTS = "responses answered"
NUMBERS = "average median sum minimum maximum"
BOXES = "top_box top_2_box bottom_2_box"
OF_FIVE = "csat ces_percent ces_average"
ANSWERS = "share distribution"


@pytest.mark.parametrize(
    ("kind", "offered", "allowed"),
    [
        ("single_choice", scale(1, 5), f"{COUNTS} {NUMBERS} net_score {BOXES} {OF_FIVE} {ANSWERS}"),
        ("single_choice", scale(0, 10), f"{COUNTS} {NUMBERS} nps net_score {BOXES} {ANSWERS}"),
        # Ten of the eleven are not the scale that NPS is defined on.
        ("single_choice", scale(1, 10), f"{COUNTS} {NUMBERS} net_score {BOXES} {ANSWERS}"),
        (
            "single_choice",
            scale(1, 7),
            f"{COUNTS} {NUMBERS} net_score {BOXES} ces_percent ces_average {ANSWERS}",
        ),
        ("single_choice", scale(1, 2), f"{COUNTS} {NUMBERS} net_score top_box {ANSWERS}"),
        ("single_choice", scale(1, 1), f"{COUNTS} {NUMBERS} {ANSWERS}"),
        ("single_choice", choices("Yes", "No"), f"{COUNTS} net_score {ANSWERS}"),
        ("single_choice", (), COUNTS),
        ("single_choice", (NOT_APPLICABLE,), COUNTS),
        ("nps", scale(0, 10), f"{COUNTS} {NUMBERS} nps net_score {BOXES} {ANSWERS}"),
        ("nps", scale(1, 10), f"{COUNTS} {NUMBERS} nps net_score {BOXES} {ANSWERS}"),
        # Numbered from 1 to 11, an NPS question would give a wrong NPS.
        ("nps", scale(1, 11), f"{COUNTS} {NUMBERS} net_score {BOXES} {ANSWERS}"),
        ("nps", choices("Low", "High"), f"{COUNTS} net_score {ANSWERS}"),
        ("multiple_choice", scale(1, 5), f"{COUNTS} {ANSWERS}"),
        ("multiple_choice", choices("Shop", "Web"), f"{COUNTS} {ANSWERS}"),
        ("multiple_choice", (), COUNTS),
        ("number", (), f"{COUNTS} {NUMBERS} net_score {ANSWERS}"),
        ("text", (), COUNTS),
        ("other", (), COUNTS),
        ("group", scale(1, 5), "responses"),
    ],
)
def test_a_question_allows(kind: str, offered: tuple[Choice, ...], allowed: str) -> None:
    """Each kind of question, with its choices, allows exactly these calculations, in this order."""
    assert " ".join(allowed_calculations(QuestionKind(kind), offered)) == allowed


def test_half_numbers_are_no_nps_scale() -> None:
    """An NPS question with a value between two whole numbers has no NPS."""
    odd = (*scale(0, 9), Choice(key="x", label="9 and a half", value=9.5))

    assert Calculation.NPS not in allowed_calculations(QuestionKind.NPS, odd)


def test_not_applicable_is_not_on_the_scale() -> None:
    """A choice that enters no denominator is not part of the scale."""
    with_it, without = scale(0, 10, NOT_APPLICABLE), scale(0, 10)

    assert scale_values(with_it) == scale_values(without) == tuple(range(11))
    assert allowed_calculations(QuestionKind.NPS, with_it) == allowed_calculations(
        QuestionKind.NPS, without
    )


def test_half_a_scale_is_none() -> None:
    """A scale with one choice without a value has no values."""
    assert scale_values((*scale(1, 5), Choice(key="x", label="Other"))) == ()


def test_answers_of_one_value_are_one_place_on_the_scale() -> None:
    """Two choices with the same value are one value of the scale."""
    assert scale_values((*scale(1, 3), Choice(key="4", label="Also 3", value=3))) == (1, 2, 3)


def test_every_calculation_has_a_meaning() -> None:
    """The table defines each calculation once, in the order of lists."""
    assert list(CALCULATIONS) == list(Calculation)
