"""Checking credentials, and every cause of trouble that Smaply's help names."""

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
    """Go through the check."""
    with own.session() as session:
        return {step.name: step for step in session.check()}


def statuses(own: Account) -> dict[str, str]:
    """Go through the check, and give how each step went."""
    return {name: step.status for name, step in steps(own).items()}


def problem_of(step: StepResult) -> Problem:
    """Give the problem that a step must have."""
    assert step.problem is not None
    return step.problem


def test_good_credentials_pass_every_step(own: Account) -> None:
    """Reach, authenticate, list, export: the account is named by ids, never by name or e-mail."""
    result = steps(own)
    assert {step.status for step in result.values()} == {"passed"}
    assert list(result) == ["reach", "authenticate", "list_surveys", "export"]
    detail = result["authenticate"].detail
    assert "UR_" in detail
    assert "@" not in detail
    assert "A survey" in result["export"].detail


def test_the_token_is_sent_only_after_the_host_has_shown_itself(own: Account) -> None:
    """The first request of a check carries no token; every other one does."""
    statuses(own)
    calls = own.sandbox.state.calls()
    assert [call["authorized"] for call in calls] == [False, True, True, True, True]
    assert calls[0]["path"] == "/API/v3/whoami"


def test_the_check_exports_next_to_nothing(own: Account) -> None:
    """One response without any answer, neither waited for nor downloaded."""
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
def test_another_service_is_never_shown_the_token(tmp_path: Path, status: int, body: Json) -> None:
    """A host that does not refuse a missing token as Qualtrics does is unreachable for us."""
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
def test_a_refusal_in_qualtrics_envelope_is_enough(
    tmp_path: Path, status: int, error: Json
) -> None:
    """Whatever the code of the error, the token goes to a host that refuses as Qualtrics does."""
    seen: list[bool] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("X-API-TOKEN") == TOKEN)
        meta = {"httpStatus": f"{status} - Refused", "error": error}
        return httpx.Response(status, json={"meta": meta})

    with api_answered_by(answer, tmp_path) as (api, _, _), pytest.raises(MetricsError):
        list(check(api))
    assert seen == [False, True]


@pytest.mark.parametrize("kind", ["html", "malformed", "drop"])
def test_a_host_that_answers_nonsense_fails_the_first_step(own: Account, kind: str) -> None:
    """A web page, broken data or no answer at all is a Connection issue."""
    own.sandbox.state.add_fault("whoami", kind=kind, times=0)
    result = steps(own)
    assert [step.status for step in result.values()] == ["failed", "skipped", "skipped", "skipped"]
    assert problem_of(result["reach"]).issue is Issue.CONNECTION


@pytest.mark.parametrize("why", ["revoked", "rotated", "user deactivated"])
def test_a_token_that_is_not_accepted_fails_authentication(own: Account, why: str) -> None:
    """Whatever ended the token, the remedy names where to get another."""
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
    assert "Edit Configuration" in problem.remedy


def test_a_rotated_token_works_once_it_is_entered(own: Account) -> None:
    """The new token passes, the old one no longer does."""
    own.sandbox.state.set_token("another-token-of-forty-characters-000002")
    assert statuses(own)["authenticate"] == "failed"
    own.token = "another-token-of-forty-characters-000002"
    assert statuses(own)["authenticate"] == "passed"


def test_white_space_around_the_token_does_no_harm(own: Account) -> None:
    """A token pasted with a line break at its end is trimmed."""
    own.token = f"  {TOKEN}\n"
    assert statuses(own)["authenticate"] == "passed"


def test_missing_api_access_is_told_apart_from_a_bad_token(own: Account) -> None:
    """The token is fine; the administrator has to allow the API."""
    own.sandbox.state.set_account(api_access=False)
    problem = problem_of(steps(own)["authenticate"])
    assert (problem.kind, problem.issue) == ("access_missing", Issue.AUTHENTICATION)
    assert "administrator" in problem.remedy


def test_the_wrong_data_centre_is_a_warning_that_names_the_right_one(own: Account) -> None:
    """Lists work through the proxy, so nothing fails; the form can offer the host."""
    own.sandbox.state.set_account(proxied_to=OTHER_HOST)
    result = steps(own)
    assert [step.status for step in result.values()] == ["passed", "warning", "passed", "warning"]
    problem = problem_of(result["authenticate"])
    assert problem.issue is Issue.CONNECTION
    assert OTHER_HOST in problem.remedy
    (field,) = problem.fields
    assert (field.name, field.suggestion) == ("base_url", OTHER_HOST)
    assert OTHER_HOST in problem_of(result["export"]).remedy


def test_the_pages_of_a_proxied_list_stay_on_our_host(surveys: Path) -> None:
    """The next page names the other host; it is asked of ours, and the list is whole."""
    write_survey(surveys / "two", survey_definition({}, survey_id="SV_two000000000002"), {}, [])
    with account(surveys, page_size=1) as own:
        own.sandbox.state.set_account(proxied_to=OTHER_HOST)
        with own.session() as session:
            assert len(session.surveys()) == 2
        assert own.calls() == ["/API/v3/surveys", "/API/v3/surveys"]


def test_no_visible_survey_is_a_warning(own: Account) -> None:
    """The connection can be saved; the remedy says how to share one."""
    own.sandbox.state.share(SURVEY, listed=False)
    result = steps(own)
    assert [step.status for step in result.values()] == ["passed", "passed", "warning", "skipped"]
    problem = problem_of(result["list_surveys"])
    assert (problem.kind, problem.issue) == ("no_surveys", Issue.SURVEYS)
    assert "group" in problem.remedy


def test_results_that_may_not_be_viewed_are_a_warning(own: Account) -> None:
    """The survey is listed; its results are not for this user."""
    own.sandbox.state.share(SURVEY, results=False)
    result = steps(own)
    assert result["export"].status == "warning"
    problem = problem_of(result["export"])
    assert (problem.kind, problem.issue) == ("results_unavailable", Issue.DATA)
    assert "view" in problem.remedy


def test_one_survey_without_results_does_not_hide_another(surveys: Path) -> None:
    """The next survey of the list proves that results can be exported."""
    write_survey(surveys / "two", survey_definition({}, survey_id="SV_two000000000002"), {}, [])
    with account(surveys) as own:
        own.sandbox.state.share(SURVEY, results=False)
        assert statuses(own)["export"] == "passed"


@pytest.mark.parametrize("status", [429, 503])
def test_an_outage_is_never_called_a_bad_token(own: Account, status: int) -> None:
    """Limits and 5xx are Connection issues."""
    own.sandbox.state.add_fault("whoami", kind="status", status=status, times=0)
    problem = problem_of(steps(own)["reach"])
    assert problem.issue is Issue.CONNECTION
    assert problem.retryable


def test_a_survey_that_is_not_shared_is_its_own_failure(own: Account) -> None:
    """Questions and metrics of it are refused with how to share it."""
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
    """It is missing from the list, and works all the same."""
    own.sandbox.state.share(SURVEY, listed=False)
    with own.session() as session:
        assert session.surveys() == ()
        assert session.questions(SURVEY).survey.name == "A survey"
    assert own.measure(query("responses")).current.value == 6


def test_results_taken_away_later_fail_the_metric(own: Account) -> None:
    """The survey's definition is still there; the export is refused as what it is."""
    own.sandbox.state.share(SURVEY, results=False)
    with pytest.raises(MetricsError) as raised:
        own.measure(query("responses"))
    assert raised.value.kind == "results_unavailable"


def test_a_question_deleted_and_added_again_names_its_successor(own: Account) -> None:
    """The old id is gone; the trash still knows it, and the new one with its text is offered."""
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


def test_a_question_deleted_for_good_is_gone(own: Account) -> None:
    """The metric fails with what to do; the survey's other metrics go on."""
    own.sandbox.state.delete_question(SURVEY, "QID2")
    with pytest.raises(MetricsError) as gone:
        own.measure(query("average", "QID2"))
    assert gone.value.kind == "question_unavailable"
    assert "choose a question" in gone.value.remedy
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
def test_an_export_that_goes_wrong_says_how(
    own: Account, route: str, kind: str, expected: str
) -> None:
    """Failed, vanished, stuck, cut short, or not an export at all: no number is made of it."""
    status = {"status": 200} if kind in {"html", "malformed"} else {}
    own.sandbox.state.add_fault(route, kind=kind, times=0, **status)
    with pytest.raises(MetricsError) as raised:
        own.measure(query("responses"))
    assert raised.value.kind == expected


def test_a_passing_outage_is_got_over(own: Account) -> None:
    """A 503 and a short Retry-After on reads cost a moment and no number."""
    own.sandbox.state.add_fault("definition", kind="status", status=503)
    own.sandbox.state.add_fault(
        "export_progress", kind="status", status=429, headers={"Retry-After": "2"}
    )
    assert own.measure(query("responses")).current.value == 6


def test_a_session_without_time_left_ends(own: Account) -> None:
    """The deadline holds for every step of an export."""
    own.sandbox.state.add_fault("export_progress", kind="stuck", times=0)
    with own.session(seconds=20) as session:
        outcome = session.fetch(SURVEY, [query("responses")])["q"]
    assert isinstance(outcome, MetricsError)
    assert outcome.kind == "deadline_exceeded"
    assert own.clock.monotonic() <= 20


def test_an_unexpected_datacenter_is_left_out_of_the_detail(tmp_path: Path) -> None:
    """Only texts of known fields are shown of the account, whatever else it holds."""

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
