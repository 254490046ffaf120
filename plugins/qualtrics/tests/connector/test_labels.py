"""Labels that distinguish the choices, rows, loops and questions of a survey."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.qualtrics.tests.connector.support import MATRIX, embedded, mc, query
from plugins.qualtrics.tests.connector.support import read_survey_with as read
from smaply_metrics_core import Question
from smaply_metrics_qualtrics.survey.labels import Label, distinct_labels, text_with_names


def labels(question: dict[str, Any], **more: dict[str, Any]) -> list[str]:
    """Return the labels of the choices of a question in a survey with others."""
    listed = read({"QID1": question, **more}).questionnaire.question("QID1")
    return [choice.label for choice in listed.choices]


def texts(parts: tuple[Question, ...]) -> list[str]:
    """Return the texts of sub-questions."""
    return [part.text for part in parts]


PIPED = {"1": "${e://Field/right}", "2": "${e://Field/wrong}", "3": "${lm://Field/2}"}


@pytest.mark.parametrize("selector", ["SAVR", "MAVR", "DL"])
def test_a_choice_of_piped_text_has_its_variable_name(selector: str) -> None:
    """Without one, it has the name of the field, and otherwise its key."""
    named = mc("Q", PIPED, VariableNaming={"1": "Right", "2": "Wrong"}, Selector=selector)
    assert labels(named) == ["Right", "Wrong", "[loop field 2]"]
    assert labels(mc("Q", PIPED, Selector=selector)) == ["[right]", "[wrong]", "[loop field 2]"]
    empty = {"1": "", "2": "<img src='a.png'>", "3": "<b> </b>"}
    assert labels(mc("Q", empty, Selector=selector)) == ["[1]", "[2]", "[3]"]


def test_a_single_piped_choice_is_named_too() -> None:
    """A label of only piped text says nothing, even if no other choice has it."""
    assert labels(mc("Q", {"1": "${q://QID9/ChoiceTextEntryValue}", "2": "None"})) == [
        "[QID9/ChoiceTextEntryValue]",
        "None",
    ]
    assert labels(mc("Q", {"1": "${e://Field/price?format=0} €", "2": "Free"})) == [
        "[price] €",
        "Free",
    ]
    assert labels(mc("Q", {"1": "Buy ${e://Field/offer}", "2": "Leave"})) == ["Buy […]", "Leave"]


@pytest.mark.parametrize(
    "same",
    [
        ("Poor", "Poor"),
        ("Poor", "<b>Poor</b>"),
        ("Poor", " poor&nbsp;"),
        ("POOR", "Poor"),
        ("Very poor", "Very<br>poor"),
    ],
)
@pytest.mark.parametrize("selector", ["SAVR", "MAVR"])
def test_equal_labels_are_completed(same: tuple[str, str], selector: str) -> None:
    """They get the variable names, or the keys, also if only case or markup differs."""
    choices = {"1": same[0], "2": same[1], "3": "Good"}
    bare = labels(mc("Q", choices, Selector=selector))
    assert [one.rpartition(" ")[2] for one in bare] == ["(1)", "(2)", "Good"]
    named = mc("Q", choices, VariableNaming={"1": "low", "2": "lower"}, Selector=selector)
    assert [one.rpartition(" ")[2] for one in labels(named)] == ["(low)", "(lower)", "Good"]
    twice = mc("Q", choices, VariableNaming={"1": "low", "2": "low"}, Selector=selector)
    assert [one.rpartition(" ")[2] for one in labels(twice)] == ["(1)", "(2)", "Good"]


def test_equal_texts_with_different_pipes_name_the_fields() -> None:
    """The names of the fields distinguish them."""
    offers = {"1": "Buy ${e://Field/a}", "2": "Buy ${e://Field/b}"}
    assert labels(mc("Q", offers)) == ["Buy [a]", "Buy [b]"]


def test_choices_of_one_recode_and_one_text_are_one_choice() -> None:
    """They cannot be distinguished and need no further name."""
    same = mc("Q", {"1": "Yes", "2": "Yes", "3": "No"}, RecodeValues={"1": "1", "2": "1"})
    assert labels(same) == ["Yes", "No"]


def test_the_answers_and_rows_of_a_matrix_are_distinct() -> None:
    """Answers have variable names, and rows have export tags."""
    answers = {str(n): {"Display": f"${{e://Field/f{n}}}"} for n in (1, 2)}
    rows = {
        "1": {"Display": "Speed"},
        "2": {"Display": "speed"},
        "3": {"Display": "${e://Field/x}"},
    }
    matrix = {
        **MATRIX,
        "Choices": rows,
        "ChoiceOrder": [],
        "Answers": answers,
        "RecodeValues": None,
        "VariableNaming": {"1": "low"},
        "ChoiceDataExportTags": {"1": "first", "2": "second"},
    }
    question = read({"QID1": matrix}).questionnaire.question("QID1")
    assert texts(question.sub_questions) == ["Speed (first)", "speed (second)", "[x]"]
    assert [choice.label for choice in question.sub_questions[0].choices] == ["low", "[f2]"]


@pytest.mark.parametrize(
    "kind",
    [
        {"QuestionType": "Slider", "Selector": "HSLIDER"},
        {"QuestionType": "RO", "Selector": "DND"},
        {"QuestionType": "TE", "Selector": "FORM"},
        {"QuestionType": "Matrix", "Selector": "Likert", "SubSelector": "SingleAnswer"},
    ],
)
def test_items_and_fields_are_distinct(kind: dict[str, Any]) -> None:
    """Whatever a question lists, no two of its parts have the same text."""
    question = {
        "QuestionText": "Q",
        "Choices": {
            "1": {"Display": "Cost"},
            "2": {"Display": "Cost"},
            "3": {"Display": "${e://Field/x}"},
        },
        "Answers": {"1": {"Display": "Yes"}},
        **kind,
    }
    parts = read({"QID1": question}).questionnaire.question("QID1").sub_questions
    assert texts(parts) == ["Cost (1)", "Cost (2)", "[x]"]


def test_loops_are_distinct() -> None:
    """Loops of one name have their ids, and loops of piped text the names of their fields."""
    loops = {"1": "Shop", "2": "Shop", "3": "${e://Field/brand}", "4": ""}
    block = {
        "BlockElements": [{"Type": "Question", "QuestionID": "QID1"}],
        "Options": {
            "Looping": "Static",
            "LoopingOptions": {"Static": {key: {"1": text} for key, text in loops.items()}},
        },
    }
    question = read({"QID1": mc("Q", {"1": "A"})}, Blocks=[block]).questionnaire.question("QID1")
    assert texts(question.sub_questions) == ["Shop (loop 1)", "Shop (loop 2)", "[brand]", "Loop 4"]


def test_questions_of_one_text_have_their_export_tags() -> None:
    """Equal tags are completed with the ids; a text of only piped text is no text."""
    questions = {
        "QID1": mc("Timing", {"1": "A"}, DataExportTag="T1"),
        "QID2": mc("timing", {"1": "A"}, DataExportTag="T2"),
        "QID3": mc("Rate", {"1": "A"}, DataExportTag="R"),
        "QID4": mc("Rate", {"1": "A"}, DataExportTag="R"),
        "QID5": mc("${e://Field/x}", {"1": "A"}, DataExportTag="P"),
        "QID6": mc("${e://Field/y}", {"1": "A"}, QuestionDescription="Offer", DataExportTag="O"),
        "QID7": mc("Else", {"1": "A"}),
    }
    assert texts(read(questions).questionnaire.questions) == [
        "Timing (T1)",
        "timing (T2)",
        "Rate (QID3)",
        "Rate (QID4)",
        "P",
        "Offer",
        "Else",
    ]


def test_embedded_fields_have_distinct_labels() -> None:
    """Names that differ only in markup are completed with the whole name."""
    flow = {"Type": "Root", "Flow": [embedded("Plan", "<b>Plan</b>", "Region", "<br>")]}
    fields = read({}, SurveyFlow=flow).questionnaire.fields
    assert [field.label for field in fields] == [
        "Plan (Plan)",
        "Plan (<b>Plan</b>)",
        "Region",
        "[<br>]",
    ]


def test_a_group_by_a_question_has_distinct_labels(tmp_path: Any) -> None:  # noqa: ANN401
    """The bars of a chart have the labels of the choices."""
    from plugins.qualtrics.tests.connector.stub_api import StubApi, StubColumn
    from plugins.qualtrics.tests.connector.support import survey_definition

    definition = survey_definition({"QID1": mc("Q", PIPED)})
    api = StubApi(tmp_path, definition, [StubColumn("QID1", "QID1", ["1", "2", "3"])])
    grouped = api.measure(query("responses", group_by="question:QID1"))
    split = api.measure(query("distribution", "QID1"))
    for result in (grouped, split):
        assert [group.label for group in result.groups] == ["[right]", "[wrong]", "[loop field 2]"]


SHORT = st.sampled_from(["", "A", "a", "A (1)", "A (2)", "[1]", "[…]", "x", "[x]"])


@given(st.lists(st.tuples(SHORT, SHORT, SHORT), max_size=6))
def test_labels_are_never_equal_or_empty(parts: list[tuple[str, str, str]]) -> None:
    """Whatever texts, variables and fields there are."""
    found = distinct_labels([Label(*one, str(key)) for key, one in enumerate(parts)])
    assert all(found)
    assert len({one.casefold() for one in found}) == len(parts)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("${e://Field/a} or ${e://Field/b}", "[a] or [b]"),
        ("<b>${e://Field/first%20name}</b>", "[first%20name]"),
        ("${rand://int/1:9}", "[int/1:9]"),
        ("${broken", ""),
        ("plain", ""),
        (5, ""),
        (None, ""),
    ],
)
def test_piped_fields_are_named(source: object, text: str) -> None:
    """Text without pipes has no such names."""
    assert text_with_names(source) == text
