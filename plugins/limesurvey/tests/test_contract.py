"""The LimeSurvey source passes the contract tests on the recordings of a real server."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import ClassVar

import httpx

from plugins.limesurvey.tests.replay_server import (
    HOST,
    PASSWORD,
    USER,
    WRONG_PASSWORD,
    ReplayServer,
)
from smaply_metrics_core.testing import SourceContract
from smaply_metrics_limesurvey.source import LimeSurveySource

_SERVER = ReplayServer()


def server(request: httpx.Request) -> httpx.Response:
    """Return the recorded response to a request."""
    return _SERVER.answer(request)


class TestLimeSurvey(SourceContract):
    """The contract tests on survey 910001: 282 responses in three pages of ids."""

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
    server = server
    recorded_at = datetime(2026, 10, 26, 23, 35, 45, tzinfo=UTC)  # Response 280, in the third page.
    sign_in = "get_session_key"
    sign_out = "release_session_key"
    expected: ClassVar = {  # From ``recordings/expected/910001.json``.
        "surveys": 11,
        "responses": 259,
        "left out": {"unfinished": 23},
        "nps nps": 0.4329,
        "nps average": 6.9351,
        "csat average": 3.4293,
        "spent average": 278.9323,
    }
    exceptions: ClassVar = {
        "test_a_missing_resource_is_reported": "LimeSurvey sends no 404 for a survey: all calls "
        "have one address, so a 404 means that the address is wrong.",
    }
