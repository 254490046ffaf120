"""Tests of how Qualtrics error responses map to framework errors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.qualtrics.tests.connector.support import (
    SURVEY,
    TOKEN,
    Json,
    api_answered_by,
    envelope,
)
from smaply_metrics_core import (
    AccessMissing,
    Blame,
    CredentialRefused,
    ExportFailed,
    Issue,
    MetricsError,
    RateLimited,
    RemoteError,
    ResultsUnavailable,
    SourceUnavailable,
    SurveyUnavailable,
    Unreachable,
)
from smaply_metrics_qualtrics.api.client import QualtricsApi
from smaply_metrics_qualtrics.api.errors import read_envelope

CALLS: dict[str, Callable[[QualtricsApi, Path], object]] = {
    "whoami": lambda api, _: api.whoami(),
    "surveys": lambda api, _: list(api.survey_pages()),
    "definition": lambda api, _: api.definition(SURVEY),
    "start": lambda api, _: api.start_export(SURVEY, {}),
    "progress": lambda api, _: api.progress(SURVEY, "ES_1"),
    "file": lambda api, folder: api.download(SURVEY, "file-1", folder / "out.zip"),
}
EVERY = tuple(CALLS)


def refused(
    folder: Path, call: str, status: int, body: object = None, **options: Json
) -> MetricsError:
    """Return the error of a call that receives this response."""

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(status, json=body, **options)

    with api_answered_by(answer, folder) as (api, _, _), pytest.raises(MetricsError) as raised:
        CALLS[call](api, folder)
    return raised.value


def error_body(status: int, code: str | None, message: str = "No.", **meta: Json) -> dict[str, Any]:
    """Return the envelope of an error."""
    error = {"errorMessage": message} | ({"errorCode": code} if code else {})
    return envelope(status=f"{status} - Whatever", error=error, **meta)


@pytest.mark.parametrize("call", EVERY)
@pytest.mark.parametrize(("status", "code"), [(401, "DCD_7"), (401, None), (400, "ATP_2")])
def test_a_rejected_token_is_reported_by_every_call(
    tmp_path: Path, call: str, status: int, code: str | None
) -> None:
    """Every 401, and a missing token, is a rejected credential with code and request id."""
    error = refused(tmp_path, call, status, error_body(status, code))
    assert type(error) is CredentialRefused
    assert error.issue is Issue.AUTHENTICATION
    assert "Qualtrics IDs" in error.remedy
    assert (error.code, error.request_id) == (code, "req-1")


@pytest.mark.parametrize("call", EVERY)
def test_missing_api_access_is_reported_by_every_call(tmp_path: Path, call: str) -> None:
    """AuthZ_2.0 is about the licence or permission, not about the token."""
    error = refused(tmp_path, call, 403, error_body(403, "AuthZ_2.0"))
    assert type(error) is AccessMissing
    assert "Access API" in error.remedy


@pytest.mark.parametrize(
    ("call", "status", "code", "kind"),
    [
        ("whoami", 403, None, AccessMissing),
        ("surveys", 403, "X_1", AccessMissing),
        ("definition", 403, "QMST_2.1", SurveyUnavailable),
        ("definition", 404, "GSI_2", SurveyUnavailable),
        ("start", 404, "GSI_2", SurveyUnavailable),
        ("start", 403, None, ResultsUnavailable),
        ("start", 400, "EX_1", ResultsUnavailable),
        ("start", 400, "QVAL_1", ExportFailed),
        ("progress", 404, "UNF_9", ExportFailed),
        ("file", 404, None, ExportFailed),
        ("surveys", 404, "GS_5", SourceUnavailable),
        ("definition", 418, "TEA", SourceUnavailable),
        ("start", 411, None, SourceUnavailable),
    ],
)
def test_the_error_depends_on_the_call(
    tmp_path: Path, call: str, status: int, code: str | None, kind: type[MetricsError]
) -> None:
    """A survey, its results, an export and an endpoint can each be missing."""
    error = refused(tmp_path, call, status, error_body(status, code))
    assert error.kind == kind.kind
    assert error.request_id == "req-1"


LIKE_A_STATUS = [
    *((call, 401, "DCD_7") for call in EVERY),
    *((call, 403, "AuthZ_2.0") for call in EVERY),
    *((call, status, "X_1") for call in EVERY for status in (400, 403, 404, 409, 429, 500, 503)),
    ("start", 400, "QVAL_1"),
]


@pytest.mark.parametrize(("call", "status", "code"), LIKE_A_STATUS)
def test_an_error_with_http_200_is_the_error_of_its_envelope(
    tmp_path: Path, call: str, status: int, code: str
) -> None:
    """It has the kind, blame, code, message and request id that its status in HTTP would give."""
    body = error_body(status, code, "<b>Ask</b> the owner.")
    found = refused(tmp_path, call, 200, body).to_problem()
    assert (found.code, found.request_id) == (code, "req-1")
    assert "Ask the owner" in found.message
    usual = refused(tmp_path, call, status, body).to_problem()
    same = ("kind", "issue", "blame", "retryable", "code", "request_id", "audience")
    assert [getattr(found, name) for name in same] == [getattr(usual, name) for name in same]


UNREADABLE: list[dict[str, Any]] = [
    {"httpStatus": "409", "error": ["No more."]},
    {"httpStatus": "404"},
]
"""Errors without a message."""


@pytest.mark.parametrize("call", EVERY)
@pytest.mark.parametrize(
    "meta",
    [
        {"httpStatus": "400 - Bad Request", "error": {"errorMessage": "No more."}},
        {"httpStatus": 400, "error": {"errorMessage": "No more.", "errorCode": 17}},
        {"httpStatus": "200 - OK", "error": {"errorMessage": "No more.", "errorCode": "X"}},
        {"status": "Bad Request", "errorMessage": "No more.", "internalErrorCode": "X"},
        {"error": {"errorMessage": "No more."}},
        {"error": "No more."},
        *UNREADABLE,
    ],
    ids=str,
)
def test_an_error_in_any_envelope_is_an_error(
    tmp_path: Path, call: str, meta: dict[str, Any]
) -> None:
    """Data next to an error is not used; a message and a code in any form are reported."""
    error = refused(tmp_path, call, 200, {"meta": meta, "result": {"elements": []}})
    assert error.blame is not Blame.PLUGIN
    assert ("No more" in error.message) == (meta not in UNREADABLE)
    assert bool(error.code) == ("Code" in str(meta))


@pytest.mark.parametrize("call", ["whoami", "surveys", "definition", "start", "progress"])
@pytest.mark.parametrize("result", [None, [], "", 5, [{}]], ids=repr)
def test_a_result_that_is_no_object_is_an_error(tmp_path: Path, call: str, result: object) -> None:
    """A result of another type is never read as an empty account, list or survey."""
    body = {**envelope(), "result": result}
    error = refused(tmp_path, call, 200, body)
    assert type(error) is SourceUnavailable
    assert error.request_id == "req-1"


@pytest.mark.parametrize("call", EVERY)
def test_an_answer_that_is_not_ready_is_retryable(tmp_path: Path, call: str) -> None:
    """HTTP 202 has no data yet."""
    error = refused(tmp_path, call, 202, envelope({"message": "not yet"}, status="202 - Accepted"))
    assert type(error) is SourceUnavailable
    assert "did not return" in error.message
    assert error.retryable


def test_a_long_message_is_shortened(tmp_path: Path) -> None:
    """Qualtrics can send a message of any length."""
    error = refused(tmp_path, "definition", 418, error_body(418, None, "No <i>" * 10**6))
    assert len(error.message) < 400


@pytest.mark.parametrize("status", [400, 403])
def test_a_rejected_export_names_the_host_that_requests_are_forwarded_to(
    tmp_path: Path, status: int
) -> None:
    """An export fails if Qualtrics forwards requests; the remedy names the right host."""
    notice = "Request proxied. For faster response times, use this host instead: sjc1.qualtrics.com"
    error = refused(tmp_path, "start", status, error_body(status, None, notice=notice))
    assert type(error) is RemoteError
    assert error.issue is Issue.CONNECTION
    assert not error.retryable
    assert "sjc1.qualtrics.com" in error.remedy


def test_a_notice_in_an_earlier_response_explains_a_rejected_export(tmp_path: Path) -> None:
    """The notice need not be in the response to the export request."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return httpx.Response(400, json=error_body(400, "EX_1"))
        notice = "Request proxied. Use this host instead: az1.qualtrics.com"
        return httpx.Response(200, json=envelope({"Questions": {}}, notice=notice))

    with api_answered_by(answer, tmp_path) as (api, _, _):
        api.definition(SURVEY)
        with pytest.raises(RemoteError, match=r"az1\.qualtrics\.com"):
            api.start_export(SURVEY, {})


@pytest.mark.parametrize(
    "notice",
    [
        "Request proxied. use this host instead: evil.example",
        "Request proxied. use this host instead: iad1.qualtrics.com",
        "Maintenance tonight.",
        5,
    ],
)
def test_a_notice_that_names_no_other_qualtrics_host_is_ignored(
    tmp_path: Path, notice: object
) -> None:
    """A remedy never suggests a host that does not belong to Qualtrics."""
    error = refused(tmp_path, "start", 400, error_body(400, None, notice=notice))
    assert type(error) is ResultsUnavailable


@pytest.mark.parametrize("call", EVERY)
@pytest.mark.parametrize(
    ("status", "content", "kind"),
    [
        (403, b"<HTML><H1>Access Denied</H1></HTML>", Unreachable),
        (404, b"", SourceUnavailable),
        (400, b'{"error": "other"}', SourceUnavailable),
        (404, b"[[[", SourceUnavailable),
    ],
)
def test_a_response_without_an_envelope_may_not_come_from_qualtrics(
    tmp_path: Path, call: str, status: int, content: bytes, kind: type[MetricsError]
) -> None:
    """HTML, an empty body or other JSON is a connection problem, not a token problem."""

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(status, content=content)

    with api_answered_by(answer, tmp_path) as (api, _, _), pytest.raises(MetricsError) as raised:
        CALLS[call](api, tmp_path)
    assert type(raised.value) is kind
    assert "Access Denied" not in raised.value.message


@pytest.mark.parametrize("call", ["whoami", "surveys", "definition", "start", "progress"])
@pytest.mark.parametrize(
    "content", [b"<html>Sign in</html>", b"", b"{broken", b"[]", b'{"meta":{"httpStatus":"200"}}']
)
def test_a_success_without_data_is_an_error(tmp_path: Path, call: str, content: bytes) -> None:
    """A 200 with a web page, an empty body or no result is not read as an empty list."""

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=content)

    with (
        api_answered_by(answer, tmp_path) as (api, _, _),
        pytest.raises(SourceUnavailable),
    ):
        CALLS[call](api, tmp_path)


@pytest.mark.parametrize("call", EVERY)
@pytest.mark.parametrize(("status", "kind"), [(429, RateLimited), (503, SourceUnavailable)])
def test_the_http_client_handles_429_and_503(
    tmp_path: Path, call: str, status: int, kind: type[MetricsError]
) -> None:
    """Rate limits and outages raise the errors of the HTTP client."""
    assert type(refused(tmp_path, call, status, error_body(status, None))) is kind


@pytest.mark.parametrize("survey_id", ["", "..", "SV_1/../x", "SV 1", "SV_1?x", "a" * 65, "SV_é"])
def test_an_invalid_survey_id_is_not_sent(tmp_path: Path, survey_id: str) -> None:
    """An id that is unsafe in a path is rejected before any request."""

    def answer(request: httpx.Request) -> httpx.Response:
        raise AssertionError(request.url)

    with (
        api_answered_by(answer, tmp_path) as (api, _, _),
        pytest.raises(SurveyUnavailable),
    ):
        api.definition(survey_id)


@pytest.mark.parametrize("given_id", [None, "", 5, "../x", "a/b", "a b"])
def test_an_export_without_a_valid_id_is_not_polled(tmp_path: Path, given_id: object) -> None:
    """A missing or invalid progress id is a failed export."""

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=envelope({"progressId": given_id}))

    with api_answered_by(answer, tmp_path) as (api, _, _), pytest.raises(ExportFailed):
        api.start_export(SURVEY, {})


def test_no_error_contains_the_token(tmp_path: Path) -> None:
    """The token is redacted even if Qualtrics echoes it; only short, plain ids are copied."""
    body = error_body(418, f"{TOKEN} {TOKEN}", requestId="<b>x</b>")
    error = refused(tmp_path, "definition", 418, body)
    assert (error.code, error.request_id) == (None, None)
    assert TOKEN not in repr(error) + str(error.to_problem())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(
            st.sampled_from(["meta", "httpStatus", "status", "error", "errorCode", "notice"]), inner
        )
    ),
)


@given(JSON)
def test_reading_an_envelope_never_fails(body: object) -> None:
    """Any JSON can be read as an envelope."""
    assert isinstance(read_envelope(body).known, bool)
