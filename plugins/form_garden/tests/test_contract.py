"""Form Garden passes the contract tests."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from plugins.form_garden.tests.form_garden_server import FIRST, HOST, KEY, RESPONDENT, server
from smaply_metrics_core.testing import SourceContract


class TestFormGarden(SourceContract):
    """The contract tests, run against the fake server."""

    source = "form_garden"
    credentials: ClassVar = {"server": f"https://{HOST}/", "key": KEY}
    wrong_credentials: ClassVar = {**credentials, "key": "made-up-key-that-is-unknown"}
    survey_id = "form-4"
    empty_survey_ids = ("form-5", "form-6")
    recorded_at = FIRST + timedelta(days=60, seconds=60)
    excluded_at = FIRST + timedelta(days=47, seconds=47)
    personal = (RESPONDENT,)
    server = server
    expected: ClassVar = {  # Counted by a loop over the rows, independently of the source.
        "surveys": 4,
        "questions": 3,
        "responses": 61,
        "left out": {"unfinished": 5, "test": 4},
        "ease average": 2.8,
        "ease top_2_box": 35.19,
        "grown labels": {"kale": "kale", "beans": "beans"},
        "grown distribution": {"beans": 74.42, "kale": 53.49},
        "ease by field:plot": {"sun": 28, "shade": 26},
    }
