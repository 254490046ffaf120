"""Qualtrics passes the contract tests, with responses recorded from the sandbox."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

import pytest

from plugins.qualtrics.tests.contract.account import TOKEN
from plugins.qualtrics.tests.contract.recording_policy import BUNDLE_ANSWERS, POLICY
from smaply_metrics_core.testing import SourceContract


def refusal(status: str, code: str, message: str) -> bytes:
    """Return the body of a Qualtrics error response."""
    error = {"errorCode": code, "errorMessage": message}
    return json.dumps({"meta": {"httpStatus": status, "error": error}}).encode()


class TestQualtrics(SourceContract):
    """The contract tests."""

    source = "qualtrics"
    credentials: ClassVar = {"api_token": TOKEN, "base_url": "iad1.qualtrics.com"}
    wrong_credentials: ClassVar = {
        **credentials,
        "api_token": "Another0Token0That0Nobody0Ever0Gave0Out1",
    }
    survey_id = "SV_RelationshipA01"
    unknown_survey_id = "SV_000000000000000"
    recorded_at = datetime(2026, 3, 31, 6, 30, 6, tzinfo=UTC)
    excluded_at = datetime(2026, 1, 7, 13, 7, 8, tzinfo=UTC)
    personal = ("192.0.2.233",)
    cassettes = Path(__file__).resolve().parents[1] / "cassettes"
    fault_sample = "TestQualtricsInDepth tries each one, in `make test-deep`."
    expected: ClassVar = {  # Counted in responses.csv with a spreadsheet.
        "surveys": 2,
        "questions": 12,
        "responses": 132,
        "left out": {"preview": 4, "unfinished": 14},
        "QID1 answered": 123,
        "QID1 nps": 30.9,
        "QID1 average": 8.14,
        "QID2 average": 4.26,
        "QID2 top_box": 49.57,
        "QID3 distribution": {"10": 33.88, "20": 35.54, "30": 18.18, "40": 12.4},
        "QID3 labels": {"10": "Web shop", "20": "App", "30": "Store", "40": "Phone"},
        "QID4_3 average": 4.33,
        "QID12 answered": 121,
        "QID12_5_TEXT answered": 38,
        "QID12 distribution": {
            "1": 62.81, "2": 57.02, "3": 52.07, "4": 40.5, "5": 31.4, "6": 12.4,
        },
    }  # fmt: skip
    refusals: ClassVar = {
        401: refusal("401 - Unauthorized", "ATP_2", "Unrecognized X-API-TOKEN."),
        403: refusal("403 - Forbidden", "AuthZ_1.3", "The user may not do this."),
        404: refusal("404 - Not Found", "RTE_1", "There is no such thing."),
    }
    policy = POLICY
    bundle_answers = BUNDLE_ANSWERS
    exceptions: ClassVar = {
        "test_an_empty_survey_counts_zero": "The recorded account has no survey without responses; "
        "test_loop_merge reads an empty export from the sandbox.",
    }


@pytest.mark.deep(reason="tries each fault at every request, in hundreds of calls of the source")
class TestQualtricsInDepth(TestQualtrics):
    """The same tests, with each fault at every request."""

    fault_sample = ""
