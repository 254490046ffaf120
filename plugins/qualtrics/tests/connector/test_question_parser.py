"""Each type of question: its choices, its parts, and what may be calculated from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from plugins.qualtrics.tests.connector.support import MATRIX, mc, read_survey_with
from smaply_metrics_core import Calculation, Choice, Question, QuestionKind


def ask(body: Mapping[str, Any]) -> Question:
    """Read a survey with one question, QID1."""
    return read_survey_with({"QID1": body}).questionnaire.question("QID1")


def choices(body: Mapping[str, Any]) -> list[tuple[str, str, float | None]]:
    """Give key, label and value of each choice of a question."""
    return [(choice.key, choice.label, choice.value) for choice in ask(body).choices]


def test_a_choice_is_keyed_by_its_recode_first() -> None:
    """Exports write the recode, so that is the key and the value; the id where there is none."""
    body = mc("Q", {"1": "Yes", "2": "No", "3": "Maybe"}, RecodeValues={"1": "-1", "2": 0})
    assert choices(body) == [("-1", "Yes", -1), ("0", "No", 0), ("3", "Maybe", 3)]


def test_two_choices_with_one_recode_become_one() -> None:
    """The data cannot tell them apart, so they are counted together under both labels."""
    body = mc("Q", {"1": "Good", "2": "Fine", "3": "Bad"}, RecodeValues={"1": "1", "2": "1"})
    assert choices(body) == [("1", "Good / Fine", 1), ("3", "Bad", 3)]


def test_a_recode_that_is_no_number_has_no_value() -> None:
    """A mistyped recode keeps its key, and no average is made from half a scale."""
    body = mc("Q", {"1": "A", "2": "B"}, RecodeValues={"1": "1o", "2": "2"})
    assert choices(body) == [("1o", "A", None), ("2", "B", 2)]
    assert Calculation.AVERAGE not in ask(body).calculations


@pytest.mark.parametrize("recode", ["1_000", "\u0661", "1e3", "nan", "inf", " "])
def test_only_plain_decimal_numbers_are_values(recode: str) -> None:
    """What Python would read as a number and no survey means as one has no value."""
    ((_, _, value), *_) = choices(mc("Q", {"x": "A"}, RecodeValues={"x": recode}))
    assert value is None


def test_choices_stand_in_the_order_shown() -> None:
    """ChoiceOrder decides, whether it has numbers or texts; what it forgets comes last."""
    body = mc("Q", {"1": "A", "2": "B", "3": "C", "4": "D"}, ChoiceOrder=[3, "1", 99, 2, 3])
    assert [label for _, label, _ in choices(body)] == ["C", "A", "B", "D"]


def test_choices_may_be_an_array() -> None:
    """An NPS question has its choices as an array, whose index is the id."""
    question = ask(
        mc("Q", {}, Selector="NPS", Choices=[{"Display": str(score)} for score in range(11)])
    )
    assert question.kind is QuestionKind.NPS
    assert [choice.value for choice in question.choices] == list(range(11))
    assert Calculation.NPS in question.calculations
    assert question.can_group_by


@pytest.mark.parametrize("offered", [[], {}, None, "broken", 5])
def test_a_question_without_choices_can_be_counted(offered: object) -> None:
    """Empty or broken choices make no average, and the note says so."""
    question = ask(mc("Q", {}, Choices=offered))
    assert question.calculations == (Calculation.RESPONSES, Calculation.ANSWERED)
    assert not question.can_group_by
    assert question.note


def test_not_applicable_is_kept_out_of_analyses() -> None:
    """AnalyzeChoices says which answers never enter a denominator."""
    body = mc("Q", {"1": "Good", "2": "Bad", "3": "N/A"}, AnalyzeChoices={"3": "No", "1": "Yes"})
    assert [choice.analyze for choice in ask(body).choices] == [True, True, False]


def test_labels_are_plain_text() -> None:
    """HTML is stripped; a picture is called by its name, a choice without any by its id."""
    body = mc("Q", {"1": "<b>One</b>&nbsp;!"})
    body["Choices"]["2"] = {"Display": "", "Image": {"Display": "A cat", "ImageLocation": "x"}}
    body["Choices"]["3"] = {"Display": "<img src='x'>"}
    assert [label for _, label, _ in choices(body)] == ["One !", "A cat", "[3]"]


@pytest.mark.parametrize("selector", ["MAVR", "MAHR", "MACOL", "MSB"])
def test_several_answers_have_shares_and_no_average(selector: str) -> None:
    """A multiple-answer question offers shares, groups nothing, and says why."""
    question = ask(mc("Q", {"1": "A", "2": "B"}, Selector=selector))
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
def test_several_answers_are_keyed_by_recode_only_when_that_tells_them_apart(
    recodes: object, keys: list[str]
) -> None:
    """Each has its own column, so equal or missing recodes fall back to ids for all."""
    body = mc("Q", {"1": "A", "2": "B"}, Selector="MAVR", RecodeValues=recodes)
    assert [key for key, _, _ in choices(body)] == keys


def test_a_choice_with_a_text_field_brings_its_text() -> None:
    """What is typed beside a choice is a sub-question of free text."""
    body = mc("Why", {"1": "Price", "2": "Other:"}, DataExportTag="why")
    body["Choices"]["2"]["TextEntry"] = "on"
    (text,) = ask(body).sub_questions
    assert (text.id, text.name, text.text) == ("QID1_2_TEXT", "why_2_TEXT", "Other: text")
    assert text.kind is QuestionKind.TEXT


def test_the_rows_of_a_matrix_are_questions_with_its_answers() -> None:
    """Recodes belong to the answers; rows stand in the order shown, under the export's ids."""
    matrix = ask(MATRIX)
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
    """Rows take one answer, or several; cells of texts and sums are questions of their own."""
    matrix = ask({**MATRIX, "Selector": selector, "SubSelector": sub_selector})
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
def test_numbers_are_measured_item_by_item(body: dict[str, str], ids: list[str]) -> None:
    """Sliders, constant sums, ranks and times are numbers that can be averaged."""
    items = ask(mc("Q", {"1": "A", "2": "B"}, **body)).sub_questions
    assert [item.id for item in items] == ids
    assert {item.kind for item in items} == {QuestionKind.NUMBER}
    assert all(Calculation.AVERAGE in item.calculations for item in items)


def test_text_entry_is_text_unless_it_must_be_a_number() -> None:
    """Free text is counted only; validation as a number makes it one."""
    body: dict[str, Any] = {"QuestionText": "Q", "QuestionType": "TE", "Selector": "SL"}
    assert ask(body).kind is QuestionKind.TEXT
    assert Calculation.AVERAGE not in ask(body).calculations
    assert "Free text" in ask(body).note
    settings = {"Type": "ContentType", "ContentType": "ValidNumber"}
    assert ask({**body, "Validation": {"Settings": settings}}).kind is QuestionKind.NUMBER
    unused = {"Settings": {**settings, "Type": "None"}}
    assert ask({**body, "Validation": unused}).kind is QuestionKind.TEXT


def test_the_fields_of_a_form_are_questions() -> None:
    """A form's fields are addressed as the export does."""
    form = ask(mc("Q", {"4": "Name", "5": "City"}, QuestionType="TE", Selector="FORM"))
    assert [(part.id, part.text) for part in form.sub_questions] == [
        ("QID1_4", "Name"),
        ("QID1_5", "City"),
    ]


@pytest.mark.parametrize(
    "kind", ["SBS", "HeatMap", "PGR", "FileUpload", "Meta", "HotSpot", "Draw", "Hologram", ""]
)
def test_other_types_are_listed_and_counted_and_say_why_no_more(kind: str) -> None:
    """A type that is not measured, invented ones too, never fails the list."""
    question = ask({"QuestionText": "Q", "QuestionType": kind})
    assert question.kind is QuestionKind.OTHER
    assert question.calculations == (Calculation.RESPONSES, Calculation.ANSWERED)
    assert question.note.endswith(".")


@pytest.mark.parametrize(
    "above",
    [{"1": None, "2": None, "3": "1", "4": 2}, {"1": "0", "2": "", "3": "1", "4": "2"}],
)
def test_each_level_of_a_drill_down_is_a_question(above: dict[str, Any]) -> None:
    """A level is one list: it offers the answers that the level above leads to."""
    labels = ("Austria", "Chile", "Vienna", "Arica")
    body = mc(
        "Where",
        {"1": "Country", "2": "City"},
        QuestionType="DD",
        Selector="DL",
        Answers={str(n): {"Display": label} for n, label in enumerate(labels, 1)},
        AnswerMap=above,
    )
    country, city = ask(body).sub_questions
    assert [(level.id, level.text) for level in (country, city)] == [
        ("QID1_1", "Country"),
        ("QID1_2", "City"),
    ]
    assert [choice.label for choice in country.choices] == ["Austria", "Chile"]
    assert [choice.label for choice in city.choices] == ["Vienna", "Arica"]
    assert country.can_group_by
    for broken in (None, {"1": "2", "2": "1", "3": "4", "4": "3"}):
        unmapped = ask({**body, "AnswerMap": broken}).sub_questions
        assert [len(level.choices) for level in unmapped] == [4, 4]


def test_a_field_that_must_be_a_number_is_one() -> None:
    """Each field of a form, and each text beside a choice, has a validation of its own."""
    form = mc("Q", {"1": "Name", "2": "Age"}, QuestionType="TE", Selector="FORM")
    form["Choices"]["2"]["TextEntryValidation"] = "ValidNumber"
    assert [field.kind for field in ask(form).sub_questions] == [
        QuestionKind.TEXT,
        QuestionKind.NUMBER,
    ]
    body = mc("Q", {"1": "Never", "2": "Times:"})
    body["Choices"]["2"] |= {"TextEntry": "true", "TextEntryValidation": "ValidNumber"}
    (times,) = ask(body).sub_questions
    assert times.kind is QuestionKind.NUMBER
    rows = {**MATRIX, "Choices": {"7": {**MATRIX["Choices"]["7"], **body["Choices"]["2"]}}}
    _, beside = ask(rows).sub_questions
    assert (beside.id, beside.kind) == ("QID1_7_TEXT", QuestionKind.NUMBER)


def test_ranks_say_which_end_is_the_first() -> None:
    """A low rank is a good one, and the question says so."""
    ranking = ask(mc("Q", {"1": "A", "2": "B"}, QuestionType="RO", Selector="DND"))
    assert "1 is the first rank" in ranking.note


@pytest.mark.parametrize(("selector", "why"), [("MaxDiff", "no scale"), ("Profile", "Profile")])
def test_other_kinds_of_matrix_say_why_they_are_only_counted(selector: str, why: str) -> None:
    """Rows whose cells hold no answer of one common scale are not averaged."""
    question = ask({**MATRIX, "Selector": selector})
    assert question.kind is QuestionKind.OTHER
    assert why in question.note


@pytest.mark.parametrize("kind", ["DB", "Captcha"])
def test_what_asks_nothing_is_not_listed(kind: str) -> None:
    """Descriptive text and captchas have no answers."""
    assert (
        read_survey_with(
            {"QID1": {"QuestionText": "Welcome", "QuestionType": kind}}
        ).questionnaire.questions
        == ()
    )
