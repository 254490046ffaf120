"""Authentication, roles, CSRF tokens and validation of API requests."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from reference_host.tests.api.seeded_account import prepare, program
from smaply_metrics_core.host import Problem, Role
from smaply_metrics_host.web import json_body, middleware

if TYPE_CHECKING:
    import httpx
    from starlette.types import Message

    from reference_host.tests.api.seeded_account import Prepared
    from reference_host.tests.app_fixture import World

JSON = {"content-type": "application/json"}


def named(value: bytes) -> bytes:
    """Return a request body that creates a map with this name."""
    return b'{"workspace": "w", "name": ' + value + b"}"


BODIES = {
    "nothing": (b"", "body"),
    "broken off": (b"{", "body"),
    "a list": (b"[]", "body"),
    "null": (b"null", "body"),
    "a text": (b'"text"', "body"),
    "no UTF-8": (b"\xff\xfe", "body"),
    "nested too deep": (b"[" * 5_000, "body"),
    "no number": (named(b"NaN"), "body"),
    "digits without end": (named(b"1" * 5_000), "body"),
    "a number beyond floats": (named(b"1e999"), "body.name"),
    "a number beyond integers": (named(b"1" * 100), "body.name"),
    "half a character": (named(b'"\\ud800"'), "body"),
    "a NUL": (named(b'"a\\u0000"'), "body.name"),
    "a NUL in a name": (b'{"\\u0000": 1}', "body"),
    "a name too long for any": (b'{"' + b"n" * 201 + b'": 1}', "body"),
    "a text too long for this": (named(b'"' + b"n" * 301 + b'"'), "body.name"),
    "a text too long until it is trimmed": (named(b'" ' + b"n" * 300 + b'"'), "body.name"),
    "a text too long for any": (named(b'"' + b"n" * 5_001 + b'"'), "body.name"),
    "a list too long for any": (named(b"[" + b"1," * 5_000 + b"1]"), "body.name"),
    "a list for a text": (named(b"[]"), "body.name"),
    "nothing but spaces": (named(b'"  "'), "body.name"),
    "no id": (b'{"name": "n", "workspace": "../w"}', "body.workspace"),
    "something missing": (b'{"name": "n"}', "body.workspace"),
    "something unknown": (b'{"name": "n", "workspace": "w", "colour": 1}', "body.colour"),
}


@pytest.fixture(scope="module")
def account(shared: World) -> Prepared:
    """An account that no test of this module changes."""
    return prepare(shared, "asking")


@pytest.fixture(scope="module")
def editor(shared: World, account: Prepared) -> httpx.Client:
    """An API client of an Editor."""
    return program(shared, Role.EDITOR, account.account)


@pytest.fixture(scope="module")
def admin(shared: World, account: Prepared) -> httpx.Client:
    """An API client of an Admin."""
    return program(shared, Role.ADMIN, account.account)


def problem(answer: httpx.Response) -> Problem:
    """Return the problem of an error response, which contains nothing else."""
    assert answer.headers["content-type"] == "application/json"
    return Problem.model_validate(answer.json())


def test_the_session_returns_the_person(account: Prepared, editor: httpx.Client) -> None:
    """The session has the person, their role and account, and the CSRF token."""
    said = editor.get("/api/session").json()

    assert said["person"]["name"] == "Emil"
    assert said["person"]["role"] == "editor"
    assert said["account"] == account.account
    assert len(said["csrf_token"]) == 128


def test_a_request_without_a_session_is_refused(shared: World) -> None:
    """Requests without a session return 401 before the body is read."""
    stranger = shared.client(None)

    answers = [stranger.get("/api/maps"), stranger.post("/api/maps", content=b"{", headers=JSON)]

    assert [answer.status_code for answer in answers] == [401, 401]
    assert {problem(answer).kind for answer in answers} == {"not_signed_in"}


def test_the_role_is_checked_before_the_body_is_read(shared: World, account: Prepared) -> None:
    """A request that the role does not allow returns 403, even with an invalid body."""
    viewer = program(shared, Role.VIEWER, account.account)

    answer = viewer.post("/api/maps", content=b"{", headers=JSON)

    assert answer.status_code == 403
    assert problem(answer).remedy == "Ask an Editor or Admin of this account."


@pytest.mark.parametrize("token", ["", "ab" * 64, "not hexadecimal"])
def test_a_change_carries_the_sessions_token(
    account: Prepared, editor: httpx.Client, token: str
) -> None:
    """A change without the CSRF token of its session is refused; reading requires none."""
    refused = editor.delete(f"/api/maps/{account.map}", headers={"x-csrf-token": token})

    assert refused.status_code == 403
    assert "GET /api/session" in problem(refused).remedy
    assert editor.get(f"/api/maps/{account.map}").status_code == 200


def test_a_token_of_another_session_is_refused(
    account: Prepared, editor: httpx.Client, admin: httpx.Client
) -> None:
    """The CSRF token belongs to one session, not to the account."""
    others = {"x-csrf-token": admin.headers["x-csrf-token"]}

    assert editor.delete(f"/api/maps/{account.map}", headers=others).status_code == 403


def test_a_cross_site_request_is_refused_with_a_problem(
    account: Prepared, editor: httpx.Client
) -> None:
    """A cross-site request is refused, even with a valid CSRF token."""
    answer = editor.delete(f"/api/maps/{account.map}", headers={"origin": "https://evil.example"})

    assert answer.status_code == 403
    assert problem(answer).message == "This request comes from another site."


@pytest.mark.parametrize(
    ("body", "field"),
    BODIES.values(),
    ids=BODIES,
)
def test_an_invalid_body_is_refused(editor: httpx.Client, body: bytes, field: str) -> None:
    """The error names the invalid field."""
    answer = editor.post("/api/maps", content=body, headers=JSON)

    assert answer.status_code == 422
    said = problem(answer)
    assert field in {one.name for one in said.fields}
    assert said.message
    assert said.remedy


@pytest.mark.parametrize("size", [json_body.MOST_BYTES + 1, middleware.MOST_BYTES + 1])
def test_a_body_that_is_too_large_is_refused(editor: httpx.Client, size: int) -> None:
    """A request body above the limit returns 413."""
    answer = editor.post("/api/maps", content=b" " * size, headers=JSON)

    assert answer.status_code == 413
    assert problem(answer).remedy


def test_no_more_of_a_body_is_read_than_the_limit() -> None:
    """A body without a length ends with the block that exceeds the limit."""
    block, sent = b" " * 64 * 1024, 0

    async def receive() -> Message:
        nonlocal sent
        sent += len(block)
        return {"type": "http.request", "body": block, "more_body": True}

    scope = {"type": "http", "method": "POST", "headers": [(b"content-type", b"application/json")]}
    with pytest.raises(json_body.BodyTooLarge):
        asyncio.run(json_body.JsonRequest(scope, receive).json())
    assert sent == json_body.MOST_BYTES + len(block)


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
)
def test_the_content_type_must_be_json(editor: httpx.Client, content_type: str) -> None:
    """Other content types are refused, because cross-site forms can send them."""
    body = b'{"name": "n", "workspace": "w"}'

    answer = editor.post("/api/maps", content=body, headers={"content-type": content_type})

    assert answer.status_code == 415
    assert problem(answer).remedy == "Send Content-Type: application/json."


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/api/maps?colour=red", 422),
        ("/api/metrics?limit=0", 422),
        ("/api/metrics?limit=many", 422),
        ("/api/metrics?offset=99999999999999999999", 422),
        ("/api/cards?wait=31", 422),
        ("/api/cards?wait=nan", 422),
        ("/api/cards?metric=" + "&metric=".join(["m"] * 201), 422),
        ("/api/windows?preset=some_day", 422),
        ("/api/windows?preset=custom&start=2026-01-02&end=2026-01-01", 422),
        ("/api/windows?preset=all_time&comparison=true", 422),
        ("/api/connections/csv_example/questionnaire", 422),
        ("/api/connections/csv_example/questionnaire?survey_id=%00", 404),
        ("/api/connections/csv_example/questionnaire?survey_id=" + "s" * 401, 422),
        ("/api/connections/csv_example/questionnaire?survey_id=../purchases", 404),
        ("/api/connections/nothing", 404),
        ("/api/metrics/met_000000000000", 404),
        ("/api/metrics/" + "m" * 61, 422),
        ("/api/metrics/%00", 422),
        ("/api/metrics/%F0%9F%98%80", 422),
        ("/api/metrics?workspace=wor_000000000000", 404),
        ("/api/jobs/unknown", 404),
        ("/api/nothing", 404),
    ],
)
def test_an_invalid_parameter_is_refused(admin: httpx.Client, address: str, status: int) -> None:
    """Invalid parameters return 422, unknown ids 404."""
    answer = admin.get(address)

    assert answer.status_code == status
    assert problem(answer).message


def test_an_unsupported_method_is_refused(admin: httpx.Client) -> None:
    """An unsupported method returns a problem."""
    answer = admin.put("/api/maps", json={})

    assert answer.status_code == 405
    assert problem(answer).message == "This address does not support this method."


def test_the_document_is_public(shared: World) -> None:
    """The OpenAPI document and the health check need no session."""
    stranger = shared.client(None)
    document: dict[str, Any] = stranger.get("/openapi.json").json()

    assert document["openapi"].startswith("3.1")
    assert stranger.get("/healthz").text == "ok"
