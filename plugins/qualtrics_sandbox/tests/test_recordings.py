"""Compare responses of the sandbox with recorded responses of the API."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from plugins.qualtrics_sandbox.tests import recorded_http
from plugins.qualtrics_sandbox.tests.recorded_http import Recordings
from plugins.qualtrics_sandbox.tests.support import SURVEY, Client, running, write_survey


def shape(value: object) -> object:
    """Return the keys and types of JSON; a list is represented by its first item."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return (
        "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else type(value)
    )


@pytest.mark.parametrize(("name", "path"), [("whoami", "/whoami"), ("surveys.3", "/surveys")])
@recorded_http.both
def test_lists_have_the_recorded_keys_and_types(
    api: Client, recordings: Recordings, name: str, path: str
) -> None:
    """Whoami and the last page of surveys."""
    assert shape(api.get(path).json()) == shape(recordings.body(name))


@recorded_http.both
def test_the_first_page_has_the_recorded_next_page(own: Client, recordings: Recordings) -> None:
    """The path and query are the same."""
    own.state.page_size = 3
    for number in range(3):
        own.state.surveys[f"SV_{number}"] = own.state.surveys[SURVEY]
    found = own.get("/surveys").json()
    expected = recordings.body("surveys.1")
    assert shape(found) == shape(expected)
    tail = "/API/v3/surveys?offset=3"
    assert found["result"]["nextPage"].endswith(tail)
    assert expected["result"]["nextPage"].endswith(tail)


@recorded_http.both
def test_an_export_has_the_recorded_keys_and_types(own: Client, recordings: Recordings) -> None:
    """Started, in progress, complete and failed."""
    started = own.start({"format": "csv"})
    assert shape(started.json()) == shape(recordings.body("startexport"))
    path = f"/surveys/{SURVEY}/export-responses/{started.json()['result']['progressId']}"
    for state in ("inprogress", "complete"):
        expected = recordings.body(f"exportprogress.{state}")
        assert shape(own.get(path).json()) == shape(expected)
    own.state.add_fault("export_progress", kind="failed")
    expected = recordings.body("exportprogress.failed")
    assert shape(own.get(path).json()) == shape(expected)


@recorded_http.both
def test_errors_equal_the_recorded_ones(own: Client, recordings: Recordings) -> None:
    """Messages and codes are the same."""

    def error_of(answer: dict[str, Any]) -> object:
        meta = answer["meta"]
        return meta["httpStatus"], meta["error"], shape(meta)

    empty = own.get("/whoami", headers={"X-API-TOKEN": ""}).json()
    assert error_of(empty) == error_of(recordings.body("badrequest"))
    wrong = own.get("/whoami", headers={"X-API-TOKEN": "x"}).json()
    assert error_of(wrong) == error_of(recordings.body("unauthorized"))
    gone = own.get(f"/survey-definitions/{SURVEY}/questions/QID77").json()
    assert error_of(gone) == error_of(recordings.body("notfound"))
    missing = own.get("/surveys/SV_noSuchSurvey00000").json()["meta"]
    del missing["requestId"]
    assert {"meta": missing} == recordings.body("survey and not found", 1)
    expected = recordings.body("wrong survey")
    host = expected["meta"]["notice"].split()[-1]
    own.state.set_account(proxied_to=host)
    foreign = own.get("/survey-definitions/SV_noSuchSurvey00000/questions").json()
    assert error_of(foreign) == error_of(expected)
    assert foreign["meta"]["notice"] == expected["meta"]["notice"]


@recorded_http.both
def test_a_recorded_survey_is_served_as_recorded(tmp_path: Path, recordings: Recordings) -> None:
    """Both routes return the recorded content for the recorded definition."""
    definition = recordings.body("definition")
    view = recordings.body("survey")["result"]
    survey = definition["result"]["SurveyID"]
    columns: list[Any] = [
        ("RecordedDate", "Recorded Date", {"ImportId": "recordedDate"}, ("2025-01-01 00:00:00",))
    ]
    for tag, place in view["exportColumnMap"].items():
        qid = place["question"]
        is_text = definition["result"]["Questions"][qid]["QuestionType"] == "TE"
        key = {"ImportId": f"{qid}_TEXT" if is_text else qid}
        columns.append((tag, tag, key, ("",)))
    write_survey(tmp_path / "recorded", definition, columns)
    with running(tmp_path) as client:
        assert client.get(f"/survey-definitions/{survey}").json()["result"] == definition["result"]
        found = client.get(f"/surveys/{survey}").json()["result"]
    # The definition does not contain the number of responses.
    assert shape(found.pop("responseCounts")) == shape(view.pop("responseCounts"))
    assert found == view
    for name in ("questions", "exportColumnMap", "blocks"):
        assert list(found[name]) == list(view[name])


@recorded_http.both
def test_a_question_has_the_recorded_keys(api: Client, recordings: Recordings) -> None:
    """These are the keys of every question in the recording."""
    found = api.get(f"/survey-definitions/{SURVEY}/questions/QID12").json()["result"]
    expected = recordings.body("question")["result"]
    assert {"QuestionText", "QuestionText_Unsafe", "QuestionID", "Choices"} <= set(found)
    assert set(found) - set(expected) == {"RecodeValues"}
