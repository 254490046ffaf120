"""Tests of fields, topics and loops that only the response schema lists."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.qualtrics.tests.connector.support import (
    MATRIX,
    SURVEY,
    Account,
    Json,
    account,
    embedded,
    error_of,
    mc,
    query,
    survey_definition,
    tally_of,
    write_survey,
)
from smaply_metrics_core import CredentialRefused, Filter, QuestionKind, QuestionUnavailable
from smaply_metrics_qualtrics.survey.definition import read_definition
from smaply_metrics_qualtrics.survey.response_schema import schema_fields

TOPICS = "QID2_TEXT_eae5a8d0e7fd4bd183e983e5Topics"
QUESTIONS = {
    "QID1": mc("Rate", {"1": "Bad", "2": "Good"}),
    "QID2": {"QuestionText": "Why", "QuestionType": "TE", "Selector": "ML"},
}
COLUMNS: dict[str, object] = {
    "Rate": "QID1",
    "Why": "QID2_TEXT",
    "Why - Topics": TOPICS,
    "SC0": "SC_1",
    "Region": "Region",
    "Store": "Store",
}
ROWS = [
    {"Rate": "2", "Store": "Linz", "Region": "North", "Why": "It is warm", "Why - Topics": "Heat"},
    {"Rate": "1", "Store": "Linz", "Region": "South", "Why": "x"},
    {"Rate": "1", "Store": "Graz"},
]


def schema_of(properties: Json) -> dict[str, Any]:
    """Return a response schema with these properties."""
    return {"properties": {"values": {"type": "object", "properties": properties}}}


@pytest.fixture
def listed(tmp_path: Path) -> Iterator[Account]:
    """A survey whose flow declares the region but not the store."""
    flow = {"Type": "Root", "Flow": [embedded("Region"), {"Type": "Block", "ID": "BL_1"}]}
    scoring = {"ScoringCategories": [{"ID": "SC_1", "Name": "Score"}]}
    definition = survey_definition(QUESTIONS, SurveyFlow=flow, Scoring=scoring)
    write_survey(tmp_path / "s" / "one", definition, COLUMNS, ROWS)
    with account(tmp_path / "s", export_polls=0) as own:
        yield own


def calls_to(own: Account, what: str) -> int:
    """Return the number of requests to a route."""
    return sum(path.endswith(what) for path in own.calls())


def test_fields_of_contact_lists_are_listed(listed: Account) -> None:
    """A field that only the schema lists can be grouped by and filtered on."""
    with listed.session() as session:
        questionnaire = session.questions(SURVEY)
    assert [field.name for field in questionnaire.fields] == ["Region", "Store"]
    assert questionnaire.notes == ()
    result = listed.measure(query("average", "QID1", group_by="field:Store"))
    assert {group.key: group.value for group in result.groups} == {"Linz": 1.5, "Graz": 1}
    linz = Filter(kind="field", of="Store", values=("Linz",))
    assert listed.measure(query("responses", filters=[linz])).current.value == 2


def test_the_schema_is_requested_only_if_needed(listed: Account) -> None:
    """A refresh with only declared fields does not request it."""
    listed.measure(query("average", "QID1", group_by="field:Region"))
    assert calls_to(listed, "/response-schema") == 0
    listed.fetch(
        query("responses", query_id="a", group_by="field:Store"),
        query("average", "QID1", query_id="b", group_by="field:Store"),
    )
    assert calls_to(listed, "/response-schema") == 1


def test_without_the_schema_the_survey_is_still_described(listed: Account) -> None:
    """A note states what is missing; only metrics that need the schema fail."""
    listed.sandbox.state.add_fault("response_schema", kind="status", status=503, times=0)
    with listed.session() as session:
        questionnaire = session.questions(SURVEY)
    assert [field.name for field in questionnaire.fields] == ["Region"]
    assert any("not listed" in note for note in questionnaire.notes)
    outcomes = listed.fetch(
        query("responses", query_id="store", group_by="field:Store"),
        query("answered", TOPICS, query_id="topics"),
        query("responses", query_id="region", group_by="field:Region"),
    )
    for query_id in ("store", "topics"):
        assert error_of(outcomes, query_id).kind == "source_unavailable"
    assert tally_of(outcomes, "region").window("current").total.responses == 3


def test_a_401_for_the_schema_is_raised(listed: Account) -> None:
    """A rejected token is not ignored."""
    listed.sandbox.state.add_fault("response_schema", kind="status", status=401, times=0)
    with listed.session() as session, pytest.raises(CredentialRefused):
        session.questions(SURVEY)


def test_an_unknown_field_is_unavailable(listed: Account) -> None:
    """A field that is not in the schema either is an error."""
    outcome = error_of(listed.fetch(query("responses", group_by="field:Shop")))
    assert type(outcome) is QuestionUnavailable
    assert "Shop" in outcome.message


def test_the_topics_of_a_text_can_be_counted(listed: Account) -> None:
    """They are listed as a question."""
    with listed.session() as session:
        question = session.questions(SURVEY).question(TOPICS)
    assert question.kind is QuestionKind.OTHER
    assert question.note == "Topics can only be counted."
    assert listed.measure(query("answered", TOPICS)).current.value == 1


def test_only_embedded_data_are_fields() -> None:
    """The schema says what a column is, not its name. Fields of the type number are averaged."""
    fields = {
        "Store": {"dataType": "embeddedData", "type": "string"},
        "Spend": {"dataType": "embeddedData", "type": "number"},
        "Visits": {"dataType": "embeddedData", "type": "integer"},
        "SC_abc": {"dataType": "embeddedData", "type": "number"},
        "SC_0": {"dataType": "embeddedData", "type": "string"},
        "FL_4_DO": {"dataType": "embeddedData", "type": "array"},
        "BL_1_DO": {"dataType": "embeddedData", "type": "string"},
        "To_DO": {"dataType": "embeddedData", "type": "string"},
        "QID9_TEXT": {"dataType": "embeddedData", "type": "string"},
        "old_QID1": {"dataType": "embeddedData", "type": "string"},
        "duration": {"dataType": "embeddedData", "type": "number"},
        "status": {"dataType": "metadata", "type": "number"},
        "QID1": {"dataType": "question", "type": "number"},
        TOPICS: {"dataType": "question", "description": "Why - <b>Topics</b>"},
        "Bare": None,
    }
    schema = schema_of(fields)
    names = ["Store", "Spend", "Visits", "SC_0", "To_DO", "QID9_TEXT", "old_QID1"]
    known = {"SC_abc", "BL_1_DO"}
    assert [field.name for field in schema_fields(schema, known)] == names
    scoring = {"ScoringCategories": [{"ID": "SC_abc", "Name": "Health"}]}
    survey = read_definition(survey_definition(QUESTIONS, Scoring=scoring), SURVEY, schema)
    assert survey.questionnaire.question("field:Spend").kind is QuestionKind.NUMBER
    assert [field.name for field in survey.questionnaire.fields] == names
    assert survey.questionnaire.question(TOPICS).text == "Why - Topics"
    trashed = survey_definition({"QID1": QUESTIONS["QID1"]})
    assert TOPICS not in read_definition(trashed, SURVEY, schema).answer_columns


def test_a_number_in_a_contact_list_is_averaged(tmp_path: Path) -> None:
    """A numeric field that only the schema lists can be averaged."""
    definition = survey_definition(QUESTIONS)
    columns: dict[str, object] = {"Rate": "QID1", "Spend": "Spend"}
    write_survey(tmp_path / "s" / "one", definition, columns, [{"Spend": "3"}, {"Spend": "4"}])
    schema = schema_of({"Spend": {"dataType": "embeddedData", "type": "number"}})
    with account(tmp_path / "s", export_polls=0) as own:
        body = json.dumps({"meta": {"httpStatus": "200 - OK", "requestId": "r"}, "result": schema})
        own.sandbox.state.add_fault(
            "response_schema", kind="status", status=200, body=body, times=0
        )
        assert own.measure(query("average", "field:Spend")).current.value == 3.5


def test_loops_that_only_the_schema_lists_are_found(tmp_path: Path) -> None:
    """Each can be calculated separately; an unknown loop is an error."""
    blocks = {
        "BL_1": {
            "Type": "Standard",
            "BlockElements": [{"Type": "Question", "QuestionID": "QID1"}],
            "Options": {"Looping": "Question", "LoopingOptions": {"QID": "QID2", "Static": {}}},
        }
    }
    questions = {**QUESTIONS, "QID2": mc("Which", {"4": "Lamp"}, Selector="MAVR")}
    definition = survey_definition(questions, Blocks=blocks)
    columns: dict[str, object] = {"a": "4_QID1", "b": "x7_QID1", "c": "QID2_4"}
    write_survey(tmp_path / "s" / "one", definition, columns, [{"a": "1", "b": "2"}, {"b": "2"}])
    with account(tmp_path / "s", export_polls=0) as own:
        with own.session() as session:
            question = session.questions(SURVEY).question("QID1")
        assert [(one.id, one.text) for one in question.sub_questions] == [
            ("4_QID1", "Lamp"),
            ("x7_QID1", "Loop x7"),
        ]
        assert own.measure(query("average", "x7_QID1")).current.value == 2
        assert own.measure(query("average", "QID1")).current.value == pytest.approx(5 / 3)
        gone = error_of(own.fetch(query("average", "9_QID1")))
    assert type(gone) is QuestionUnavailable


def test_a_schema_of_a_thousand_fields_is_read() -> None:
    """A real survey has 1,019 fields."""
    fields = {
        f"Field {n}": {"dataType": "embeddedData", "type": "string", "exportTag": f"Field {n}"}
        for n in range(1_019)
    }
    survey = read_definition(survey_definition(QUESTIONS), SURVEY, schema_of(fields))
    assert len(survey.questionnaire.fields) == 1_019


def test_a_survey_of_hundreds_of_questions_is_read() -> None:
    """Each of 684 questions in one response is listed once."""
    kinds = [
        mc("One", {"1": "Yes", "2": "No"}),
        mc("Several", {"1": "A", "2": "B"}, Selector="MAVR"),
        MATRIX,
    ]
    questions = {f"QID{n}": kinds[n % 3] for n in range(684)}
    survey = read_definition(survey_definition(questions), SURVEY)
    assert len(survey.questionnaire.questions) == 684
    assert len(list(survey.questionnaire.walk())) == len(survey.answer_columns) == 684 + 228 * 3


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["properties", "values", "dataType", "type", "description", "F", "QID1", TOPICS]
            ),
            inner | st.just("embeddedData"),
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(ANY_JSON)
def test_parsing_a_schema_never_fails(schema: object) -> None:
    """Whatever the schema contains, the questions are listed."""
    for given_schema in (schema, schema_of(schema)):
        survey = read_definition(survey_definition(QUESTIONS), SURVEY, given_schema)
        ids = [question.id for question in survey.questionnaire.walk()]
        assert len(set(ids)) == len(ids)
        assert set(ids) == set(survey.answer_columns)
