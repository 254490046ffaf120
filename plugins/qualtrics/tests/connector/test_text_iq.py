"""Results of Text iQ: sentiment scores are numbers, sentiments are categories."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from plugins.qualtrics.tests.connector.stub_api import StubApi, StubColumn
from plugins.qualtrics.tests.connector.support import SURVEY, embedded, mc, query, survey_definition
from smaply_metrics_core import Question, QuestionKind
from smaply_metrics_qualtrics.survey.definition import read_definition

TEXT = "QID2_TEXT_eae5a8d0e7fd4bd183e983e5"
QUESTIONS = {
    "QID1": mc("Rate", {"1": "Bad", "2": "Good"}),
    "QID2": {"QuestionText": "Why", "QuestionType": "TE", "Selector": "ML"},
}


def described(name: str, **field: Any) -> Question:  # noqa: ANN401
    """Return the result with this name in a survey whose schema lists it."""
    schema = {"properties": {"values": {"properties": {name: {"dataType": "question", **field}}}}}
    return read_definition(survey_definition(QUESTIONS), SURVEY, schema).questionnaire.question(
        name
    )


@pytest.mark.parametrize(
    ("ending", "field"),
    [
        ("SentimentScore", {"type": "number"}),
        ("SentimentScore", {"type": "string"}),
        ("SentimentScore", {}),
        ("Sentiment Score", {}),
        (" - Sentiment Score", {"type": "string"}),
        ("_sentiment_score", {}),
        ("SentimentPolarity", {"type": ["number", "null"]}),
        ("", {"description": "Why - Sentiment Score"}),
        ("Effort", {"type": "integer"}),
    ],
)
def test_a_score_is_a_number(ending: str, field: dict[str, Any]) -> None:
    """The type says so, or the name, in the spellings of ImportIds and descriptions."""
    question = described(f"{TEXT}{ending}", **field)
    assert question.kind is QuestionKind.NUMBER
    assert "average" in question.calculations


@pytest.mark.parametrize("ending", ["Sentiment", " - Sentiment", "SentimentLabel"])
def test_a_sentiment_is_a_category(ending: str) -> None:
    """Its labels are the categories; it can be grouped by and has no average."""
    question = described(f"{TEXT}{ending}", type="string")
    assert question.kind is QuestionKind.SINGLE_CHOICE
    assert question.can_group_by
    assert [choice.key for choice in question.choices] == [
        "Very Negative",
        "Negative",
        "Neutral",
        "Mixed",
        "Positive",
        "Very Positive",
    ]
    assert "average" not in question.calculations


@pytest.mark.parametrize(
    ("ending", "field"),
    [
        ("Topics", {"type": "string"}),
        ("ParentTopics", {}),
        ("TopicSentimentLabel", {}),
        ("TopicSentimentScore", {"type": "string"}),
        ("TopicSentimentScore", {"type": "array"}),
        ("Sentiment", {"type": "array", "oneOf": [{"const": 1, "label": "Positive"}]}),
        ("SentimentScore", {"type": "array"}),
    ],
)
def test_what_can_have_several_values_is_counted(ending: str, field: dict[str, Any]) -> None:
    """A text has several topics, each with a sentiment of its own."""
    question = described(f"{TEXT}{ending}", **field)
    assert (question.kind, question.note) == (QuestionKind.OTHER, "Topics can only be counted.")


LISTED = [{"const": 1, "label": "Negative"}, {"const": 2, "label": "Positive"}, {"label": "odd"}]


@pytest.fixture
def read_texts(tmp_path: Path) -> StubApi:
    """An account with a text question whose texts were analysed."""
    question = {"dataType": "question", "questionId": "QID2"}
    schema = {
        f"{TEXT}SentimentScore": {**question, "type": "number", "description": "Why - Score"},
        f"{TEXT}Sentiment": {**question, "type": "string"},
        f"{TEXT}Emotion": {**question, "type": "number", "oneOf": LISTED},
        f"{TEXT}Topics": {**question, "type": "string"},
    }
    columns = [
        StubColumn("QID1", "QID1", ["1", "2", "2", "1"]),
        StubColumn("QID2_TEXT", "QID2", ["Bad", "Good", "Nice", ""]),
        StubColumn(f"{TEXT}SentimentScore", "QID2", ["-2.5", "1", "1.5", ""]),
        StubColumn(f"{TEXT}Sentiment", "QID2", ["Negative", "positive", "Very positive", ""]),
        StubColumn(f"{TEXT}Emotion", "QID2", ["Negative", "2", "2", ""]),
        StubColumn(f"{TEXT}Topics", "QID2", ["Price", "Price,Speed", "Speed", ""]),
    ]
    return StubApi(tmp_path, survey_definition(QUESTIONS), columns, schema)


def test_results_are_measured(read_texts: StubApi) -> None:
    """Scores are averaged, sentiments split, and topics counted."""
    average = read_texts.measure(query("average", f"{TEXT}SentimentScore"))
    assert (average.current.value, average.current.answered) == (0, 3)
    split = read_texts.measure(query("distribution", f"{TEXT}Sentiment"))
    counted = {group.label: group.answered for group in split.groups if group.answered}
    assert counted == {"Negative": 1, "Positive": 1, "Very Positive": 1}
    assert read_texts.measure(query("answered", f"{TEXT}Topics")).current.value == 3


def test_codes_and_labels_are_one_category(read_texts: StubApi) -> None:
    """The schema maps codes to labels, and an export may contain either."""
    split = read_texts.measure(query("distribution", f"{TEXT}Emotion"))
    assert {(g.key, g.label): g.answered for g in split.groups} == {
        ("1", "Negative"): 1,
        ("2", "Positive"): 2,
    }


def test_other_metrics_are_grouped_by_a_sentiment(read_texts: StubApi) -> None:
    """A sentiment is a group-by like a single choice."""
    result = read_texts.measure(query("average", "QID1", group_by=f"question:{TEXT}Sentiment"))
    found = {group.label: group.value for group in result.groups if group.answered}
    assert found == {"Negative": 1, "Positive": 2, "Very Positive": 2}


def test_an_unlisted_field_is_no_result() -> None:
    """The schema calls it embedded data, and its name is not a generated one."""
    schema = {
        "QID2_TEXT_Sentiment": {"dataType": "embeddedData", "type": "string"},
        "QID2_TEXT_SentimentScore": {"dataType": "question", "type": "string"},
        f"{TEXT}Sentiment": {"dataType": "embeddedData", "type": "string"},
    }
    body = {"properties": {"values": {"properties": schema}}}
    survey = read_definition(survey_definition(QUESTIONS), SURVEY, body).questionnaire
    assert [field.name for field in survey.fields] == ["QID2_TEXT_Sentiment"]
    assert survey.question("QID2_TEXT_SentimentScore").kind is QuestionKind.NUMBER
    assert survey.question(f"{TEXT}Sentiment").kind is QuestionKind.SINGLE_CHOICE


def test_a_declared_field_is_no_result(read_texts: StubApi) -> None:
    """The survey flow says that it is a field, whatever its name."""
    flow = {"Type": "Root", "Flow": [embedded(f"{TEXT}Sentiment")]}
    definition = survey_definition(QUESTIONS, SurveyFlow=flow)
    schema = {"properties": {"values": {"properties": read_texts.schema}}}
    survey = read_definition(definition, SURVEY, schema)
    assert f"{TEXT}Sentiment" not in survey.answer_columns
    assert f"{TEXT}SentimentScore" in survey.answer_columns


def test_the_text_itself_does_not_count_its_results(read_texts: StubApi) -> None:
    """A form is answered if one of its fields is, not if Text iQ has a result for one."""
    form = {**QUESTIONS["QID2"], "Selector": "FORM", "Choices": {"4": {"Display": "Why"}}}
    columns = [
        StubColumn("QID2_4", "QID2", ["", "Good", "", ""]),
        StubColumn(TEXT.replace("QID2", "QID2_4") + "Topics", "QID2", ["None", "x", "None", ""]),
        StubColumn("QID2_DO", "QID2", ["4", "4", "4", "4"]),
    ]
    definition = survey_definition({**QUESTIONS, "QID2": form})
    api = StubApi(read_texts.folder, definition, columns)
    assert api.measure(query("responses", "QID2")).current.answered == 1
