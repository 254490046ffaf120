"""Tests of the credential check, with the causes of problems that Smaply's help lists."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from plugins.qualtrics.tests.connector.support import (
    SURVEY,
    TOKEN,
    Account,
    Json,
    account,
    api_answered_by,
    envelope,
    query,
    survey_definition,
    write_survey,
)
from smaply_metrics_core import Issue, MetricsError, Problem, StepResult
from smaply_metrics_qualtrics.credential_check import check

OTHER_HOST = "sjc1.qualtrics.com"


def steps(own: Account) -> dict[str, StepResult]:
    """Run the check and return its steps by name."""
    with own.session() as session:
        return {step.name: step for step in session.check()}


def statuses(own: Account) -> dict[str, str]:
    """Run the check and return the status of each step."""
    return {name: step.status for name, step in steps(own).items()}


def problem_of(step: StepResult) -> Problem:
    """Return the problem of a step that has one."""
    assert step.problem is not None
    return step.problem


def test_valid_credentials_pass_every_step(own: Account) -> None:
    """All steps pass; the account is identified by ids, not by name or e-mail address."""
    result = steps(own)
    assert {step.status for step in result.values()} == {"passed"}
    assert list(result) == ["reach", "authenticate", "list_surveys", "export"]
    detail = result["authenticate"].detail
    assert "UR_" in detail
    assert "@" not in detail
    assert "A survey" in result["export"].detail


def test_the_token_is_sent_only_after_the_host_is_verified(own: Account) -> None:
    """The first request of a check carries no token; every later one does."""
    statuses(own)
    calls = own.sandbox.state.calls()
    assert [call["authorized"] for call in calls] == [False, True, True, True, True]
    assert calls[0]["path"] == "/API/v3/whoami"


def test_the_check_exports_almost_nothing(own: Account) -> None:
    """It starts an export of one response without answers, and does not wait or download."""
    statuses(own)
    (body,) = own.exports()
    assert body["limit"] == 1
    assert body["questionIds"] == body["embeddedDataIds"] == []
    assert own.calls()[-1].endswith("/export-responses")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, {"welcome": "to something else"}),
        (200, {"meta": {"httpStatus": "200 - OK"}, "result": {}}),
        (200, {"meta": {"httpStatus": "400", "error": {"errorCode": "ATP_2"}}}),
        (302, {"meta": {"httpStatus": "400", "error": {"errorCode": "ATP_2"}}}),
        (400, {"meta": {"httpStatus": "400 - Bad Request"}}),
        (400, {"meta": {"httpStatus": "400 - Bad Request", "error": {}}}),
        (400, {"meta": {"httpStatus": "400 - Bad Request", "error": "no token"}}),
        (400, {"meta": {"error": {"errorCode": "ATP_2"}}}),
        (401, {"error": {"errorCode": "ATP_2"}}),
    ],
)
def test_the_token_is_not_sent_to_another_service(tmp_path: Path, status: int, body: Json) -> None:
    """A host that does not reject a missing token as Qualtrics does is unreachable."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(status, json=body)

    with api_answered_by(answer, tmp_path) as (api, _, _), pytest.raises(MetricsError) as raised:
        list(check(api))
    assert raised.value.kind == "unreachable"
    assert len(seen) == 1
    assert TOKEN not in str(seen[0].headers.raw)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, {"errorCode": "ATP_2", "errorMessage": "Expected authorization in headers."}),
        (401, {"errorCode": "NEW_1"}),
        (403, {"errorMessage": "No."}),
    ],
)
def test_any_error_in_the_qualtrics_envelope_verifies_the_host(
    tmp_path: Path, status: int, error: Json
) -> None:
    """The token is sent to a host that rejects the first request as Qualtrics does."""
    seen: list[bool] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("X-API-TOKEN") == TOKEN)
        meta = {"httpStatus": f"{status} - Refused", "error": error}
        return httpx.Response(status, json={"meta": meta})

    with api_answered_by(answer, tmp_path) as (api, _, _), pytest.raises(MetricsError):
        list(check(api))
    assert seen == [False, True]


@pytest.mark.parametrize("kind", ["html", "malformed", "drop"])
def test_an_invalid_response_fails_the_first_step(own: Account, kind: str) -> None:
    """A web page, malformed data or no response is a Connection issue."""
    own.sandbox.state.add_fault("whoami", kind=kind, times=0)
    result = steps(own)
    assert [step.status for step in result.values()] == ["failed", "skipped", "skipped", "skipped"]
    assert problem_of(result["reach"]).issue is Issue.CONNECTION


@pytest.mark.parametrize("why", ["revoked", "rotated", "user deactivated"])
def test_a_rejected_token_fails_authentication(own: Account, why: str) -> None:
    """The remedy names where to find the current token, whatever the cause."""
    if why == "revoked":
        own.sandbox.state.set_token(None)
    elif why == "rotated":
        own.sandbox.state.set_token("another-token-of-forty-characters-000002")
    else:
        own.sandbox.state.set_account(deactivated=True)
    result = steps(own)
    assert [step.status for step in result.values()] == ["passed", "failed", "skipped", "skipped"]
    problem = problem_of(result["authenticate"])
    assert (problem.kind, problem.issue) == ("credential_refused", Issue.AUTHENTICATION)
    assert "Account Settings → Qualtrics IDs" in problem.remedy


def test_a_rotated_token_works_once_it_is_entered(own: Account) -> None:
    """After rotation, the new token passes and the old one fails."""
    own.sandbox.state.set_token("another-token-of-forty-characters-000002")
    assert statuses(own)["authenticate"] == "failed"
    own.token = "another-token-of-forty-characters-000002"
    assert statuses(own)["authenticate"] == "passed"


def test_white_space_around_the_token_is_trimmed(own: Account) -> None:
    """A token pasted with a line break is trimmed."""
    own.token = f"  {TOKEN}\n"
    assert statuses(own)["authenticate"] == "passed"


def test_missing_api_access_differs_from_a_rejected_token(own: Account) -> None:
    """The token is valid, but the administrator must grant API access."""
    own.sandbox.state.set_account(api_access=False)
    problem = problem_of(steps(own)["authenticate"])
    assert (problem.kind, problem.issue) == ("access_missing", Issue.AUTHENTICATION)
    assert "administrator" in problem.remedy


def test_the_wrong_data_centre_is_a_warning_that_names_the_right_one(own: Account) -> None:
    """Lists are forwarded, so the step only warns, and suggests the right host."""
    own.sandbox.state.set_account(proxied_to=OTHER_HOST)
    result = steps(own)
    assert [step.status for step in result.values()] == ["passed", "warning", "passed", "warning"]
    problem = problem_of(result["authenticate"])
    assert problem.issue is Issue.CONNECTION
    assert OTHER_HOST in problem.remedy
    (field,) = problem.fields
    assert (field.name, field.suggestion) == ("base_url", OTHER_HOST)
    assert OTHER_HOST in problem_of(result["export"]).remedy


def test_the_pages_of_a_forwarded_list_are_read_from_the_configured_host(surveys: Path) -> None:
    """The next page names the other host, but is requested from the configured one."""
    write_survey(surveys / "two", survey_definition({}, survey_id="SV_two000000000002"), {}, [])
    with account(surveys, page_size=1) as own:
        own.sandbox.state.set_account(proxied_to=OTHER_HOST)
        with own.session() as session:
            assert len(session.surveys()) == 2
        assert own.calls() == ["/API/v3/surveys", "/API/v3/surveys"]


def test_no_visible_survey_is_a_warning(own: Account) -> None:
    """The connection can be saved; the remedy describes how to share a survey."""
    own.sandbox.state.share(SURVEY, listed=False)
    result = steps(own)
    assert [step.status for step in result.values()] == ["passed", "passed", "warning", "skipped"]
    problem = problem_of(result["list_surveys"])
    assert (problem.kind, problem.issue) == ("no_surveys", Issue.SURVEYS)
    assert "group" in problem.remedy


def test_results_that_may_not_be_viewed_are_a_warning(own: Account) -> None:
    """The survey is listed, but its results are not visible to the token's user."""
    own.sandbox.state.share(SURVEY, results=False)
    result = steps(own)
    assert result["export"].status == "warning"
    problem = problem_of(result["export"])
    assert (problem.kind, problem.issue) == ("results_unavailable", Issue.DATA)
    assert "view" in problem.remedy


def test_one_survey_without_results_does_not_fail_the_step(surveys: Path) -> None:
    """An export of another survey is enough to pass."""
    write_survey(surveys / "two", survey_definition({}, survey_id="SV_two000000000002"), {}, [])
    with account(surveys) as own:
        own.sandbox.state.share(SURVEY, results=False)
        assert statuses(own)["export"] == "passed"


@pytest.mark.parametrize("status", [429, 503])
def test_an_outage_is_not_reported_as_a_rejected_token(own: Account, status: int) -> None:
    """Rate limits and 5xx are Connection issues."""
    own.sandbox.state.add_fault("whoami", kind="status", status=status, times=0)
    problem = problem_of(steps(own)["reach"])
    assert problem.issue is Issue.CONNECTION
    assert problem.retryable


def test_a_survey_that_is_not_shared_is_reported_as_such(own: Account) -> None:
    """Its questions and metrics fail; the remedy describes how to share it."""
    own.sandbox.state.share(SURVEY, shared=False)
    with own.session() as session, pytest.raises(MetricsError) as listed:
        session.questions(SURVEY)
    with pytest.raises(MetricsError) as measured:
        own.measure(query("responses"))
    for raised in (listed, measured):
        assert raised.value.kind == "survey_unavailable"
        assert raised.value.issue is Issue.DATA
        assert "Collaborate" in raised.value.remedy


def test_a_survey_shared_through_a_group_is_reached_by_its_id(own: Account) -> None:
    """It is not in the list, but its questions and metrics work."""
    own.sandbox.state.share(SURVEY, listed=False)
    with own.session() as session:
        assert session.surveys() == ()
        assert session.questions(SURVEY).survey.name == "A survey"
    assert own.measure(query("responses")).current.value == 6


def test_revoked_permission_to_view_results_fails_the_metric(own: Account) -> None:
    """The survey definition is still available, but the export is rejected."""
    own.sandbox.state.share(SURVEY, results=False)
    with pytest.raises(MetricsError) as raised:
        own.measure(query("responses"))
    assert raised.value.kind == "results_unavailable"


def test_a_question_deleted_and_added_again_names_its_successor(own: Account) -> None:
    """The error for the deleted question suggests the new question with the same text."""
    state = own.sandbox.state
    state.delete_question(SURVEY, "QID2", to_trash=True)
    with pytest.raises(MetricsError) as deleted:
        own.measure(query("average", "QID2"))
    assert deleted.value.kind == "question_unavailable"
    assert deleted.value.issue is Issue.DATA
    assert "was deleted" in deleted.value.message
    state.restore_question(SURVEY, "QID2", "QID99")
    with pytest.raises(MetricsError) as replaced:
        own.measure(query("average", "QID2"))
    assert "QID99" in replaced.value.remedy
    assert own.measure(query("average", "QID99")).current.value is None


def test_a_permanently_deleted_question_fails_its_metric(own: Account) -> None:
    """The error has a remedy, and other metrics of the survey still work."""
    own.sandbox.state.delete_question(SURVEY, "QID2")
    with pytest.raises(MetricsError) as gone:
        own.measure(query("average", "QID2"))
    assert gone.value.kind == "question_unavailable"
    assert "choose another question" in gone.value.remedy
    assert own.measure(query("nps", "QID1")).current.value == 0


@pytest.mark.parametrize(
    ("route", "kind", "expected"),
    [
        ("export_progress", "failed", "export_failed"),
        ("export_progress", "expired", "export_failed"),
        ("export_progress", "stuck", "deadline_exceeded"),
        ("export_file", "expired", "export_failed"),
        ("export_file", "truncated_zip", "export_failed"),
        ("export_file", "html", "export_failed"),
        ("export_file", "drop", "unreachable"),
        ("export_start", "html", "source_unavailable"),
        ("definition", "malformed", "source_unavailable"),
        ("definition", "drop", "unreachable"),
    ],
)
def test_each_export_failure_has_its_own_error(
    own: Account, route: str, kind: str, expected: str
) -> None:
    """A failed, missing, stuck, truncated or invalid export never results in a number."""
    status = {"status": 200} if kind in {"html", "malformed"} else {}
    own.sandbox.state.add_fault(route, kind=kind, times=0, **status)
    with pytest.raises(MetricsError) as raised:
        own.measure(query("responses"))
    assert raised.value.kind == expected


def test_a_temporary_outage_is_retried(own: Account) -> None:
    """A 503 and a short Retry-After delay the result but do not fail it."""
    own.sandbox.state.add_fault("definition", kind="status", status=503)
    own.sandbox.state.add_fault(
        "export_progress", kind="status", status=429, headers={"Retry-After": "2"}
    )
    assert own.measure(query("responses")).current.value == 6


def test_an_export_ends_at_the_deadline(own: Account) -> None:
    """The deadline applies to every step of an export."""
    own.sandbox.state.add_fault("export_progress", kind="stuck", times=0)
    with own.session(seconds=20) as session:
        outcome = session.fetch(SURVEY, [query("responses")])["q"]
    assert isinstance(outcome, MetricsError)
    assert outcome.kind == "deadline_exceeded"
    assert own.clock.monotonic() <= 20


def test_a_datacenter_that_is_not_text_is_not_shown(tmp_path: Path) -> None:
    """The detail contains only known text fields of the account."""

    def answer(request: httpx.Request) -> httpx.Response:
        if "X-API-TOKEN" not in request.headers:
            error = {"errorCode": "ATP_2"}
            return httpx.Response(400, json=envelope(status="400 - Bad Request", error=error))
        if request.url.path.endswith("/whoami"):
            account = {"brandId": "b", "datacenter": 5, "email": "someone@example.com"}
            return httpx.Response(200, json=envelope(account))
        return httpx.Response(200, json=envelope({"elements": []}))

    shown: list[str] = []
    with api_answered_by(answer, tmp_path) as (api, _, _), pytest.raises(MetricsError):
        shown.extend(str(item) for item in check(api))
    assert any("brand b" in one for one in shown)
    assert not any("example.com" in one for one in shown)
