"""Answers compared with recordings of the real API; skipped where these aren't at hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from plugins.qualtrics_sandbox.tests.support import SURVEY, Client, running, write_survey

HTTP = Path(__file__).parents[4].parent / "shared" / "qualtrics" / "recorded" / "http"

yaml = pytest.importorskip("yaml")

pytestmark = pytest.mark.skipif(not HTTP.is_dir(), reason="the recordings are not at hand")


def recorded(name: str, number: int = 0) -> dict[str, Any]:
    """Return the body of a recorded answer."""
    text = (HTTP / name).read_text(encoding="utf-8")
    if name.endswith(".json"):
        found: dict[str, Any] = json.loads(text)
        return found
    content = yaml.safe_load(text)
    body = content["http_interactions"][number]["response"]["body"]["string"]
    parsed: dict[str, Any] = json.loads(body)
    return parsed


def shape(value: object) -> object:
    """Return the keys and types of JSON; lists are as their first item, numbers are numbers."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return (
        "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else type(value)
    )


@pytest.mark.parametrize(
    ("name", "path"),
    [("edited_shapes/whoami.json", "/whoami"), ("edited_shapes/surveys.3.json", "/surveys")],
)
def test_lists_have_the_recorded_keys_and_types(api: Client, name: str, path: str) -> None:
    """Whoami and the last page of surveys."""
    assert shape(api.get(path).json()) == shape(recorded(name))


def test_the_first_page_has_the_recorded_next_page(own: Client) -> None:
    """The same path and the same query as in the recording."""
    own.state.page_size = 3
    for number in range(3):
        own.state.surveys[f"SV_{number}"] = own.state.surveys[SURVEY]
    found = own.get("/surveys").json()
    expected = recorded("edited_shapes/surveys.1.json")
    assert shape(found) == shape(expected)
    tail = "/API/v3/surveys?offset=3"
    assert found["result"]["nextPage"].endswith(tail)
    assert expected["result"]["nextPage"].endswith(tail)


def test_an_export_has_the_recorded_keys_and_types(own: Client) -> None:
    """Its start, in progress, complete, failed."""
    started = own.start({"format": "csv"})
    assert shape(started.json()) == shape(recorded("edited_shapes/startexport.json"))
    path = f"/surveys/{SURVEY}/export-responses/{started.json()['result']['progressId']}"
    for state in ("inprogress", "complete"):
        name = f"edited_shapes/exportprogress.{state}.json"
        assert shape(own.get(path).json()) == shape(recorded(name))
    own.state.add_fault("export_progress", kind="failed")
    expected = shape(recorded("edited_shapes/exportprogress.failed.json"))
    assert shape(own.get(path).json()) == expected


def test_errors_are_the_recorded_ones(own: Client) -> None:
    """Messages and codes, not only keys."""

    def told(answer: dict[str, Any]) -> object:
        meta = answer["meta"]
        return meta["httpStatus"], meta["error"], shape(meta)

    empty = own.get("/whoami", headers={"X-API-TOKEN": ""}).json()
    assert told(empty) == told(recorded("edited_shapes/badrequest.json"))
    wrong = own.get("/whoami", headers={"X-API-TOKEN": "x"}).json()
    assert told(wrong) == told(recorded("edited_shapes/unauthorized.json"))
    gone = own.get(f"/survey-definitions/{SURVEY}/questions/QID77").json()
    assert told(gone) == told(recorded("edited_shapes/notfound.json"))
    missing = own.get("/surveys/SV_0fEV92PdRg8a2e0").json()["meta"]
    del missing["requestId"]
    assert {"meta": missing} == recorded("get_survey.200_and_404.2016.yml", 1)
    own.state.set_account(proxied_to="az1.qualtrics.com")
    foreign = own.get("/survey-definitions/SV_a2AcbPZz1Dxxxx/questions").json()
    expected = recorded("list_questions.403_wrong_survey.yml")
    assert told(foreign) == told(expected)
    assert foreign["meta"]["notice"] == expected["meta"]["notice"]


def test_a_recorded_survey_is_answered_as_it_was(tmp_path: Path) -> None:
    """Served from its recorded definition, both routes answer what was recorded."""
    definition = recorded("get_survey_definition.beskar_armor.yml")
    view = recorded("get_survey.beskar_armor.yml")["result"]
    survey = definition["result"]["SurveyID"]
    columns: list[Any] = [
        ("RecordedDate", "Recorded Date", {"ImportId": "recordedDate"}, ("2025-01-01 00:00:00",))
    ]
    for tag, place in view["exportColumnMap"].items():
        qid = place["question"]
        is_text = definition["result"]["Questions"][qid]["QuestionType"] == "TE"
        key = {"ImportId": f"{qid}_TEXT" if is_text else qid}
        columns.append((tag, tag, key, ("",)))
    write_survey(tmp_path / "armor", definition, columns)
    with running(tmp_path) as client:
        assert client.get(f"/survey-definitions/{survey}").json()["result"] == definition["result"]
        found = client.get(f"/surveys/{survey}").json()["result"]
    # How many responses there were isn't in a definition.
    assert shape(found.pop("responseCounts")) == shape(view.pop("responseCounts"))
    assert found == view


def test_a_question_has_the_recorded_keys(api: Client) -> None:
    """Those that every question of the recording has."""
    found = api.get(f"/survey-definitions/{SURVEY}/questions/QID12").json()["result"]
    expected = recorded("get_one_question.yml")["result"]
    assert {"QuestionText", "QuestionText_Unsafe", "QuestionID", "Choices"} <= set(found)
    assert set(found) - set(expected) == {"RecodeValues"}
