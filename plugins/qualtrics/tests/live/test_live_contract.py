"""Qualtrics passes the contract tests on a real account."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import ClassVar

import pytest

from plugins.qualtrics.tests.contract.test_contract import TestQualtrics as Recorded
from plugins.qualtrics.tests.live.real_account import (
    SURVEY,
    UNKNOWN_SURVEY,
    Hidden,
    PlainClient,
    credentials,
    made_up_token,
    result_of,
)
from smaply_metrics_core import Clock, SystemClock
from smaply_metrics_core.testing import SourceContract


# The facts about a real account are not known in advance, of which the suite warns.
@pytest.mark.filterwarnings("default::smaply_metrics_core.testing.assertions.ContractWarning")
@pytest.mark.live
class TestQualtricsLive(SourceContract):
    """The contract tests on the named survey, or else the first of the list."""

    source = "qualtrics"
    credentials = credentials()
    wrong_credentials = Hidden({**credentials, "api_token": made_up_token()})
    unknown_survey_id = UNKNOWN_SURVEY
    now = datetime.now(UTC)
    refusals = Recorded.refusals
    exceptions: ClassVar = dict.fromkeys(
        (
            "test_the_numbers_are_those_of_the_account",
            "test_the_start_of_a_range_counts_and_its_end_does_not",
            "test_days_are_those_of_the_zone",
            "test_a_bundle_is_counted_as_of_its_instant",
        ),
        "the responses of a real account are not known in advance",
    )

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def survey(cls, account: PlainClient) -> None:
        """Choose the survey."""
        named = os.environ.get(SURVEY, "").strip()
        surveys = [] if named else result_of(account.get("/surveys"))["elements"]
        cls.survey_id = named or (surveys[0]["id"] if surveys else "")

    def clock(self) -> Clock:
        """Return the system clock, to wait for exports."""
        return SystemClock()
