"""Tests of OAuth 2.0 client credentials and bearer tokens."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from plugins.qualtrics_sandbox.tests.support import (
    NOW,
    SURVEY,
    TOKEN,
    Client,
    Json,
    running,
    write_survey,
)

CLIENT = ("sandbox-client", TOKEN)
GRANT = {"grant_type": "client_credentials"}


def issue(client: Client, auth: Json = CLIENT, **form: str) -> httpx.Response:
    """Request a bearer token."""
    return client.bare("POST", "/oauth2/token", auth=auth, data={**GRANT, **form})


def get(
    client: Client, bearer: str, path: str = "/surveys", scheme: str = "Bearer"
) -> httpx.Response:
    """Send a GET request with a bearer token."""
    headers = {"Authorization": f"{scheme} {bearer}"}
    return client.bare("GET", f"/API/v3{path}", headers=headers)


def error(answer: httpx.Response) -> tuple[int, dict[str, Any]]:
    """Return the status and the error of an envelope."""
    found: dict[str, Any] = answer.json()["meta"]["error"]
    return answer.status_code, found


@pytest.fixture
def moment() -> list[datetime]:
    """The time of the sandbox, as a list of one."""
    return [NOW]


@pytest.fixture
def timed(tmp_path: Path, moment: list[datetime]) -> Iterator[Client]:
    """A sandbox whose clock a test can change."""
    write_survey(tmp_path / "everything")
    with running(tmp_path, now=lambda: moment[0]) as client:
        yield client


def test_a_bearer_token_is_as_good_as_the_token(own: Client) -> None:
    """The response has the fields of RFC 6749; the scheme is not case-sensitive."""
    issued = issue(own, scope="read:surveys read:survey_responses").json()
    assert issued["token_type"] == "Bearer"
    assert issued["expires_in"] == 3600
    assert issued["scope"] == "read:survey_responses read:surveys"
    bearer = issued["access_token"]
    assert get(own, bearer).status_code == get(own, bearer, scheme="bearer").status_code == 200
    own.state.set_token(None)
    assert get(own, bearer).status_code == 200


def test_a_bearer_token_expires(timed: Client, moment: list[datetime]) -> None:
    """It is then 401 AUTH_6.0, while an unknown one is 401 DCD_7."""
    bearer = issue(timed).json()["access_token"]
    moment[0] += timedelta(seconds=3599)
    assert get(timed, bearer).status_code == 200
    moment[0] += timedelta(seconds=1)
    status, details = error(get(timed, bearer))
    assert (status, details["errorCode"]) == (401, "AUTH_6.0")
    status, details = error(get(timed, "unknown"))
    assert (status, details["errorCode"]) == (401, "DCD_7")


@pytest.mark.parametrize(
    ("scope", "path", "status"),
    [
        ("read:surveys", "/surveys", 200),
        ("manage:surveys", "/surveys", 200),
        ("manage:all", "/surveys", 200),
        ("", "/surveys", 200),
        ("read:surveys", f"/surveys/{SURVEY}/response-schema", 403),
        ("read:survey_responses", "/surveys", 403),
        ("read:survey_responses", f"/surveys/{SURVEY}/responses/R_1", 200),
        ("read:surveys", "/whoami", 403),
        ("read:users", "/whoami", 200),
    ],
)
def test_a_route_requires_its_scope(own: Client, scope: str, path: str, status: int) -> None:
    """Without it the response is 403 AuthZ_2.0; a request without scopes receives all."""
    answer = get(
        own, issue(own, **({"scope": scope} if scope else {})).json()["access_token"], path
    )
    assert answer.status_code == status
    if status == 403:
        assert error(answer)[1]["errorCode"] == "AuthZ_2.0"


def test_the_client_limits_the_scopes(own: Client) -> None:
    """A scope that the client does not have is refused."""
    answer = own.control("/oauth", {"scopes": ["read:surveys"], "seconds": 60})
    assert answer.status_code == 200
    refused = issue(own, scope="read:surveys read:users")
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_scope")
    assert "read:users" in refused.json()["error_description"]
    assert issue(own).json()["scope"] == "read:surveys"
    assert issue(own).json()["expires_in"] == 60


@pytest.mark.parametrize(
    "auth", [("sandbox-client", "wrong"), ("other", TOKEN), ("", ""), None, ("sandbox-client", "")]
)
def test_an_unknown_client_is_refused(own: Client, auth: Json) -> None:
    """The error has the format of RFC 6749, not an envelope."""
    refused = issue(own, auth)
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    assert refused.headers["WWW-Authenticate"].startswith("Basic")
    assert TOKEN not in refused.text


@pytest.mark.parametrize("header", ["Basic", "Basic %%%", "Basic bm9jb2xvbg==", "Bearer x"])
def test_an_unreadable_header_is_refused(own: Client, header: str) -> None:
    """It is not an error of the server."""
    answer = own.bare("POST", "/oauth2/token", headers={"Authorization": header}, data=GRANT)
    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": ["client_credentials", "client_credentials"]}, "invalid_request"),
        ({"scope": "read:surveys"}, "invalid_request"),
        ({}, "invalid_request"),
    ],
)
def test_an_invalid_request_is_refused(own: Client, form: Json, code: str) -> None:
    """Only the grant client_credentials is supported."""
    answer = own.bare("POST", "/oauth2/token", auth=CLIENT, data=form)
    assert (answer.status_code, answer.json()["error"]) == (400, code)


def test_a_client_can_be_changed_and_deleted(own: Client) -> None:
    """Issued tokens remain valid until they are revoked."""
    bearer = issue(own).json()["access_token"]
    own.control("/oauth", {"id": "new", "secret": "s/cr+t:%"})
    assert issue(own).status_code == 401
    assert issue(own, ("new", "s/cr+t:%")).status_code == 200
    own.control("/oauth", {"secret": None})
    assert issue(own, ("new", "s/cr+t:%")).status_code == 401
    assert get(own, bearer).status_code == 200
    own.control("/oauth", {"revoke": True})
    assert get(own, bearer).status_code == 401


@pytest.mark.parametrize(
    "body", [{"secret": ""}, {"id": ""}, {"seconds": 0}, {"scopes": [1]}, {"scopes": "x"}, {"x": 1}]
)
def test_an_invalid_change_is_refused(own: Client, body: Json) -> None:
    """Nothing changes."""
    assert own.control("/oauth", body).status_code == 400
    assert issue(own).status_code == 200


def test_oauth_is_not_forwarded(own: Client) -> None:
    """In the wrong data centre both tokens and the token endpoint are 401 DCD_7."""
    bearer = issue(own).json()["access_token"]
    own.state.set_account(proxied_to="sjc1.qualtrics.com")
    for answer in (issue(own), get(own, bearer)):
        status, details = error(answer)
        assert (status, details["errorCode"]) == (401, "DCD_7")
    assert own.get("/surveys").status_code == 200


def test_an_account_without_access_has_no_bearer_access(own: Client) -> None:
    """A deactivated user is 401, one without API access 403."""
    bearer = issue(own).json()["access_token"]
    own.state.set_account(api_access=False)
    assert get(own, bearer).status_code == 403
    own.state.set_account(deactivated=True)
    assert get(own, bearer).status_code == 401


def test_the_log_contains_no_secret(own: Client) -> None:
    """Secrets and bearer tokens are redacted, also in paths and bodies."""
    bearer = issue(own, client_secret=TOKEN).json()["access_token"]
    get(own, bearer, f"/surveys?token={bearer}")
    log = own.control("/log", method="GET").text
    assert TOKEN not in log
    assert bearer not in log
    assert [call["route"] for call in own.state.calls()] == ["token", "surveys"]
    assert all(call["authorized"] for call in own.state.calls())


def test_faults_apply_to_the_token_endpoint(own: Client) -> None:
    """Its route is called token."""
    own.state.add_fault("token", status=503)
    assert issue(own).status_code == 503
    assert issue(own).status_code == 200
