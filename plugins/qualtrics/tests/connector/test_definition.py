"""Tests of parsing a survey definition with all its peculiarities into a questionnaire."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.qualtrics.tests.connector.support import (
    MATRIX,
    SURVEY,
    embedded,
    mc,
)
from plugins.qualtrics.tests.connector.support import read_survey_with as read
from smaply_metrics_core import QuestionKind, QuestionUnavailable, SourceUnavailable
from smaply_metrics_qualtrics.survey.definition import moment, read_definition, read_survey


def test_a_survey_has_its_name_dates_and_state() -> None:
    """The name is plain text."""
    survey = read({}, SurveyName="Caf&eacute; <b>survey</b>").questionnaire.survey
    assert survey.name == "Café survey"
    assert survey.last_modified == datetime(2026, 1, 1, tzinfo=UTC)
    assert survey.is_active is True
    assert read({}, SurveyStatus="Inactive").questionnaire.survey.is_active is False


def test_questions_outside_of_the_flow_come_last_and_deleted_ones_are_hidden() -> None:
    """A question in no block is included; notes state how many are hidden or outside."""
    blocks = {
        "BL_2": {"Type": "Trash", "BlockElements": [{"Type": "Question", "QuestionID": "QID1"}]},
        "BL_1": {
            "Type": "Standard",
            "BlockElements": [
                {"Type": "Question", "QuestionID": "QID4"},
                {"Type": "Page Break"},
                {"Type": "Question", "QuestionID": "QID2"},
            ],
        },
        "BL_3": {"Type": "Standard"},
    }
    questions = {f"QID{n}": mc(f"Question {n}", {"1": "A"}) for n in (1, 2, 3, 4)}
    for given_blocks in (blocks, list(blocks.values())):
        listed = read(questions, Blocks=given_blocks).questionnaire
        assert [question.id for question in listed.questions] == ["QID4", "QID2", "QID3"]
        assert listed.notes[0] == "1 deleted question is hidden."


def test_a_deleted_question_names_its_likely_successor() -> None:
    """It is suggested if another question has the same tag or text."""
    trash = {"Type": "Trash", "BlockElements": [{"Type": "Question", "QuestionID": "QID1"}]}
    questions = {
        "QID1": mc("How was it?", {"1": "A"}, DataExportTag="Q1"),
        "QID9": mc("How was it?", {"1": "A"}, DataExportTag="Q77"),
    }
    survey = read(questions, Blocks={"BL_1": trash})
    with pytest.raises(QuestionUnavailable) as gone:
        survey.question("QID1")
    assert "deleted" in gone.value.message
    assert "QID9" in gone.value.remedy
    with pytest.raises(QuestionUnavailable) as never:
        survey.question("QID5")
    assert "QID9" not in never.value.remedy


def looped(looping: str, options: object) -> dict[str, Any]:
    """Return a loop & merge block with the question QID1."""
    elements = [{"Type": "Question", "QuestionID": "QID1"}]
    settings = {"Looping": looping, "LoopingOptions": options}
    return {"BL_1": {"Type": "Standard", "BlockElements": elements, "Options": settings}}


def test_each_loop_of_a_looped_question_is_a_question() -> None:
    """Loops are named by their merged texts, and their ids match the export."""
    static = {"Static": {"1": {"1": "TikTok"}, "4": {"1": "", "2": "<b>Netflix</b>"}, "5": {}}}
    listed = read({"QID1": MATRIX}, Blocks=looped("Static", static)).questionnaire
    question = listed.question("QID1")
    assert question.kind is QuestionKind.GROUP
    assert [(part.id, part.text) for part in question.sub_questions] == [
        ("QID1_7", "Price"),
        ("QID1_7_TEXT", "Price: text"),
        ("QID1_1", "Speed"),
        ("1_QID1", "TikTok"),
        ("4_QID1", "Netflix"),
        ("5_QID1", "Loop 5"),
    ]
    assert listed.question("4_QID1_7").kind is QuestionKind.SINGLE_CHOICE
    assert listed.question("4_QID1_7").can_group_by
    assert not listed.question("QID1_7").can_group_by
    assert "Combines all loops" in listed.question("QID1_7").note


def test_a_loop_over_answers_is_named_by_them() -> None:
    """Each loop over the answers of a question has the label of its answer."""
    source = mc("Which", {"1": "Red", "2": "Blue"})
    options = {"QID": "QID8", "Static": {"1": {"2": ""}, "2": {"2": ""}}}
    listed = read(
        {"QID8": source, "QID1": mc("How", {"1": "A"})}, Blocks=looped("Question", options)
    ).questionnaire
    assert [loop.text for loop in listed.question("QID1").sub_questions] == ["Red", "Blue"]


def test_unlisted_loops_are_combined() -> None:
    """A question whose loops are unknown still combines all of them."""
    survey = read({"QID1": mc("How", {"1": "A"})}, Blocks=looped("Question", None))
    question = survey.questionnaire.question("QID1")
    assert question.kind is QuestionKind.SINGLE_CHOICE
    assert question.sub_questions == ()
    assert survey.answer_columns["QID1"].every_loop


def test_carried_forward_choices_come_from_their_question() -> None:
    """Their ids have the prefix x; without a recode they have no value."""
    carried = mc(
        "Best",
        {},
        Choices=[],
        DynamicChoices={"Locator": "q://QID1/ChoiceGroup/SelectedChoices"},
        RecodeValues={"x1": "5"},
    )
    listed = read({"QID1": mc("Used", {"1": "Red", "2": "Blue"}), "QID2": carried}).questionnaire
    assert [(c.key, c.label, c.value) for c in listed.question("QID2").choices] == [
        ("5", "Red", 5),
        ("x2", "Blue", None),
    ]


def test_cyclic_carried_forward_choices_are_handled() -> None:
    """A survey with such a cycle is still parsed."""
    one = mc("A", {"1": "x"}, DynamicChoices={"Locator": "q://QID2/ChoiceGroup/SelectedChoices"})
    two = mc("B", {"1": "y"}, DynamicChoices={"Locator": "q://QID1/ChoiceGroup/SelectedChoices"})
    assert len(read({"QID1": one, "QID2": two}).questionnaire.questions) == 2


def test_embedded_fields_are_found_wherever_the_flow_declares_them() -> None:
    """Fields in branches and groups are listed once; numeric ones are also questions."""
    flow = {
        "Type": "Root",
        "Flow": [
            embedded("Region", "Create New Field or Choose From Dropdown..."),
            {"Type": "Branch", "Flow": [{"Type": "Group", "Flow": [embedded("Region", "Plan")]}]},
            embedded("Spend", kind="Scale"),
            {"Type": "EmbeddedData", "EmbeddedData": [{"Field": ""}, {"Field": 5}, "x"]},
            "broken",
        ],
    }
    survey = read({}, SurveyFlow=flow)
    assert [field.name for field in survey.questionnaire.fields] == [
        "Region",
        "Create New Field or Choose From Dropdown...",
        "Plan",
        "Spend",
    ]
    (spend,) = survey.questionnaire.questions
    assert (spend.id, spend.kind) == ("field:Spend", QuestionKind.NUMBER)


def test_scores_are_numbers() -> None:
    """Each scoring category is a numeric question."""
    scoring = {"ScoringCategories": [{"ID": "SC_1", "Name": "Health"}, {"Name": "no id"}, None]}
    (score,) = read({}, Scoring=scoring).questionnaire.questions
    assert (score.id, score.text, score.kind) == ("SC_1", "Score: Health", QuestionKind.NUMBER)


def test_an_invalid_definition_is_rejected() -> None:
    """A response without questions is not a survey definition."""
    with pytest.raises(SourceUnavailable):
        read_definition({"elements": []}, SURVEY)
    with pytest.raises(SourceUnavailable):
        read_definition(None, SURVEY)


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 99) | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["1", "2", "x1", "Display", "Settings", "ID"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)
FIELDS = st.sampled_from(
    [
        "QuestionText",
        "DataExportTag",
        "SubSelector",
        "Choices",
        "ChoiceOrder",
        "Answers",
        "AnswerOrder",
        "RecodeValues",
        "AnalyzeChoices",
        "ChoiceDataExportTags",
        "DynamicChoices",
        "Validation",
    ]
)
TYPES = st.sampled_from(["MC", "Matrix", "TE", "Slider", "CS", "RO", "Timing", "SBS", "DD", "New"])
SELECTORS = st.sampled_from(["SAVR", "MAVR", "NPS", "Likert", "Bipolar", "TE", "CS", "FORM", "SL"])


@given(TYPES, SELECTORS, st.dictionaries(FIELDS, ANY_JSON), ANY_JSON, ANY_JSON)
def test_parsing_a_definition_never_fails(
    kind: str, selector: str, body: dict[str, Any], blocks: object, flow: object
) -> None:
    """Whatever a definition contains, each question is listed once."""
    question = {**body, "QuestionType": kind, "Selector": selector}
    survey = read({"QID1": question}, Blocks=blocks, SurveyFlow=flow, Scoring=blocks)
    ids = [one.id for one in survey.questionnaire.walk()]
    assert "QID1" in ids
    assert len(set(ids)) == len(ids)
    assert set(ids) == set(survey.answer_columns)


@pytest.mark.parametrize("element", [None, [], {}, {"id": ""}, {"id": 5}, "SV_1"])
def test_an_element_of_the_list_without_an_id_is_skipped(element: object) -> None:
    """A survey without an id cannot be requested."""
    assert read_survey(element) is None


def test_an_old_element_of_the_list_is_read() -> None:
    """Old responses lack the creation date, and the name can be missing."""
    survey = read_survey({"id": "SV_1", "name": "", "lastModified": "2015-08-06T16:11:15Z"})
    assert survey is not None
    assert survey.name == "SV_1"
    assert survey.last_modified == datetime(2015, 8, 6, 16, 11, 15, tzinfo=UTC)
    assert survey.is_active is None


@pytest.mark.parametrize("value", [None, 5, "", "yesterday", "2015-08-06T16:11:15", "0000-00-00"])
def test_an_invalid_date_is_ignored(value: object) -> None:
    """A date that is not valid or has no time zone is unknown."""
    assert moment(value) is None


def _matrix(rows: int, columns: int, **more: object) -> dict[str, object]:
    """Return a matrix question of this size."""
    return {
        "QuestionText": "How?",
        "QuestionType": "Matrix",
        "Selector": "Likert",
        "SubSelector": "SingleAnswer",
        "Choices": {str(number): {"Display": "row"} for number in range(rows)},
        "Answers": {str(number): {"Display": "column"} for number in range(columns)},
        **more,
    }


@pytest.mark.parametrize(
    "questions",
    [
        {"QID1": _matrix(30_000, 30_000)},
        {f"QID{number}": _matrix(300, 100) for number in range(20)},
        {
            "QID1": mc("Which?", {str(number): "a" for number in range(20_000)}),
            "QID2": _matrix(1, 30, DynamicChoices={"Locator": "q://QID1/ChoiceGroup/All"}),
        },
        {
            "QID1": mc("Which?", {str(number): "a" for number in range(20_000)}),
            "QID2": _matrix(30, 0, DynamicAnswers={"Locator": "q://QID1/ChoiceGroup/All"}),
        },
        {
            "QID1": mc("Which?", {str(number): "a" for number in range(20_000)}),
            "QID2": {
                **_matrix(30, 0),
                "QuestionType": "SBS",
                "AdditionalQuestions": {
                    "1": {"DynamicAnswers": {"Locator": "q://QID1/ChoiceGroup/All"}}
                },
            },
        },
        {
            "QID1": {
                **_matrix(1_000, 0),
                "QuestionType": "SBS",
                "AdditionalQuestions": [{"Answers": {"1": {"Display": "A"}}}] * 1_000,
            }
        },
    ],
    ids=["one", "many", "carried rows", "carried scale", "carried column", "columns"],
)
def test_a_survey_with_too_many_choices_is_rejected(questions: dict[str, Any]) -> None:
    """The rows times the columns are counted before a choice is created for each."""
    with pytest.raises(SourceUnavailable, match="more than 500,000 choices"):
        read(questions)
    assert read({"QID1": _matrix(100, 50)}).questionnaire.questions
