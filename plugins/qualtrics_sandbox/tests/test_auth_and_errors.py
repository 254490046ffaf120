"""Tests of authorization and error responses."""

from __future__ import annotations

import socket
import uuid
from typing import Any

import httpx
import pytest

from plugins.qualtrics_sandbox.tests.support import SURVEY, TOKEN, Client


def whoami(api: Client, token: str | None) -> httpx.Response:
    """Call whoami with the given token, or without a token."""
    headers = {} if token is None else {"X-API-TOKEN": token}
    return api.bare("GET", "/API/v3/whoami", headers=headers)


def error(response: httpx.Response) -> dict[str, Any]:
    """Return the error in an envelope after checking the other parts."""
    assert response.headers["content-type"] == "application/json"
    meta = response.json()["meta"]
    assert meta["httpStatus"].startswith(f"{response.status_code} - ")
    assert str(uuid.UUID(meta["requestId"])) == meta["requestId"]
    found: dict[str, Any] = meta["error"]
    return found


def test_a_missing_header_is_a_bad_request_in_the_api_envelope(api: Client) -> None:
    """A client can verify the host without sending a token."""
    answer = whoami(api, None)
    assert answer.status_code == 400
    assert error(answer) == {
        "errorMessage": "Expected authorization in headers, but none provided.",
        "errorCode": "ATP_2",
    }


def test_an_empty_token_is_a_bad_request(api: Client) -> None:
    """An empty header has another error than a missing one."""
    answer = whoami(api, "")
    assert answer.status_code == 400
    assert error(answer) == {
        "errorMessage": "An apiToken must be provided.",
        "errorCode": "ATC_1",
    }


@pytest.mark.parametrize("token", ["wrong", TOKEN + "x", TOKEN[:-1], TOKEN.upper()])
def test_a_wrong_token_is_unauthorized(api: Client, token: str) -> None:
    """Only the exact token is valid."""
    answer = whoami(api, token)
    assert answer.status_code == 401
    assert error(answer) == {
        "errorMessage": "Unrecognized X-API-TOKEN.",
        "errorCode": "DCD_7",
    }


def test_the_token_is_checked_first(api: Client) -> None:
    """Without the token, surveys cannot be discovered and bodies are not validated."""
    for path in (f"/surveys/{SURVEY}", "/surveys/SV_none", "/survey-definitions/SV_none"):
        assert api.bare("GET", f"/API/v3{path}").status_code == 400
    answer = api.bare(
        "POST",
        f"/API/v3/surveys/{SURVEY}/export-responses",
        json={"nonsense": 1},
        headers={"X-API-TOKEN": "wrong"},
    )
    assert answer.status_code == 401


@pytest.mark.parametrize("path", ["/nothing", "/surveys/a/b/c", "/whoami/more"])
def test_an_unknown_route_is_not_found_without_a_code(api: Client, path: str) -> None:
    """An unknown path has an envelope without an error code."""
    answer = api.get(path)
    assert answer.status_code == 404
    assert error(answer) == {"errorMessage": "The requested resource does not exist."}


def test_a_wrong_method_is_not_allowed(api: Client) -> None:
    """The envelope has the status, and a header the allowed methods; unknown paths remain 404."""
    for method, path in (
        ("DELETE", f"/surveys/{SURVEY}"),
        ("POST", "/whoami"),
        ("GET", f"/surveys/{SURVEY}/export-responses"),
    ):
        answer = api.http.request(method, f"/API/v3{path}")
        assert answer.status_code == 405
        assert answer.json()["meta"]["httpStatus"] == "405 - Method Not Allowed"
        assert answer.headers["Allow"]
    assert api.http.post("/API/v3/nowhere", json={}).status_code == 404
    assert api.get(f"/surveys/{SURVEY}/responses").status_code == 404


def test_repeated_and_trailing_slashes_are_ignored(api: Client) -> None:
    """Clients join a base URL and a path that both have a slash."""
    expected = api.get(f"/surveys/{SURVEY}").json()["result"]
    assert api.get(f"//surveys//{SURVEY}/").json()["result"] == expected


def test_an_unknown_survey_is_forbidden_or_not_found_by_route(api: Client) -> None:
    """Definitions respond with 403, surveys and exports with 404."""
    for path in ("", "/questions", "/questions/QID1"):
        answer = api.get(f"/survey-definitions/SV_foreign{path}")
        assert answer.status_code == 403
        assert error(answer) == {
            "errorMessage": "The operation is forbidden.",
            "errorCode": "QMST_2.1",
        }
    gone = {"errorMessage": "Survey not found.", "errorCode": "GSI_2"}
    for path in ("", "/response-schema", "/export-responses/ES_1", "/export-responses/x-def/file"):
        answer = api.get(f"/surveys/SV_foreign{path}")
        assert answer.status_code == 404
        assert error(answer) == gone
    started = api.start({"format": "csv"}, survey="SV_foreign")
    assert (started.status_code, error(started)) == (404, gone)


@pytest.mark.parametrize(
    "path",
    [
        f"/survey-definitions/{SURVEY}/questions/QID99",
        f"/surveys/{SURVEY}/export-responses/ES_unknown",
        f"/surveys/{SURVEY}/export-responses/unknown-def/file",
    ],
)
def test_an_unknown_question_export_or_file_is_not_found(api: Client, path: str) -> None:
    """An unknown id within a survey is 404."""
    answer = api.get(path)
    assert answer.status_code == 404
    assert error(answer) == {"errorMessage": "Resource not found", "errorCode": "UNF_9"}


def test_a_path_can_end_with_a_slash(api: Client) -> None:
    """The recordings contain both forms."""
    for path in ("/whoami/", "/surveys/", f"/surveys/{SURVEY}/", f"/survey-definitions/{SURVEY}/"):
        assert api.get(path).status_code == 200


def test_starting_an_export_without_a_body_is_rejected(api: Client) -> None:
    """A POST request requires a body."""
    answer = api.http.post(f"/API/v3/surveys/{SURVEY}/export-responses")
    assert answer.status_code == 411
    assert "errorMessage" in error(answer)


def test_only_the_loopback_is_bound(api: Client) -> None:
    """The sandbox cannot be reached from other machines."""
    assert api.server.host.startswith("127.0.0.1:")
    port = int(api.server.host.rpartition(":")[2])
    with socket.socket() as other:
        # The port is in use only on 127.0.0.1, not on other loopback addresses.
        other.bind(("127.0.0.2", port))
