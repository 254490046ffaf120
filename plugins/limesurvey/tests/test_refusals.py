"""What LimeSurvey answers instead of a result, and the errors that people see."""

from __future__ import annotations

import json
from collections.abc import Callable

import httpx
import pytest

from plugins.limesurvey.tests.replay_server import Interaction, ReplayServer, interactions, noted
from plugins.limesurvey.tests.support import CREDENTIALS, problem_of, query, session
from smaply_metrics_core import Issue, MetricsError, RemoteError, Tally
from smaply_metrics_core.testing import SourceSession

SURVEY = "910001"
INNER_NAMES = ("lime_survey", "IWriter", "/srv/", "remotecontrol_handle", "Table", "Writer")


def during(method: str, answer: Callable[[], httpx.Response]) -> MetricsError:
    """Return the error of a refresh in which a function is answered like this."""
    lime = ReplayServer()

    def server(request: httpx.Request) -> httpx.Response:
        called = json.loads(request.read())["method"]
        return answer() if called == method else lime.answer(request)

    one = query(SURVEY, "nps", "nps")

    def work(opened: SourceSession) -> object:
        return opened.surveys() if method == "list_surveys" else opened.fetch(SURVEY, [one])

    return problem_of(server, work)


def status(text: str) -> Callable[[], httpx.Response]:
    """Return a refusal as LimeSurvey sends it."""
    body = {"id": 1, "result": {"status": text}, "error": None}
    return lambda: httpx.Response(200, json=body)


@pytest.mark.parametrize(
    ("method", "text", "kind", "issue"),
    [
        ("list_surveys", "No permission", "access_missing", Issue.AUTHENTICATION),
        ("list_questions", "No permission", "survey_unavailable", Issue.DATA),
        ("list_questions", "Error: Invalid survey ID", "survey_unavailable", Issue.DATA),
        ("get_fieldmap", "no permission", "survey_unavailable", Issue.DATA),
        ("get_summary", "Invalid surveyid", "survey_unavailable", Issue.DATA),
        ("get_summary", "No permission", "survey_unavailable", Issue.DATA),
        ("get_summary", "No available data", "results_unavailable", Issue.DATA),
        ("export_responses", "No permission", "results_unavailable", Issue.DATA),
        ("export_responses", "PERMISSION DENIED.", "results_unavailable", Issue.DATA),
        (
            "export_responses",
            "No Data, survey table does not exist.",
            "results_unavailable",
            Issue.DATA,
        ),
        (
            "get_question_properties",
            "Error: Invalid questionid",
            "source_unavailable",
            Issue.CONNECTION,
        ),
        ("get_question_properties", "No permission", "survey_unavailable", Issue.DATA),
        ("export_responses", "Something new", "source_unavailable", Issue.CONNECTION),
    ],
)
def test_each_refusal_has_its_error(method: str, text: str, kind: str, issue: Issue) -> None:
    """A refusal with HTTP 200 is reported by what it is about."""
    error = during(method, status(text))
    assert (error.kind, error.issue) == (kind, issue)
    assert error.remedy.strip()


@pytest.mark.parametrize(
    ("recording", "note", "kind", "code"),
    [
        ("rpc_off", "off:", "source_unavailable", "interface_off"),
        ("xmlrpc", "", "source_unavailable", "interface_xml"),
        ("protocol", "unknown function", "source_unavailable", None),
        ("protocol", "no JSON", "source_unavailable", None),
        ("export.options", "empty list of columns", "source_unavailable", None),
        ("address.urlformat_get", "the path does not", "unreachable", None),
    ],
)
@pytest.mark.parametrize("method", ["get_session_key", "list_questions", "export_responses"])
def test_answers_that_are_no_results(
    recording: str, note: str, kind: str, code: str | None, method: str
) -> None:
    """An interface that is off or speaks XML, a fault of the server, and text that is not JSON."""
    error = during(method, lambda: noted(recording, note))
    assert (error.kind, error.code) == (kind, code)
    assert isinstance(error, RemoteError)
    assert error.issue is Issue.CONNECTION


def _refusals() -> dict[str, Interaction]:
    """Return every distinct recorded answer that is not a result, by a name."""
    names = (
        "export.errors",
        "export.options",
        "summary",
        "questions.languages",
        "protocol",
        "login",
    )
    found: dict[str, Interaction] = {}
    for name in names:
        for number, one in enumerate(interactions(name)):
            try:
                answer = json.loads(one.answer)
            except ValueError:
                answer = {}
            result = answer.get("result")
            is_refusal = result is None or (isinstance(result, dict) and "status" in result)
            if is_refusal and one.answer not in {each.answer for each in found.values()}:
                found[f"{name} {number}"] = one
    return found


@pytest.mark.parametrize("method", ["list_questions", "export_responses"])
@pytest.mark.parametrize("name", [*_refusals()])
def test_every_recorded_refusal_is_an_error(name: str, method: str) -> None:
    """No refusal of the real server becomes an answer, and none shows names of its inside."""
    one = _refusals()[name]
    if "could not get max id" in one.answer or "No questions found" in one.answer:
        return  # Nothing to return is no refusal.
    error = during(method, one.response)
    assert isinstance(error, RemoteError)
    shown = str(error.to_problem())
    assert not [inner for inner in INNER_NAMES if inner in shown]


@pytest.mark.parametrize(
    "answer",
    [
        b'{"id":2,"result":[],"error":null}',
        b'{"id":null,"result":[],"error":null}',
        b'{"result":[],"error":null}',
        b'{"id":1,"result":[]}',
        b"[]",
    ],
)
def test_an_answer_to_another_call_is_refused(answer: bytes) -> None:
    """The id must be that of the call, and the envelope complete."""
    error = during("list_questions", lambda: httpx.Response(200, content=answer))
    assert error.kind == "source_unavailable"


@pytest.mark.parametrize(
    ("code", "kind"), [(401, "credential_refused"), (403, "access_missing"), (404, "unreachable")]
)
def test_a_web_server_in_front_of_limesurvey(code: int, kind: str) -> None:
    """These statuses come from another server, and the message says so."""
    error = during("list_questions", lambda: httpx.Response(code, text="<html>"))
    assert error.kind == kind


def test_the_check_says_that_the_interface_is_off() -> None:
    """The first step fails before a password is sent, with the setting to change."""
    lime = ReplayServer(switched_off=True)
    with session(lime.answer) as opened:
        first = next(iter(opened.check()))
    assert (first.name, first.status) == ("reach", "failed")
    assert first.problem is not None
    assert "JSON-RPC" in first.problem.remedy
    assert not lime.calls


def test_an_inactive_survey_has_no_results() -> None:
    """An inactive survey has an empty list of figures: its questions can be read, no responses."""
    with session(ReplayServer().answer) as opened:
        assert opened.questions("910006").questions
        assert opened.questions("910006").survey.is_active is False
        one = query("910006", "nps", "nps")
        error = opened.fetch("910006", [one])[one.id]
    assert isinstance(error, MetricsError)
    assert error.kind == "results_unavailable"
    assert "not active" in error.message


def test_a_survey_without_responses_counts_zero() -> None:
    """An active survey without responses is not a refusal."""
    one = query("910005", "nps", "nps")
    lime = ReplayServer()
    with session(lime.answer) as opened:
        tally = opened.fetch("910005", [one])[one.id]
    assert isinstance(tally, Tally)
    assert tally.window("current").total.responses == 0
    assert not any(method == "export_responses" for method, _ in lime.calls)


def test_a_survey_without_questions_can_be_read() -> None:
    """A survey whose groups are empty has a questionnaire without questions."""
    with session(ReplayServer().answer) as opened:
        assert opened.questions("910014").questions == ()


def test_a_user_without_surveys_is_told_so() -> None:
    """The check warns that the user sees no survey."""
    other = {**CREDENTIALS, "user": "nobody_yet", "password": "PlaceHolder-Nobody-1"}
    with session(ReplayServer().answer, other) as opened:
        assert opened.surveys() == ()
        problems = [step.problem.kind for step in opened.check() if step.problem]
    assert problems == ["no_surveys"]


def test_a_user_who_may_not_export_is_told_so() -> None:
    """The check warns if none of the first active surveys can be exported."""
    lime = ReplayServer()

    def server(request: httpx.Request) -> httpx.Response:
        response = lime.answer(request)
        return status("No permission")() if b"export_responses" in request.content else response

    with session(server) as opened:
        steps = {step.name: step for step in opened.check()}
    assert steps["export"].status == "warning"
    assert steps["export"].problem is not None
    assert steps["export"].problem.kind == "results_unavailable"


@pytest.mark.parametrize(
    ("method", "rows"),
    [
        ("list_surveys", [{"sid": None, "surveyls_title": "x"}]),
        ("list_surveys", [{"sid": "../1", "surveyls_title": "x"}]),
        ("list_surveys", ["910001"]),
        ("list_questions", [{"qid": None, "title": "nps", "type": "L", "parent_qid": 0}]),
        ("list_questions", [{"qid": 1, "title": None, "type": "L", "parent_qid": 0}]),
        ("get_fieldmap", []),
        ("get_fieldmap", {"id": None}),
        ("get_question_properties", {"title": "other", "answeroptions": {}}),
        ("get_question_properties", {"title": "nps"}),
        ("get_question_properties", []),
    ],
)
def test_results_of_another_shape_are_refused(method: str, rows: object) -> None:
    """A result that does not fit the call is never read in part."""
    body = {"id": 1, "result": rows, "error": None}
    error = during(method, lambda: httpx.Response(200, json=body))
    assert error.kind == "source_unavailable"
