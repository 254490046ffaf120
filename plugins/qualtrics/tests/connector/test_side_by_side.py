"""Side-by-side questions: each column is measured like a matrix with the same rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from plugins.qualtrics.tests.connector.stub_api import StubApi, StubColumn
from plugins.qualtrics.tests.connector.support import mc, query, survey_definition
from plugins.qualtrics.tests.connector.support import read_survey_with as read
from smaply_metrics_core import Filter, Question, QuestionKind, QuestionUnavailable

LIKERT = {"QuestionType": "Matrix", "Selector": "Likert"}
NUMBERS = {"Settings": {"Type": "ContentType", "ContentType": "ValidNumber"}}
ROWS = {
    "Choices": {"1": {"Display": "Phone"}, "4": {"Display": "Chat"}},
    "ChoiceOrder": ["4", "1"],
}
SCALE = {
    "Answers": {"1": {"Display": "Bad"}, "2": {"Display": "Good"}, "3": {"Display": "N/A"}},
    "AnswerOrder": ["1", "2", "3"],
    "RecodeValues": {"1": "10", "2": "20", "3": "-1"},
    "AnalyzeChoices": {"3": "No"},
}
COLUMNS: dict[str, dict[str, Any]] = {
    "1": {"QuestionText": "How <b>good</b>?", **LIKERT, "SubSelector": "SingleAnswer", **SCALE},
    "2": {
        "QuestionText": "What?",
        **LIKERT,
        "SubSelector": "MultipleAnswer",
        "Answers": {"1": {"Display": "Speed"}, "2": {"Display": "Price"}},
    },
    "3": {
        "QuestionText": "Why?",
        "QuestionType": "Matrix",
        "Selector": "TE",
        "SubSelector": "Short",
    },
    "4": {
        "QuestionText": "Minutes?",
        "QuestionType": "TE",
        "Selector": "SL",
        "Validation": NUMBERS,
        "Answers": {"1": {"Display": ""}},
    },
    "5": {"QuestionText": "Again?", **LIKERT, "SubSelector": "DL", **SCALE},
}
QUESTION: dict[str, Any] = {
    "QuestionText": "Our service",
    "DataExportTag": "Service",
    "QuestionType": "SBS",
    "Selector": "SBSMatrix",
    **ROWS,
    "AdditionalQuestions": COLUMNS,
    "NumberOfQuestions": "5",
}


def cells(import_id: str, *texts: str) -> StubColumn:
    """Return a column of the question."""
    return StubColumn(import_id, "QID1", texts)


EXPORT = (
    cells("QID1#1_1", "10", "20", "", ""),
    cells("QID1#1_4", "20", "-1", "", ""),
    cells("QID1#2_1_1", "1", "", "", ""),
    cells("QID1#2_1_2", "1", "1", "", ""),
    cells("QID1#2_4_1", "", "", "", ""),
    cells("QID1#2_4_2", "", "", "1", ""),
    cells("QID1#3_1", "slow", "", "", ""),
    cells("QID1#3_4", "", "", "", ""),
    cells("QID1#4_1", "5", "7", "x", ""),
    cells("QID1#4_4", "", "", "", ""),
    cells("QID1#5_1", "20", "20", "10", ""),
    cells("QID1#5_4", "", "", "", ""),
)


@pytest.fixture
def asked(tmp_path: Path) -> StubApi:
    """An account with a side-by-side question of five columns and two rows."""
    return StubApi(tmp_path, survey_definition({"QID1": QUESTION}), EXPORT)


def shapes(parts: tuple[Question, ...]) -> list[tuple[str, str, str, QuestionKind]]:
    """Return the id, name, text and kind of questions."""
    return [(one.id, one.name, one.text, one.kind) for one in parts]


def test_each_column_is_listed_with_its_rows() -> None:
    """Columns have their own answers and types, and the rows of the question in their order."""
    question = read({"QID1": QUESTION}).questionnaire.question("QID1")
    assert question.kind is QuestionKind.OTHER
    assert question.note == "Choose a column; the question as a whole can only be counted."
    assert shapes(question.sub_questions) == [
        ("QID1#1", "Service#1", "How good?", QuestionKind.GROUP),
        ("QID1#2", "Service#2", "What?", QuestionKind.GROUP),
        ("QID1#3", "Service#3", "Why?", QuestionKind.GROUP),
        ("QID1#4", "Service#4", "Minutes?", QuestionKind.GROUP),
        ("QID1#5", "Service#5", "Again?", QuestionKind.GROUP),
    ]
    single, several, texts, numbers, dropdown = question.sub_questions
    assert shapes(single.sub_questions) == [
        ("QID1#1_4", "Service#1_4", "Chat", QuestionKind.SINGLE_CHOICE),
        ("QID1#1_1", "Service#1_1", "Phone", QuestionKind.SINGLE_CHOICE),
    ]
    assert all(row.can_group_by for row in (*single.sub_questions, *dropdown.sub_questions))
    kinds = [column.sub_questions[0].kind for column in (several, texts, dropdown)]
    assert kinds == [QuestionKind.MULTIPLE_CHOICE, QuestionKind.TEXT, QuestionKind.SINGLE_CHOICE]
    (box,) = numbers.sub_questions[1].sub_questions
    assert (box.id, box.kind) == ("QID1#4_1_1", QuestionKind.NUMBER)


def test_columns_are_measured_like_matrices(asked: StubApi) -> None:
    """Recodes, answers excluded from analyses and unreadable numbers are those of a row."""
    assert asked.measure(query("average", "QID1#1_1")).current.value == 15
    chat = asked.measure(query("average", "QID1#1_4")).current
    assert (chat.value, chat.answered, chat.unanswered["not_applicable"]) == (20, 1, 1)
    what = asked.measure(query("distribution", "QID1#2_1"))
    assert {group.label: group.value for group in what.groups} == {"Speed": 50, "Price": 100}
    assert asked.measure(query("answered", "QID1#3_1")).current.value == 1
    minutes = asked.measure(query("average", "QID1#4_1_1")).current
    assert (minutes.value, minutes.unanswered["unreadable"]) == (6, 1)
    assert asked.measure(query("top_box", "QID1#5_1")).current.value == pytest.approx(200 / 3)


def test_the_whole_question_is_counted_as_before(asked: StubApi) -> None:
    """A response has answered if any cell is filled; a column has its own counts."""
    assert asked.measure(query("answered", "QID1")).current.value == 3
    column = asked.measure(query("responses", "QID1#2")).current
    assert (column.responses, column.answered) == (4, 3)


def test_rows_of_columns_are_groups_and_filters(asked: StubApi) -> None:
    """Other metrics can be grouped by and filtered on them."""
    grouped = asked.measure(query("average", "QID1#4_1_1", group_by="question:QID1#5_1"))
    assert {group.label: group.value for group in grouped.groups} == {"Bad": None, "Good": 6}
    price = Filter(kind="question", of="QID1#2_1", values=("2",))
    assert asked.measure(query("average", "QID1#1_1", filters=[price])).current.value == 15


@pytest.mark.parametrize("import_id", ["QID1#3_1", "QID1#3_1_1"])
@pytest.mark.parametrize("boxes", [None, {"1": {"Display": "Text"}}])
@pytest.mark.parametrize("validation", [None, NUMBERS])
def test_a_text_box_is_found_with_and_without_its_id(
    tmp_path: Path, import_id: str, boxes: object, validation: object
) -> None:
    """It is undocumented whether the ImportId of the only text box of a row contains its id."""
    column = {**COLUMNS["3"], "Answers": boxes, "Validation": validation}
    definition = survey_definition({"QID1": {**QUESTION, "AdditionalQuestions": {"3": column}}})
    api = StubApi(tmp_path, definition, [cells(import_id, "3", "", "4")])
    question = "QID1#3_1_1" if boxes else "QID1#3_1"
    assert api.measure(query("answered", question)).current.value == 2
    if validation:
        assert api.measure(query("average", question)).current.value == 3.5


@pytest.mark.parametrize(
    "column",
    [
        {"QuestionText": "Column", "Answers": SCALE["Answers"]},
        {"QuestionText": "Column", "QuestionType": "MC", "Selector": "SAVR", **SCALE},
        {"QuestionText": "Column", "Selector": "DL", **SCALE},
        {"QuestionText": "Column", **LIKERT, "SubSelector": "SingleAnswer"},
    ],
)
def test_columns_need_not_repeat_what_the_question_says(column: dict[str, Any]) -> None:
    """Types can be missing or of another name, and answers are those of the question."""
    body = {**QUESTION, "AdditionalQuestions": {"1": column}, **SCALE}
    (listed,) = read({"QID1": body}).questionnaire.question("QID1").sub_questions
    assert [row.id for row in listed.sub_questions] == ["QID1#1_4", "QID1#1_1"]
    kinds = {(row.kind, row.choices[0].label) for row in listed.sub_questions}
    assert kinds == {(QuestionKind.SINGLE_CHOICE, "Bad")}


def test_a_list_of_columns_is_numbered_from_one() -> None:
    """A definition may contain the columns as a list."""
    body = {**QUESTION, "AdditionalQuestions": [COLUMNS["1"], "broken", COLUMNS["2"]]}
    columns = read({"QID1": body}).questionnaire.question("QID1").sub_questions
    assert [(one.id, one.text) for one in columns] == [
        ("QID1#1", "How good?"),
        ("QID1#2", "Column 2"),
        ("QID1#3", "What?"),
    ]


def test_without_columns_it_can_only_be_counted() -> None:
    """A note states why."""
    question = read({"QID1": {**QUESTION, "AdditionalQuestions": None}}).questionnaire.question(
        "QID1"
    )
    assert question.sub_questions == ()
    assert "does not list the columns" in question.note


def test_a_row_that_a_column_lacks_is_missing(asked: StubApi, tmp_path: Path) -> None:
    """Other rows and columns are not affected."""
    api = StubApi(tmp_path, asked.definition, EXPORT[1:])
    with pytest.raises(QuestionUnavailable, match="QID1#1_1"):
        api.measure(query("average", "QID1#1_1"))
    assert api.measure(query("answered", "QID1#1_4")).current.value == 1


def test_columns_in_loops_are_measured_for_each_loop_and_for_all(tmp_path: Path) -> None:
    """Each loop has columns of its own."""
    block = {
        "BlockElements": [{"Type": "Question", "QuestionID": "QID1"}],
        "Options": {
            "Looping": "Static",
            "LoopingOptions": {"Static": {"1": {"1": "Shop"}, "2": {"1": "Web"}}},
        },
    }
    definition = survey_definition(
        {"QID1": {**QUESTION, "AdditionalQuestions": {"1": COLUMNS["1"], "3": COLUMNS["3"]}}},
        Blocks={"BL_1": block},
    )
    export = [
        cells("1_QID1#1_1", "10", "20"),
        cells("2_QID1#1_1", "20", ""),
        cells("1_QID1#3_1_1", "a", ""),
        cells("2_QID1#3_1_1", "b", ""),
    ]
    api = StubApi(tmp_path, definition, export)
    assert api.measure(query("average", "1_QID1#1_1")).current.value == 15
    assert api.measure(query("average", "QID1#1_1")).current.value == pytest.approx(50 / 3)
    assert api.measure(query("answered", "QID1#3_1")).current.value == 2


def test_columns_of_carried_rows_are_listed() -> None:
    """Rows can be carried forward from another question, as in a matrix."""
    carried = {
        **QUESTION,
        "Choices": [],
        "ChoiceOrder": [],
        "DynamicChoices": {"Locator": "q://QID2/ChoiceGroup/SelectedChoices"},
        "AdditionalQuestions": {"1": COLUMNS["1"]},
    }
    survey = read({"QID1": carried, "QID2": mc("Used", {"1": "App", "2": "Web"})})
    (column,) = survey.questionnaire.question("QID1").sub_questions
    assert [(row.id, row.text) for row in column.sub_questions] == [
        ("QID1#1_x1", "App"),
        ("QID1#1_x2", "Web"),
    ]


def test_the_mark_for_seen_is_no_recode_of_a_column() -> None:
    """A recode of a column is known like any other."""
    assert {"10", "20", "-1"} <= read({"QID1": QUESTION}).recodes


def test_the_text_of_a_row_is_not_that_of_a_column(tmp_path: Path) -> None:
    """A row can have a text field, whose answers are in no other column."""
    rows = {"1": {"Display": "Phone"}, "4": {"Display": "Other", "TextEntry": "true"}}
    question = {**QUESTION, "Choices": rows, "AdditionalQuestions": {"1": COLUMNS["4"]}}
    columns = [cells("QID1#1_1", "5", "7", "x"), cells("QID1#1_4", "3", "4", "")]
    api = StubApi(tmp_path, survey_definition({"QID1": question}), columns)
    assert api.measure(query("average", "QID1#1_4_1")).current.value == 3.5
    with pytest.raises(QuestionUnavailable, match="QID1#1_4_TEXT"):
        api.measure(query("answered", "QID1#1_4_TEXT"))
