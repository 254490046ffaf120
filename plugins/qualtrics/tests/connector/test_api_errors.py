"""What Qualtrics answers when it refuses, as errors that say what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
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
    """Give the error of a call that is answered with this."""

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(status, json=body, **options)

    with api_answered_by(answer, folder) as (api, _, _), pytest.raises(MetricsError) as raised:
        CALLS[call](api, folder)
    return raised.value


def said(status: int, code: str | None, message: str = "No.", **meta: Json) -> dict[str, Any]:
    """Make the envelope of an error."""
    error = {"errorMessage": message} | ({"errorCode": code} if code else {})
    return envelope(status=f"{status} - Whatever", error=error, **meta)


@pytest.mark.parametrize("call", EVERY)
@pytest.mark.parametrize(("status", "code"), [(401, "DCD_7"), (401, None), (400, "ATP_2")])
def test_a_refused_token_is_said_wherever_it_happens(
    tmp_path: Path, call: str, status: int, code: str | None
) -> None:
    """Every 401, and a missing token, is a refused credential; code and request id are kept."""
    error = refused(tmp_path, call, status, said(status, code))
    assert type(error) is CredentialRefused
    assert error.issue is Issue.AUTHENTICATION
    assert "Qualtrics IDs" in error.remedy
    assert (error.code, error.request_id) == (code, "req-1")


@pytest.mark.parametrize("call", EVERY)
def test_missing_api_access_is_said_wherever_it_happens(tmp_path: Path, call: str) -> None:
    """AuthZ_2.0 is about the licence or the permission, not about the token."""
    error = refused(tmp_path, call, 403, said(403, "AuthZ_2.0"))
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
def test_the_same_status_means_what_was_asked_for(
    tmp_path: Path, call: str, status: int, code: str | None, kind: type[MetricsError]
) -> None:
    """A survey, its results, an export and an endpoint can each be missing."""
    error = refused(tmp_path, call, status, said(status, code))
    assert type(error) is kind
    assert error.request_id == "req-1"


@pytest.mark.parametrize("status", [400, 403])
def test_an_export_refused_through_a_proxy_names_the_host_to_use(
    tmp_path: Path, status: int
) -> None:
    """The base URL of another data centre lists surveys and refuses exports: that is the cause."""
    notice = "Request proxied. For faster response times, use this host instead: sjc1.qualtrics.com"
    error = refused(tmp_path, "start", status, said(status, None, notice=notice))
    assert type(error) is RemoteError
    assert error.issue is Issue.CONNECTION
    assert not error.retryable
    assert "sjc1.qualtrics.com" in error.remedy


def test_a_notice_of_an_earlier_answer_explains_the_refused_export(tmp_path: Path) -> None:
    """The definition was forwarded, so the export was too, though its answer does not say so."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return httpx.Response(400, json=said(400, "EX_1"))
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
    """People are never sent to a host that is not Qualtrics'."""
    error = refused(tmp_path, "start", 400, said(400, None, notice=notice))
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
def test_an_answer_without_the_envelope_may_not_come_from_qualtrics(
    tmp_path: Path, call: str, status: int, content: bytes, kind: type[MetricsError]
) -> None:
    """HTML, nothing, or other JSON blames the way there, never the token."""

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
def test_a_success_that_is_no_data_is_said(tmp_path: Path, call: str, content: bytes) -> None:
    """A 200 with a web page, nothing, or no result is not taken for an empty answer."""

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=content)

    with (
        api_answered_by(answer, tmp_path) as (api, _, _),
        pytest.raises(SourceUnavailable),
    ):
        CALLS[call](api, tmp_path)


@pytest.mark.parametrize("call", EVERY)
@pytest.mark.parametrize(("status", "kind"), [(429, RateLimited), (503, SourceUnavailable)])
def test_a_429_and_a_503_come_from_the_client_below(
    tmp_path: Path, call: str, status: int, kind: type[MetricsError]
) -> None:
    """Limits and outages keep their own errors."""
    assert type(refused(tmp_path, call, status, said(status, None))) is kind


@pytest.mark.parametrize("survey_id", ["", "..", "SV_1/../x", "SV 1", "SV_1?x", "a" * 65, "SV_é"])
def test_an_id_that_no_survey_has_is_never_sent(tmp_path: Path, survey_id: str) -> None:
    """What cannot stand in a path is refused before any request."""

    def answer(request: httpx.Request) -> httpx.Response:
        raise AssertionError(request.url)

    with (
        api_answered_by(answer, tmp_path) as (api, _, _),
        pytest.raises(SurveyUnavailable),
    ):
        api.definition(survey_id)


@pytest.mark.parametrize("given_id", [None, "", 5, "../x", "a/b", "a b"])
def test_an_export_without_a_usable_id_is_not_polled(tmp_path: Path, given_id: object) -> None:
    """A missing or odd progress id is a failed export."""

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=envelope({"progressId": given_id}))

    with api_answered_by(answer, tmp_path) as (api, _, _), pytest.raises(ExportFailed):
        api.start_export(SURVEY, {})


def test_no_error_holds_the_token(tmp_path: Path) -> None:
    """Not even when Qualtrics repeats it: only plain, short ids of the answer are kept."""
    body = said(418, f"{TOKEN} {TOKEN}", requestId="<b>x</b>")
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


@settings(deadline=None)
@given(JSON)
def test_reading_an_envelope_never_fails(body: object) -> None:
    """Any JSON is an envelope or none."""
    assert isinstance(read_envelope(body).known, bool)
