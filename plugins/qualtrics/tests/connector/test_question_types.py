"""Tests of calculating metrics for each question type from the columns in the sandbox."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from plugins.qualtrics.tests.connector.support import (
    MATRIX,
    Account,
    account,
    error_of,
    mc,
    query,
    survey_definition,
    tally_of,
    write_survey,
)
from smaply_metrics_core import MetricsError, QuestionUnavailable

NUMERIC = {"Settings": {"Type": "ContentType", "ContentType": "ValidNumber"}}
MULTIPLE = {**MATRIX, "SubSelector": "MultipleAnswer", "RecodeValues": None}
QUESTIONS = {
    "QID1": MULTIPLE,
    "QID2": {**MULTIPLE, "DataExportTag": "Also"},
    "QID3": mc("Slide", {"1": "Speed", "2": "Price"}, QuestionType="Slider", Selector="HSLIDER"),
    "QID4": mc("Form", {"1": "Age"}, QuestionType="TE", Selector="FORM", Validation=NUMERIC),
    "QID5": mc("How for ${lm://Field/1}?", {"1": "Bad", "2": "Good"}),
    "QID6": mc("Unlisted?", {"1": "Bad"}),
    "QID7": mc("Cut", {"1": "Bad"}),
    "QID8": mc("Ticks", {"1": "A", "2": "B"}, Selector="MAVR"),
    "QID9": mc("Twice", {"1": "A"}),
    "QID10": mc("Where", {"1": "x"}, QuestionType="HeatMap"),
    "QID11": mc(
        "Country",
        {"1": "Land", "2": "City"},
        QuestionType="DD",
        Selector="DL",
        Answers={
            n: {"Display": label} for n, label in zip("123", ("A", "B", "Vienna"), strict=True)
        },
        AnswerMap={"1": None, "2": None, "3": "1"},
    ),
    "QID12": mc("Coded", {"1": "Bad", "2": "Good"}, RecodeValues={"1": "10", "2": "20"}),
    "QID13": mc(
        "Best of them",
        {},
        DynamicChoices={"Locator": "q://QID8/ChoiceGroup/SelectedChoices"},
        RecodeValues={"x1": "7", "x2": "8"},
        Choices=[],
    ),
    "QID14": {**MATRIX, "DataExportTag": "Twist", "Selector": "Bipolar", "SubSelector": None},
    "QID15": {**MATRIX, "Selector": "TE", "SubSelector": "Short", "Validation": NUMERIC},
    "QID16": mc("Rank", {"1": "A", "2": "B"}, QuestionType="RO", Selector="DND"),
    "QID17": mc("Sum", {"1": "A", "2": "B"}, QuestionType="CS", Selector="VRTL"),
    "QID18": mc("Pick", {}, QuestionType="HoloDeck", Selector="New"),
}
COLUMNS: dict[str, object] = {
    "a1": {"ImportId": "QID1_1", "choiceId": "11"},
    "a2": {"ImportId": "QID1_1", "choiceId": "12"},
    "b1": "QID2_1_11",
    "b2": "QID2_1_12",
    "s1": "QID3_1",
    "age": "QID4_1",
    "loop1": "1_QID5",
    "loop2": "2_QID5",
    "unlisted": "7_QID6",
    "t1": {"ImportId": "QID8", "choiceId": "1"},
    "t2": {"ImportId": "QID8", "choiceId": "2"},
    "t3": {"ImportId": "QID8", "choiceId": "3"},
    "twice": "QID9",
    "twice again": "QID9",
    "x": "QID10_1",
    "y": "QID10_2",
    "land": "QID11_1",
    "city": "QID11_2",
    "coded": "QID12",
    "best": "QID13",
    "twist": "QID14_7",
    "cell": "QID15_7_12",
    "rank": "QID16_2",
    "sum": "QID17_1",
    "new": "QID18_NEW",
}
ROWS = [
    {"a1": "1", "a2": "1", "b1": "1", "s1": "10.5", "age": "30", "loop1": "2", "t1": "1"},
    {"a1": "1", "b2": "1", "s1": "-2", "age": "40", "loop1": "1", "loop2": "2", "t3": "1"},
    {"unlisted": "1", "t1": "1", "t2": "1", "twice": "1", "y": "4"},
    {"land": "1", "city": "3", "coded": "20", "best": "7", "twist": "2", "cell": "4", "rank": "1"},
    {"land": "2", "coded": "20", "best": "8", "twist": "1", "cell": "5", "rank": "2", "sum": "40"},
    {"coded": "2", "best": "x1", "cell": "six", "sum": "60", "new": "found"},
    {"coded": "9", "best": "2"},
]


def looped(question_id: str, options: object) -> dict[str, object]:
    """Return a loop & merge block."""
    return {
        "Type": "Standard",
        "BlockElements": [{"Type": "Question", "QuestionID": question_id}],
        "Options": {"Looping": "Static", "LoopingOptions": options},
    }


@pytest.fixture(scope="module")
def types(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """A survey with many question types in a read-only sandbox."""
    folder: Path = tmp_path_factory.mktemp("types")
    static = {"Static": {"1": {"1": "Shop"}, "2": {"1": "Web"}}}
    blocks = {"BL_5": looped("QID5", static), "BL_6": looped("QID6", None)}
    write_survey(folder / "types", survey_definition(QUESTIONS, Blocks=blocks), COLUMNS, ROWS)
    with account(folder, export_polls=0) as own:
        yield own


@pytest.mark.parametrize("row", ["QID1_1", "QID2_1"])
def test_a_multiple_answer_row_is_read_in_both_formats(types: Account, row: str) -> None:
    """The answer can be a choiceId or a suffix of the ImportId."""
    counts = tally_of(types.fetch(query("distribution", row))).window("current").total
    assert counts.answers == ({"12": 1, "11": 2} if row == "QID1_1" else {"12": 1, "11": 1})
    assert counts.answered == 2


def test_sliders_and_numeric_forms_are_averaged(types: Account) -> None:
    """Decimal points and signs are read as numbers."""
    assert types.measure(query("average", "QID3_1")).current.value == 4.25
    assert types.measure(query("average", "QID4_1")).current.value == 35
    assert types.measure(query("responses", "QID4")).current.answered == 2


def test_each_loop_is_calculated_separately(types: Account) -> None:
    """The parent question combines all loops."""
    assert types.measure(query("average", "1_QID5")).current.value == 1.5
    assert types.measure(query("average", "2_QID5")).current.value == 2
    assert types.measure(query("answered", "QID5")).current.value == 3


def test_unlisted_loops_are_combined(types: Account) -> None:
    """The export can contain loops that the definition does not list."""
    assert types.measure(query("answered", "QID6")).current.value == 1


def test_any_filled_part_counts_as_an_answer(types: Account) -> None:
    """A click has two coordinates, of which one is enough."""
    assert types.measure(query("answered", "QID10")).current.value == 1


def test_the_levels_of_a_drill_down_are_counted(types: Account) -> None:
    """Each level has its own answers and can be grouped by."""
    land = types.measure(query("distribution", "QID11_1"))
    assert {group.label: group.answered for group in land.groups} == {"A": 1, "B": 1}
    city = types.measure(query("distribution", "QID11_2"))
    assert {group.label: group.answered for group in city.groups} == {"Vienna": 1}
    assert city.current.unanswered == {"not_answered": 1, "not_shown": 5}
    ranks = types.measure(query("average", "QID16_2", group_by="question:QID11_1"))
    assert {group.label: group.value for group in ranks.groups} == {"A": 1, "B": 2}
    assert types.measure(query("responses", "QID11")).current.answered == 2


def test_a_cell_is_a_recode_first_and_an_id_second(types: Account) -> None:
    """A cell that is not a recode can be an id; any other value is its own key."""
    result = types.measure(query("distribution", "QID12"))
    assert {group.key: group.answered for group in result.groups} == {"10": 0, "20": 3, "9": 1}


def test_carried_forward_choices_are_counted_by_any_id(types: Account) -> None:
    """Their recode, own id and original id are equivalent."""
    result = types.measure(query("distribution", "QID13"))
    assert {group.label: group.answered for group in result.groups} == {"A": 2, "B": 2}
    assert types.measure(query("average", "QID13")).current.value == 7.5


def test_numbers_of_each_type_are_averaged(types: Account) -> None:
    """Bipolar rows, numeric cells, ranks and sums; other text is unreadable."""
    assert types.measure(query("average", "QID14_7")).current.value == 1.5
    cell = types.measure(query("average", "QID15_7_12")).current
    assert (cell.value, cell.unanswered["unreadable"]) == (4.5, 1)
    assert types.measure(query("average", "QID16_2")).current.value == 1.5
    assert types.measure(query("average", "QID17_1")).current.value == 50


def test_an_unknown_type_is_counted(types: Account) -> None:
    """A response answered if any column of the question is filled."""
    assert types.measure(query("answered", "QID18")).current.value == 1


def test_a_deleted_choice_still_counts(types: Account) -> None:
    """Its column is still exported, and its label is its id."""
    result = types.measure(query("distribution", "QID8"))
    assert {group.key: group.answered for group in result.groups} == {"1": 2, "2": 1, "3": 1}
    assert result.current.answered == 3


def test_a_question_without_a_column_does_not_affect_others(types: Account) -> None:
    """Only the query for the missing column has an error."""
    outcomes = types.fetch(
        query("average", "QID7", query_id="cut"), query("average", "QID3_1", query_id="there")
    )
    assert type(error_of(outcomes, "cut")) is QuestionUnavailable
    assert "QID7" in error_of(outcomes, "cut").message
    assert tally_of(outcomes, "there").window("current").total.answered == 2


def test_two_columns_with_one_key_are_an_error(types: Account) -> None:
    """The columns are ambiguous."""
    with pytest.raises(MetricsError, match="2 identical columns"):
        types.measure(query("average", "QID9"))


def test_columns_without_an_import_id_are_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A note lists the ignored columns. The API exports none, but a bundle can contain a file."""
    scoring = {"ScoringCategories": [{"ID": "SC_1", "Name": "Score"}]}
    definition = survey_definition({}, Scoring=scoring)
    write_survey(tmp_path / "s" / "one", definition, {"SC0": "SC_1"}, [{"SC0": "4"}])
    edited = tmp_path / "edited.zip"
    rows = ["SC0,TWIN_ID", "Score,", '"{""ImportId"":""SC_1""}",TWIN_ID', "4,77"]
    with zipfile.ZipFile(edited, "w") as archive:
        archive.writestr("One.csv", "\n".join(rows))
    with account(tmp_path / "s") as own:
        monkeypatch.setattr(own.sandbox.state.exports, "file", lambda _: edited)
        result = own.measure(query("average", "SC_1"))
    assert result.current.value == 4
    assert any("TWIN_ID" in note for note in result.notes)
