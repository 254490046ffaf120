"""Qualtrics keeps the contract, on answers recorded from the sandbox."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from plugins.qualtrics.tests.contract.account import TOKEN
from smaply_metrics_core.testing import SourceContract
from smaply_metrics_core.testing.cassettes import Policy


class TestQualtrics(SourceContract):
    """Every test of the contract."""

    source = "qualtrics"
    credentials: ClassVar = {"api_token": TOKEN, "base_url": "iad1.qualtrics.com"}
    wrong_credentials: ClassVar = {
        **credentials,
        "api_token": "Another0Token0That0Nobody0Ever0Gave0Out1",
    }
    survey_id = "SV_RelationshipA01"
    unknown_survey_id = "SV_000000000000000"
    recorded_at = datetime(2026, 3, 31, 6, 30, 6, tzinfo=UTC)
    personal = ("192.0.2.233",)
    cassettes = Path(__file__).resolve().parents[1] / "cassettes"
    policy = Policy(changing=(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", r"ES_[0-9a-f]{15}"))
