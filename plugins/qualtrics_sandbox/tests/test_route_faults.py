"""Tests of simulated faults."""

from __future__ import annotations

import io
import json
import threading
import zipfile

import httpx
import pytest

from plugins.qualtrics_sandbox.tests.support import SURVEY, Client
from smaply_metrics_qualtrics_sandbox import SandboxError


def call(client: Client, route: str) -> httpx.Response:
    """Call one route of the API."""
    export = f"/surveys/{SURVEY}/export-responses"
    if route == "export_start":
        return client.start({"format": "csv"})
    return client.get(
        {
            "whoami": "/whoami",
            "surveys": "/surveys",
            "survey": f"/surveys/{SURVEY}",
            "response_schema": f"/surveys/{SURVEY}/response-schema",
            "definition": f"/survey-definitions/{SURVEY}",
            "questions": f"/survey-definitions/{SURVEY}/questions",
            "export_progress": f"{export}/ES_any",
            "export_file": f"{export}/any-def/file",
        }[route]
    )


ROUTES = (
    "whoami",
    "surveys",
    "survey",
    "response_schema",
    "definition",
    "questions",
    "export_start",
    "export_progress",
    "export_file",
)


def test_a_fault_affects_one_route(own: Client) -> None:
    """It affects one call of its route and no other route."""
    for route in ROUTES:
        own.state.add_fault(route, status=503)
    assert [call(own, route).status_code for route in ROUTES] == [503] * 9
    assert own.state.describe()["faults"] == []
    assert call(own, "whoami").status_code == 200


def test_a_status_has_headers_and_an_envelope(own: Client) -> None:
    """Headers such as Retry-After can be set."""
    own.control("/faults", {"route": "surveys", "status": 429, "headers": {"Retry-After": "7"}})
    answer = own.get("/surveys")
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "7"
    assert answer.json()["meta"]["httpStatus"] == "429 - Too Many Requests"


def test_a_status_can_have_a_custom_body(own: Client) -> None:
    """It can be an old envelope or not JSON."""
    own.state.add_fault("surveys", status=500, body="", content_type="text/plain")
    answer = own.get("/surveys")
    assert (answer.status_code, answer.text) == (500, "")
    assert answer.headers["content-type"].startswith("text/plain")


def test_the_number_of_affected_calls_can_be_set(own: Client) -> None:
    """It is two, then unlimited until the faults are cleared."""
    own.state.add_fault("whoami", status=500, times=2)
    own.state.add_fault("whoami", status=503, times=0)
    assert [own.get("/whoami").status_code for _ in range(5)] == [500, 500, 503, 503, 503]
    own.control("/faults", method="DELETE")
    assert own.get("/whoami").status_code == 200


def test_a_response_can_be_a_web_page(own: Client) -> None:
    """The status is 200, or 403 as from an edge network."""
    own.state.add_fault("surveys", kind="html")
    own.state.add_fault("surveys", kind="html", status=403)
    for status in (200, 403):
        answer = own.get("/surveys")
        assert answer.status_code == status
        assert answer.headers["content-type"].startswith("text/html")
        assert "Access Denied" in answer.text


def test_json_can_be_malformed(own: Client) -> None:
    """The content type is JSON, but the body is not."""
    own.state.add_fault("surveys", kind="malformed")
    answer = own.get("/surveys")
    assert answer.headers["content-type"] == "application/json"
    with pytest.raises(json.JSONDecodeError):
        answer.json()


def test_a_list_can_be_empty(own: Client) -> None:
    """It is empty although there are surveys and questions."""
    own.state.add_fault("surveys", kind="empty_list")
    own.state.add_fault("questions", kind="empty_list")
    assert own.get("/surveys").json()["result"] == {"elements": [], "nextPage": None}
    assert call(own, "questions").json()["result"]["elements"] == []
    assert len(own.get("/surveys").json()["result"]["elements"]) == 1


def test_an_export_can_fail(own: Client) -> None:
    """HTTP 200 with the status failed, without file and reason, as recorded."""
    started = own.start({"format": "csv"})
    own.state.add_fault("export_progress", kind="failed")
    assert own.progress(started) == {
        "fileId": None,
        "percentComplete": 100.0,
        "status": "failed",
    }


def test_an_export_can_be_stuck(own: Client) -> None:
    """It is in progress as long as the fault lasts."""
    started = own.start({"format": "csv"})
    own.state.add_fault("export_progress", kind="stuck", times=0)
    assert {own.progress(started)["status"] for _ in range(5)} == {"inProgress"}


def test_an_export_or_its_file_can_expire(own: Client) -> None:
    """It is not found although it was started."""
    started = own.start({"format": "csv"})
    progress_id = started.json()["result"]["progressId"]
    path = f"/surveys/{SURVEY}/export-responses"
    own.state.add_fault("export_progress", kind="expired")
    assert own.get(f"{path}/{progress_id}").status_code == 404
    own.progress(started)
    file_id = own.progress(started)["fileId"]
    own.state.add_fault("export_file", kind="expired")
    assert own.get(f"{path}/{file_id}/file").status_code == 404
    assert own.get(f"{path}/{file_id}/file").status_code == 200


def test_a_zip_can_be_truncated(own: Client) -> None:
    """The end of the file is missing."""
    own.state.add_fault("export_file", kind="truncated_zip")
    file = own.fetch({"format": "csv"})
    assert file.content.startswith(b"PK")
    with pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(io.BytesIO(file.content))


def test_a_zip_can_be_empty(own: Client) -> None:
    """It is as for a survey without responses."""
    own.state.add_fault("export_file", kind="empty_zip")
    with zipfile.ZipFile(io.BytesIO(own.fetch({"format": "csv"}).content)) as archive:
        assert archive.namelist() == []


def test_a_connection_can_be_dropped(own: Client) -> None:
    """There is no response; the next call works, and both are logged."""
    own.state.add_fault("whoami", kind="drop")
    with pytest.raises(httpx.RemoteProtocolError):
        own.get("/whoami")
    assert own.get("/whoami").status_code == 200
    assert [call["status"] for call in own.state.calls()] == [None, 200]


def test_a_route_can_hang(own: Client) -> None:
    """There is no response before the client times out; the sandbox still stops immediately."""
    own.state.add_fault("whoami", kind="hang")
    with pytest.raises(httpx.ReadTimeout):
        own.get("/whoami", timeout=httpx.Timeout(60, read=0.1))
    assert own.get("/whoami").status_code == 200


def test_a_hang_ends_in_a_drop(own: Client) -> None:
    """The connection closes after the configured time."""
    own.state.add_fault("whoami", kind="hang", seconds=0.05)
    with pytest.raises(httpx.RemoteProtocolError):
        own.get("/whoami", timeout=60)


def test_a_sandbox_with_a_hanging_call_stops_immediately(
    own: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shutting down closes the connection."""
    own.state.add_fault("whoami", kind="hang")
    failures: list[type[Exception]] = []
    arrived = threading.Event()
    record = own.state.record

    def recording(entry: dict[str, object]) -> None:
        record(entry)
        arrived.set()

    monkeypatch.setattr(own.state, "record", recording)

    def hanging() -> None:
        try:
            own.get("/whoami", timeout=60)
        except httpx.HTTPError as error:
            failures.append(type(error))

    caller = threading.Thread(target=hanging)
    caller.start()
    assert arrived.wait(timeout=60)
    own.server.stop()
    caller.join(timeout=60)
    assert failures == [httpx.RemoteProtocolError]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, "Unknown route"),
        ({"route": "nowhere", "status": 500}, "Unknown route"),
        ({"route": "whoami"}, "requires a status"),
        ({"route": "whoami", "status": 99}, "between 200 and 599"),
        ({"route": "whoami", "kind": "flood"}, "Unknown kind"),
        ({"route": "whoami", "kind": "failed"}, "not to whoami"),
        ({"route": "whoami", "kind": "drop", "times": -1}, "times"),
        ({"route": "whoami", "kind": "hang", "seconds": 3600}, "at most 60"),
        ({"route": "whoami", "kind": "drop", "when": "now"}, "Unknown field"),
        ({"route": "whoami", "status": "500"}, "status must be int"),
    ],
)
def test_an_invalid_fault_is_rejected(own: Client, body: object, expected: str) -> None:
    """The error states what is allowed."""
    answer = own.control("/faults", body)
    assert answer.status_code == 400
    assert expected in answer.json()["error"]
    assert own.state.describe()["faults"] == []


def test_a_fault_with_an_unknown_option_is_rejected_in_python(own: Client) -> None:
    """The Python interface validates like the HTTP interface."""
    with pytest.raises(SandboxError, match="fault"):
        own.state.add_fault("whoami", status=500, colour="red")
