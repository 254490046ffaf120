"""The LimeSurvey source passes the contract tests on the recordings of a real server."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import ClassVar, Final

import httpx
import pytest

from plugins.limesurvey.tests.replay_server import (
    HOST,
    PASSWORD,
    USER,
    WRONG_PASSWORD,
    ReplayServer,
    noted,
)
from smaply_metrics_core import (
    AccessMissing,
    CredentialRefused,
    MetricsError,
    RateLimited,
    ResultsUnavailable,
    SourceUnavailable,
    SurveyUnavailable,
)
from smaply_metrics_core.testing import Refusal, SourceContract
from smaply_metrics_limesurvey.source import LimeSurveySource

SOME_QUESTIONS: Final = {"nps", "csat", "trip", "used", "spent", "why"}
"""One or two of each kind."""

_SERVER = ReplayServer()


def refused(result: object, error: type[MetricsError], at: str = "") -> Refusal:
    """Return a refusal: a result that LimeSurvey sends instead of the one of a function."""
    return Refusal(json.dumps({"id": 1, "result": result, "error": None}).encode(), error, at)


def server(request: httpx.Request) -> httpx.Response:
    """Return the recorded response to a request."""
    return _SERVER.answer(request)


def server_of_fewer_questions(request: httpx.Request) -> httpx.Response:
    """Return the recorded response, with only some questions in lists of them.

    The source reads the properties of each question with another request.
    """
    response = server(request)
    if json.loads(request.content)["method"] != "list_questions":
        return response
    answer = json.loads(response.read())
    if isinstance(answer["result"], list):  # Not a refusal.
        some = {one["qid"] for one in answer["result"] if one["title"] in SOME_QUESTIONS}
        answer["result"] = [
            one for one in answer["result"] if {one["qid"], one["parent_qid"]} & some
        ]
    return httpx.Response(200, json=answer)


class TestLimeSurvey(SourceContract):
    """The contract tests on survey 910001: 282 responses in three pages of ids, six questions."""

    source = LimeSurveySource(page=100)
    credentials: ClassVar = {
        "address": HOST,
        "user": USER,
        "password": PASSWORD,
        "time_zone": "Europe/Vienna",
    }
    wrong_credentials: ClassVar = {**credentials, "password": WRONG_PASSWORD}
    survey_id = "910001"
    unknown_survey_id = "999999"
    now = datetime(2026, 12, 1, 12, tzinfo=UTC)
    fault_sample = "TestLimeSurveyInDepth tries each one, in `make test-deep`."
    server = server_of_fewer_questions
    empty_survey_ids = ("910005", "910014")
    excluded_at = datetime(2026, 10, 4, 17, 2, 41, tzinfo=UTC)  # Response 265.
    recorded_at = datetime(2026, 10, 26, 23, 35, 45, tzinfo=UTC)  # Response 280, in the third page.
    sign_in = "get_session_key"
    sign_out = "release_session_key"
    refusals: ClassVar = {  # From ``recordings/http``.
        "the session has ended": refused({"status": "Invalid session key"}, SourceUnavailable),
        "RemoteControl is switched off": Refusal(b"", SourceUnavailable),
        "wrong password": refused(
            {"status": "Invalid user name or password"}, CredentialRefused, "get_session_key"
        ),
        "too many attempts": Refusal(
            noted("login_locked", "the right password, while locked").read(),
            RateLimited,
            "get_session_key",
        ),
        "surveys are not permitted": refused(
            {"status": "No permission"}, AccessMissing, "list_surveys"
        ),
        "questions are not permitted": refused(
            {"status": "No permission"}, SurveyUnavailable, "list_questions"
        ),
        "unknown survey": refused({"status": "Invalid surveyid"}, SurveyUnavailable, "get_summary"),
        "inactive survey": refused([], ResultsUnavailable, "get_summary"),
        "responses are not permitted": refused(
            {"status": "No permission"}, ResultsUnavailable, "export_responses"
        ),
    }
    expected: ClassVar = {  # From ``recordings/expected/910001.json``.
        "surveys": 11,
        "responses": 259,
        "left out": {"unfinished": 23},
        "nps nps": 0.4329,
        "nps average": 6.9351,
        "csat average": 3.4293,
        "trip labels": {"H": "Holiday", "B": "Business", "F": "Family", "-oth-": "Other"},
        "spent average": 278.9323,
    }
    exceptions: ClassVar = {
        "test_a_missing_resource_is_reported": "LimeSurvey sends no 404 for a survey: all calls "
        "have one address, so a 404 means that the address is wrong.",
    }


@pytest.mark.deep(reason="tries each fault at every request, in 1,500 calls of the source")
class TestLimeSurveyInDepth(TestLimeSurvey):
    """The same tests on all questions, with each fault at every request.

    Two take more than 5 seconds of CPU time: one disturbs a request in 113 runs, another searches
    the output of 900 runs for secrets.
    """

    fault_sample = ""
    server = server
