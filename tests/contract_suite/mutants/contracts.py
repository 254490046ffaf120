"""The contract classes of the two correct sources and their mutants."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

from smaply_metrics_core.testing.suite.contract import SourceContract
from tests.contract_suite.mutants import http_source, in_memory_source


class InMemoryContract(SourceContract):
    """The facts of the source in memory."""

    source: ClassVar[Any] = in_memory_source.InMemorySource()
    credentials: ClassVar = {"api_token": in_memory_source.TOKEN}
    wrong_credentials: ClassVar = {"api_token": "the-wrong-token-of-tiny"}
    survey_id = "S3"
    recorded_at = in_memory_source.FIRST + timedelta(days=41, seconds=41)
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
    recorded_at = http_source.FIRST + timedelta(days=60, seconds=60)
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
