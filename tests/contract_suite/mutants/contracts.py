"""The contract classes of the two correct sources and their mutants."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

import httpx

from smaply_metrics_core import (
    AccessMissing,
    RateLimited,
    ResultsUnavailable,
    SourceUnavailable,
    SurveyUnavailable,
)
from smaply_metrics_core.testing.faults.refusal import Refusal
from smaply_metrics_core.testing.suite.contract import SourceContract
from tests.contract_suite.mutants import (
    http_source,
    in_memory_source,
    rpc_server,
    rpc_source,
)


class InMemoryContract(SourceContract):
    """The facts of the source in memory."""

    source: ClassVar[Any] = in_memory_source.InMemorySource()
    credentials: ClassVar = {"api_token": in_memory_source.TOKEN}
    wrong_credentials: ClassVar = {"api_token": "the-wrong-token-of-tiny"}
    survey_id = "S3"
    empty_survey_ids = (in_memory_source.EMPTY.id, in_memory_source.BLANK.id)
    recorded_at = in_memory_source.FIRST + timedelta(days=41, seconds=41)
    excluded_at = in_memory_source.FIRST + timedelta(days=37, seconds=37)
    personal = (in_memory_source.IP,)
    expected: ClassVar = {
        "surveys": 3,
        "questions": 4,
        "responses": 84,
        "left out": {"preview": 6},
        "mood answered": 64,
        "mood average": 3.03,
        "mood distribution": {"1": 18.75, "2": 20.31, "3": 20.31, "4": 20.31, "5": 20.31},
        "used distribution": {"phone": 75, "shop": 50, "web": 37.5},
        "spent sum": 746.75,
        "why answered": 28,
        "mood by field:region": {"North": 35, "South": 24},
        "mood labels": {
            **{str(n): f"{n} of 5" for n in range(1, 6)},
            "9": "Not applicable",
        },
        "mood by period:month": {"2026-01": 19, "2026-02": 19, "2026-03": 24, "2026-04": 2},
    }


class HttpContract(SourceContract):
    """The facts of the source over HTTP."""

    source: ClassVar[Any] = http_source.HttpSource()
    credentials: ClassVar = {"api_token": http_source.TOKEN}
    wrong_credentials: ClassVar = {"api_token": "the-wrong-token-of-remote"}
    survey_id = "R3"
    empty_survey_ids = (http_source.EMPTY["id"], http_source.BLANK["id"])
    recorded_at = http_source.FIRST + timedelta(days=60, seconds=60)
    excluded_at = http_source.FIRST + timedelta(days=61, seconds=61)
    personal = (http_source.ADDRESS,)
    expected: ClassVar = {
        "surveys": 3,
        "questions": 2,
        "responses": 76,
        "left out": {"test": 4},
        "nps answered": 67,
        "nps nps": -50.75,
        "nps average": 4.76,
        "ease top_2_box": 39.39,
        "ease average": 2.97,
        "ease labels": {str(n): str(n) for n in range(1, 6)},
        "survey names": {f"R{n}": f"Remote survey {n}" for n in (1, 2, 3)},
        "question texts": {"nps": "Would you recommend us?", "ease": "How easy was it?"},
        "ease distribution": {"1": 21.21, "2": 19.7, "3": 19.7, "4": 19.7, "5": 19.7},
        "nps by field:region": {"North": 17, "South": 25},
        "nps by period:month": {"2026-01": 22, "2026-02": 23, "2026-03": 22},
    }
    server = http_source.server


_SERVER = rpc_server.RpcServer()


def rpc_answer(request: httpx.Request) -> httpx.Response:
    """Respond to a call like the survey tool with login sessions."""
    return _SERVER.answer(request)


class RpcContract(HttpContract):
    """The facts of the source with login sessions."""

    source: ClassVar[Any] = rpc_source.RpcSource()
    credentials: ClassVar = {"api_token": rpc_server.PASSWORD}
    wrong_credentials: ClassVar = {"api_token": "the-wrong-password-of-rpc"}
    empty_survey_ids = (rpc_server.EMPTY, rpc_server.BLANK)
    expected: ClassVar = {
        **{name: known for name, known in HttpContract.expected.items() if name != "survey names"},
        "surveys": 5,
    }
    sign_in = rpc_server.SIGN_IN
    sign_out = rpc_server.SIGN_OUT
    refusals: ClassVar = {
        "the session has ended": Refusal(rpc_server.refusal(rpc_server.ENDED), SourceUnavailable),
        "no permission": Refusal(rpc_server.refusal(rpc_server.NOT_PERMITTED), AccessMissing),
        "an inactive survey": Refusal(
            rpc_server.refusal(rpc_server.INACTIVE), ResultsUnavailable, at="export"
        ),
        "an unknown survey": Refusal(
            rpc_server.refusal(rpc_server.UNKNOWN), SurveyUnavailable, at="questions"
        ),
        "too many attempts": Refusal(
            rpc_server.refusal(rpc_server.LOCKED), RateLimited, at=rpc_server.SIGN_IN
        ),
    }
    server = rpc_answer
