"""Choices, rows and scale points that are carried forward from another question."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from plugins.qualtrics.tests.connector.stub_api import StubApi, StubColumn
from plugins.qualtrics.tests.connector.support import mc, query, survey_definition
from plugins.qualtrics.tests.connector.support import read_survey_with as read
from smaply_metrics_core import Question

SOURCE = {
    "QuestionText": "Source",
    "QuestionType": "Matrix",
    "Selector": "Likert",
    "SubSelector": "SingleAnswer",
    "Choices": {"1": {"Display": "Speed"}, "2": {"Display": "Price"}},
    "Answers": {
        "11": {"Display": "Bad"},
        "12": {"Display": "Fair"},
        "13": {"Display": "Good"},
    },
    "RecodeValues": {"11": "1", "12": "2", "13": "3"},
}
CHOICES = "q://QID1/ChoiceGroup/AllChoices"
ANSWERS = "q://QID1/AnswerGroup/AllAnswers"


def matrix(**carried: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return a matrix without scale points of its own."""
    return {
        "QuestionText": "Target",
        "QuestionType": "Matrix",
        "Selector": "Likert",
        "SubSelector": "SingleAnswer",
        "Choices": {"1": {"Display": "Row"}},
        "Answers": [],
        **carried,
    }


def row_of(source: dict[str, Any], target: dict[str, Any]) -> Question:
    """Return the first row of the target matrix."""
    questionnaire = read({"QID1": source, "QID2": target}).questionnaire
    return questionnaire.question("QID2").sub_questions[0]


def scale(question: Question) -> list[tuple[str, str, float | None]]:
    """Return the key, label and value of each choice."""
    return [(choice.key, choice.label, choice.value) for choice in question.choices]


@pytest.mark.parametrize(
    "carried",
    [
        {"DynamicAnswers": {"Locator": ANSWERS, "Type": "AnswerGroup"}},
        {"DynamicChoices": {"Locator": ANSWERS, "Type": "AnswerGroup"}},
    ],
)
def test_scale_points_of_a_matrix_are_carried(carried: dict[str, Any]) -> None:
    """They keep their labels and values, and the row can be averaged."""
    row = row_of(SOURCE, matrix(**carried))
    assert scale(row) == [("x11", "Bad", 1), ("x12", "Fair", 2), ("x13", "Good", 3)]
    assert {"average", "top_box"} <= set(row.calculations)


def test_choices_become_scale_points() -> None:
    """The choices of a multiple-choice question can be the scale of a matrix."""
    source = mc("Used", {"1": "Never", "2": "Daily"}, RecodeValues={"1": "0", "2": "7"})
    row = row_of(source, matrix(DynamicAnswers={"Locator": CHOICES}))
    assert scale(row) == [("x1", "Never", 0), ("x2", "Daily", 7)]


def test_scale_points_become_choices_and_rows() -> None:
    """The locator says which options of the source are carried."""
    target = mc("Best", {}, Choices=[], DynamicChoices={"Locator": ANSWERS})
    questionnaire = read({"QID1": SOURCE, "QID2": target}).questionnaire
    assert [choice.label for choice in questionnaire.question("QID2").choices] == [
        "Bad",
        "Fair",
        "Good",
    ]
    rows = matrix(Choices=[], DynamicChoices={"Locator": ANSWERS}, Answers={"1": {"Display": "Y"}})
    question = read({"QID1": SOURCE, "QID2": rows}).questionnaire.question("QID2")
    assert [(row.id, row.text) for row in question.sub_questions] == [
        ("QID2_x11", "Bad"),
        ("QID2_x12", "Fair"),
        ("QID2_x13", "Good"),
    ]


def test_rows_and_scale_points_are_carried_together() -> None:
    """Each has its own source."""
    target = matrix(
        Choices=[], DynamicChoices={"Locator": CHOICES}, DynamicAnswers={"Locator": ANSWERS}
    )
    question = read({"QID1": SOURCE, "QID2": target}).questionnaire.question("QID2")
    assert [row.text for row in question.sub_questions] == ["Speed", "Price"]
    assert {len(row.choices) for row in question.sub_questions} == {3}


def test_own_recodes_take_the_place_of_the_source() -> None:
    """If this question recodes any carried option, the others have no value."""
    carried = {"DynamicAnswers": {"Locator": ANSWERS}}
    recoded = {"x11": "5", "x12": "6", "x13": "7"}
    assert scale(row_of(SOURCE, matrix(**carried, RecodeValues=recoded))) == [
        ("5", "Bad", 5),
        ("6", "Fair", 6),
        ("7", "Good", 7),
    ]
    some = scale(row_of(SOURCE, matrix(**carried, RecodeValues={"x11": "5"})))
    assert some == [("5", "Bad", 5), ("x12", "Fair", None), ("x13", "Good", None)]


def test_scale_points_carried_twice_keep_their_values() -> None:
    """A question can carry forward what another one carried forward."""
    middle = matrix(DynamicAnswers={"Locator": ANSWERS})
    last = matrix(DynamicAnswers={"Locator": "q://QID2/AnswerGroup/AllAnswers"})
    survey = read({"QID1": SOURCE, "QID2": middle, "QID3": last}).questionnaire
    row = survey.question("QID3").sub_questions[0]
    assert scale(row) == [("xx11", "Bad", 1), ("xx12", "Fair", 2), ("xx13", "Good", 3)]


def test_a_cycle_of_scale_points_is_handled() -> None:
    """A survey with such a cycle is still read."""
    one = matrix(DynamicAnswers={"Locator": "q://QID2/AnswerGroup/AllAnswers"})
    two = matrix(DynamicAnswers={"Locator": "q://QID1/AnswerGroup/AllAnswers"})
    assert len(read({"QID1": one, "QID2": two}).questionnaire.questions) == 2


@pytest.mark.parametrize("given", [("x11", "x13"), ("11", "13"), ("1", "3")])
def test_any_spelling_of_a_scale_point_is_counted(tmp_path: Path, given: tuple[str, str]) -> None:
    """It is undocumented whether exports contain the own or the original id or recode."""
    definition = survey_definition(
        {"QID1": SOURCE, "QID2": matrix(DynamicAnswers={"Locator": ANSWERS})}
    )
    api = StubApi(tmp_path, definition, [StubColumn("QID2_1", "QID2", [*given, given[1]])])
    assert api.measure(query("average", "QID2_1")).current.value == pytest.approx(7 / 3)
    labels = api.measure(query("distribution", "QID2_1")).groups
    assert {group.label: group.answered for group in labels} == {"Bad": 1, "Fair": 0, "Good": 2}


def test_several_carried_answers_have_columns_of_their_own(tmp_path: Path) -> None:
    """A matrix with several answers per row has one column for each carried scale point."""
    target = matrix(DynamicAnswers={"Locator": ANSWERS}, SubSelector="MultipleAnswer")
    columns = [
        StubColumn(f"QID2_1_x{n}", "QID2", cells)
        for n, cells in ((11, ["1", ""]), (12, ["", ""]), (13, ["1", "1"]))
    ]
    api = StubApi(tmp_path, survey_definition({"QID1": SOURCE, "QID2": target}), columns)
    result = api.measure(query("distribution", "QID2_1"))
    assert {group.label: group.value for group in result.groups} == {
        "Bad": 50,
        "Fair": 0,
        "Good": 100,
    }


def test_carried_options_can_be_listed_like_own_ones(tmp_path: Path) -> None:
    """A definition may repeat them, without their texts or values."""
    target = matrix(
        DynamicAnswers={"Locator": ANSWERS},
        Answers={"x11": {"Display": ""}, "x12": {"Display": "Middle"}, "4": {"Display": "N/A"}},
        AnalyzeChoices={"4": "No"},
    )
    row = row_of(SOURCE, target)
    assert scale(row) == [
        ("x13", "Good", 3),
        ("x11", "Bad", 1),
        ("x12", "Middle", 2),
        ("4", "N/A", 4),
    ]
    api = StubApi(
        tmp_path,
        survey_definition({"QID1": SOURCE, "QID2": target}),
        [StubColumn("QID2_1", "QID2", ["11", "x12", "4"])],
    )
    assert api.measure(query("average", "QID2_1")).current.value == 1.5


def test_an_own_choice_whose_id_begins_with_x_is_its_own() -> None:
    """Only the definition says what is carried forward."""
    own = read({"QID1": mc("Q", {"x1": "Extra", "1": "One"})})
    assert own.answer_columns["QID1"].spellings == {}
