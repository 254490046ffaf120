"""Tests of the choices, sub-questions and calculations of each question type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from plugins.qualtrics.tests.connector.support import MATRIX, mc, read_survey_with
from smaply_metrics_core import Calculation, Choice, Question, QuestionKind


def parsed(body: Mapping[str, Any]) -> Question:
    """Return the question QID1 of a survey with this question."""
    return read_survey_with({"QID1": body}).questionnaire.question("QID1")


def choices(body: Mapping[str, Any]) -> list[tuple[str, str, float | None]]:
    """Return key, label and value of each choice of a question."""
    return [(choice.key, choice.label, choice.value) for choice in parsed(body).choices]


def test_a_choice_is_keyed_by_its_recode_first() -> None:
    """The recode is the key and the value; without a recode, the id is."""
    body = mc("Q", {"1": "Yes", "2": "No", "3": "Maybe"}, RecodeValues={"1": "-1", "2": 0})
    assert choices(body) == [("-1", "Yes", -1), ("0", "No", 0), ("3", "Maybe", 3)]


def test_two_choices_with_one_recode_become_one() -> None:
    """The data cannot distinguish them, so they are one choice with both labels."""
    body = mc("Q", {"1": "Good", "2": "Fine", "3": "Bad"}, RecodeValues={"1": "1", "2": "1"})
    assert choices(body) == [("1", "Good / Fine", 1), ("3", "Bad", 3)]


def test_a_recode_that_is_not_a_number_has_no_value() -> None:
    """The recode is still the key, but there is no average."""
    body = mc("Q", {"1": "A", "2": "B"}, RecodeValues={"1": "1o", "2": "2"})
    assert choices(body) == [("1o", "A", None), ("2", "B", 2)]
    assert Calculation.AVERAGE not in parsed(body).calculations


@pytest.mark.parametrize("recode", ["1_000", "\u0661", "1e3", "nan", "inf", " "])
def test_only_plain_decimal_numbers_are_values(recode: str) -> None:
    """Other number formats that Python accepts have no value."""
    ((_, _, value), *_) = choices(mc("Q", {"x": "A"}, RecodeValues={"x": recode}))
    assert value is None


def test_choices_are_in_display_order() -> None:
    """ChoiceOrder contains numbers or texts; choices missing from it come last."""
    body = mc("Q", {"1": "A", "2": "B", "3": "C", "4": "D"}, ChoiceOrder=[3, "1", 99, 2, 3])
    assert [label for _, label, _ in choices(body)] == ["C", "A", "B", "D"]


def test_choices_can_be_an_array() -> None:
    """The choices of an NPS question are an array whose index is the id."""
    question = parsed(
        mc("Q", {}, Selector="NPS", Choices=[{"Display": str(score)} for score in range(11)])
    )
    assert question.kind is QuestionKind.NPS
    assert [choice.value for choice in question.choices] == list(range(11))
    assert Calculation.NPS in question.calculations
    assert question.can_group_by


@pytest.mark.parametrize("offered", [[], {}, None, "broken", 5])
def test_a_question_without_choices_can_be_counted(offered: object) -> None:
    """Without valid choices there is no average, and a note states why."""
    question = parsed(mc("Q", {}, Choices=offered))
    assert question.calculations == (Calculation.RESPONSES, Calculation.ANSWERED)
    assert not question.can_group_by
    assert question.note


def test_not_applicable_is_excluded_from_analyses() -> None:
    """AnalyzeChoices defines which answers are excluded."""
    body = mc("Q", {"1": "Good", "2": "Bad", "3": "N/A"}, AnalyzeChoices={"3": "No", "1": "Yes"})
    assert [choice.analyze for choice in parsed(body).choices] == [True, True, False]


def test_labels_are_plain_text() -> None:
    """HTML is removed; the label is the name of the image or the id if there is no text."""
    body = mc("Q", {"1": "<b>One</b>&nbsp;!"})
    body["Choices"]["2"] = {"Display": "", "Image": {"Display": "A cat", "ImageLocation": "x"}}
    body["Choices"]["3"] = {"Display": "<img src='x'>"}
    assert [label for _, label, _ in choices(body)] == ["One !", "A cat", "[3]"]


@pytest.mark.parametrize("selector", ["MAVR", "MAHR", "MACOL", "MSB"])
def test_several_answers_have_shares_and_no_average(selector: str) -> None:
    """A multiple-answer question has shares and cannot be grouped by; a note states why."""
    question = parsed(mc("Q", {"1": "A", "2": "B"}, Selector=selector))
    assert question.kind is QuestionKind.MULTIPLE_CHOICE
    assert Calculation.SHARE in question.calculations
    assert Calculation.AVERAGE not in question.calculations
    assert not question.can_group_by
    assert "no average" in question.note


@pytest.mark.parametrize(
    ("recodes", "keys"),
    [
        ({"1": "10", "2": "20"}, ["10", "20"]),
        ({"1": "10"}, ["1", "2"]),
        ({"1": "10", "2": "10"}, ["1", "2"]),
        (None, ["1", "2"]),
    ],
)
def test_multiple_choices_are_keyed_by_recode_only_if_unique(
    recodes: object, keys: list[str]
) -> None:
    """With equal or missing recodes, all keys are ids."""
    body = mc("Q", {"1": "A", "2": "B"}, Selector="MAVR", RecodeValues=recodes)
    assert [key for key, _, _ in choices(body)] == keys


def test_the_text_field_of_a_choice_is_a_sub_question() -> None:
    """It is a question with free text."""
    body = mc("Why", {"1": "Price", "2": "Other:"}, DataExportTag="why")
    body["Choices"]["2"]["TextEntry"] = "on"
    (text,) = parsed(body).sub_questions
    assert (text.id, text.name, text.text) == ("QID1_2_TEXT", "why_2_TEXT", "Other: text")
    assert text.kind is QuestionKind.TEXT


def test_the_rows_of_a_matrix_are_questions_with_its_answers() -> None:
    """Rows are in display order and have the ids of the export; answers have recodes."""
    matrix = parsed(MATRIX)
    assert matrix.kind is QuestionKind.GROUP
    assert matrix.calculations == (Calculation.RESPONSES,)
    price, text, speed = matrix.sub_questions
    assert [row.id for row in (price, text, speed)] == ["QID1_7", "QID1_7_TEXT", "QID1_1"]
    assert [row.name for row in (price, text, speed)] == [
        "Rate_price",
        "Rate_price_TEXT",
        "Rate_1",
    ]
    assert speed.kind is QuestionKind.SINGLE_CHOICE
    assert speed.choices == (
        Choice(key="2", label="Good", value=2),
        Choice(key="1", label="Bad", value=1),
    )


@pytest.mark.parametrize(
    ("selector", "sub_selector", "kind"),
    [
        ("Likert", None, QuestionKind.SINGLE_CHOICE),
        ("Likert", "DL", QuestionKind.SINGLE_CHOICE),
        ("Bipolar", None, QuestionKind.SINGLE_CHOICE),
        ("Likert", "MultipleAnswer", QuestionKind.MULTIPLE_CHOICE),
        ("TE", "Short", QuestionKind.GROUP),
        ("CS", None, QuestionKind.GROUP),
    ],
)
def test_each_kind_of_matrix_has_its_kind_of_rows(
    selector: str, sub_selector: str | None, kind: QuestionKind
) -> None:
    """Rows have one or several answers; cells with texts or sums are sub-questions."""
    matrix = parsed({**MATRIX, "Selector": selector, "SubSelector": sub_selector})
    rows = [row for row in matrix.sub_questions if not row.id.endswith("TEXT")]
    assert {row.kind for row in rows} == {kind}
    if kind is QuestionKind.GROUP:
        cell = rows[0].sub_questions[0]
        assert cell.id == "QID1_7_12"
        assert cell.kind is (QuestionKind.TEXT if selector == "TE" else QuestionKind.NUMBER)


@pytest.mark.parametrize(
    ("body", "ids"),
    [
        ({"QuestionType": "Slider", "Selector": "HSLIDER"}, ["QID1_1", "QID1_2"]),
        ({"QuestionType": "CS", "Selector": "VRTL"}, ["QID1_1", "QID1_2"]),
        ({"QuestionType": "RO", "Selector": "DND"}, ["QID1_1", "QID1_2"]),
        (
            {"QuestionType": "Timing", "Selector": "PageTimer"},
            ["QID1_FIRST_CLICK", "QID1_LAST_CLICK", "QID1_PAGE_SUBMIT", "QID1_CLICK_COUNT"],
        ),
    ],
)
def test_each_item_is_a_number(body: dict[str, str], ids: list[str]) -> None:
    """The items of sliders, constant sums, ranks and timings can be averaged."""
    items = parsed(mc("Q", {"1": "A", "2": "B"}, **body)).sub_questions
    assert [item.id for item in items] == ids
    assert {item.kind for item in items} == {QuestionKind.NUMBER}
    assert all(Calculation.AVERAGE in item.calculations for item in items)


def test_text_entry_is_a_number_only_if_validated() -> None:
    """Free text can only be counted; number validation makes it a number."""
    body: dict[str, Any] = {"QuestionText": "Q", "QuestionType": "TE", "Selector": "SL"}
    assert parsed(body).kind is QuestionKind.TEXT
    assert Calculation.AVERAGE not in parsed(body).calculations
    assert "Free text" in parsed(body).note
    settings = {"Type": "ContentType", "ContentType": "ValidNumber"}
    assert parsed({**body, "Validation": {"Settings": settings}}).kind is QuestionKind.NUMBER
    unused = {"Settings": {**settings, "Type": "None"}}
    assert parsed({**body, "Validation": unused}).kind is QuestionKind.TEXT


def test_the_fields_of_a_form_are_questions() -> None:
    """The fields of a form have the ids of the export."""
    form = parsed(mc("Q", {"4": "Name", "5": "City"}, QuestionType="TE", Selector="FORM"))
    assert [(part.id, part.text) for part in form.sub_questions] == [
        ("QID1_4", "Name"),
        ("QID1_5", "City"),
    ]


@pytest.mark.parametrize(
    "kind", ["SBS", "HeatMap", "PGR", "FileUpload", "Meta", "HotSpot", "Draw", "Hologram", ""]
)
def test_other_types_can_only_be_counted(kind: str) -> None:
    """A note states why; unknown types are listed as well."""
    question = parsed({"QuestionText": "Q", "QuestionType": kind})
    assert question.kind is QuestionKind.OTHER
    assert question.calculations == (Calculation.RESPONSES, Calculation.ANSWERED)
    assert question.note.endswith(".")


@pytest.mark.parametrize(
    "above",
    [{"1": None, "2": None, "3": "1", "4": 2}, {"1": "0", "2": "", "3": "1", "4": "2"}],
)
def test_each_level_of_a_drill_down_is_a_question(above: dict[str, Any]) -> None:
    """A level offers the answers that belong to it; without a valid map, all answers."""
    labels = ("Austria", "Chile", "Vienna", "Arica")
    body = mc(
        "Where",
        {"1": "Country", "2": "City"},
        QuestionType="DD",
        Selector="DL",
        Answers={str(n): {"Display": label} for n, label in enumerate(labels, 1)},
        AnswerMap=above,
    )
    country, city = parsed(body).sub_questions
    assert [(level.id, level.text) for level in (country, city)] == [
        ("QID1_1", "Country"),
        ("QID1_2", "City"),
    ]
    assert [choice.label for choice in country.choices] == ["Austria", "Chile"]
    assert [choice.label for choice in city.choices] == ["Vienna", "Arica"]
    assert country.can_group_by
    for broken in (None, {"1": "2", "2": "1", "3": "4", "4": "3"}):
        unmapped = parsed({**body, "AnswerMap": broken}).sub_questions
        assert [len(level.choices) for level in unmapped] == [4, 4]


def test_a_field_with_number_validation_is_a_number() -> None:
    """Each form field and each text field of a choice has its own validation."""
    form = mc("Q", {"1": "Name", "2": "Age"}, QuestionType="TE", Selector="FORM")
    form["Choices"]["2"]["TextEntryValidation"] = "ValidNumber"
    assert [field.kind for field in parsed(form).sub_questions] == [
        QuestionKind.TEXT,
        QuestionKind.NUMBER,
    ]
    body = mc("Q", {"1": "Never", "2": "Times:"})
    body["Choices"]["2"] |= {"TextEntry": "true", "TextEntryValidation": "ValidNumber"}
    (times,) = parsed(body).sub_questions
    assert times.kind is QuestionKind.NUMBER
    rows = {**MATRIX, "Choices": {"7": {**MATRIX["Choices"]["7"], **body["Choices"]["2"]}}}
    _, beside = parsed(rows).sub_questions
    assert (beside.id, beside.kind) == ("QID1_7_TEXT", QuestionKind.NUMBER)


def test_ranks_have_a_note_on_their_order() -> None:
    """The note states that 1 is the highest rank."""
    ranking = parsed(mc("Q", {"1": "A", "2": "B"}, QuestionType="RO", Selector="DND"))
    assert "1 is the highest rank" in ranking.note


@pytest.mark.parametrize(("selector", "why"), [("MaxDiff", "MaxDiff"), ("Profile", "Profile")])
def test_other_kinds_of_matrix_can_only_be_counted(selector: str, why: str) -> None:
    """A note states why."""
    question = parsed({**MATRIX, "Selector": selector})
    assert question.kind is QuestionKind.OTHER
    assert why in question.note


@pytest.mark.parametrize("kind", ["DB", "Captcha"])
def test_types_without_answers_are_not_listed(kind: str) -> None:
    """Descriptive text and captchas have no answers."""
    assert (
        read_survey_with(
            {"QID1": {"QuestionText": "Welcome", "QuestionType": kind}}
        ).questionnaire.questions
        == ()
    )
