"""Tests of the hooks through the source registry."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from plugins.qualtrics.tests.connector.support import (
    TOKEN,
    Account,
    account,
    query,
    survey_definition,
    write_survey,
)
from smaply_metrics_core.testing import SourceRegistry
from smaply_metrics_qualtrics.source import source


def test_the_framework_accepts_the_source() -> None:
    """The source is found by its entry point and implements the contract."""
    found = SourceRegistry().get("qualtrics")
    assert (found.id, found.title) == ("qualtrics", "Qualtrics")
    assert (len(found.hooks), found.hooks[-1]) == (8, "recompute_metric")
    steps = found.description.checks
    assert [(step.name, step.required) for step in steps] == [
        ("reach", True),
        ("authenticate", True),
        ("list_surveys", False),
        ("export", False),
    ]
    assert found.description.documentation.startswith("https://")


@pytest.mark.parametrize(
    ("method", "path", "per_minute"),
    [
        ("POST", "/API/v3/surveys/SV_1/export-responses", 100),
        ("GET", "/API/v3/surveys/SV_1/export-responses/f-def/file", 100),
        ("GET", "/API/v3/surveys/SV_1/export-responses/ES_1", 1000),
        ("GET", "/API/v3/survey-definitions/SV_1", 3000),
    ],
)
def test_each_endpoint_has_its_documented_limit(method: str, path: str, per_minute: int) -> None:
    """Polling has its own limit, separate from export starts."""
    limits = source.describe_source().limits
    first = next(one for one in limits if one.method == method and re.fullmatch(one.path, path))
    assert first.per_minute == per_minute


def test_listing_sources_loads_neither_the_client_nor_polars() -> None:
    """Both are imported when a hook first needs them."""
    code = (
        "import sys, smaply_metrics_qualtrics.source as s; s.source.describe_source(); "
        "print([name for name in ('httpx', 'polars') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_page_of_surveys_is_listed_once(tmp_path: Path) -> None:
    """All pages are read."""
    for number in range(5):
        definition = survey_definition({}, survey_id=f"SV_{number}", SurveyName=f"Survey {number}")
        write_survey(tmp_path / "s" / str(number), definition, {}, [])
    with account(tmp_path / "s", page_size=2) as own, own.session() as session:
        assert sorted(survey.name for survey in session.surveys()) == [
            f"Survey {number}" for number in range(5)
        ]
        assert own.calls() == ["/API/v3/surveys"] * 3


def test_a_survey_that_moves_between_pages_is_listed_once(
    own: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list that changes between two requests can repeat a survey."""
    element = {"id": "SV_1", "name": "One"}
    monkeypatch.setattr(
        "smaply_metrics_qualtrics.api.client.QualtricsApi.survey_pages",
        lambda _: iter([[element], [element, 5]]),
    )
    with own.session() as session:
        assert [survey.id for survey in session.surveys()] == ["SV_1"]


def test_nothing_stays_in_the_private_folder(
    own: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Downloaded exports are deleted when the call ends."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    own.measure(query("responses"))
    (base,) = tmp_path.glob("smaply-metrics-*")
    left = [path for path in base.rglob("*") if path.is_file() and path.suffix != ".lock"]
    assert left == []


def test_the_token_is_sent_only_in_its_header(own: Account) -> None:
    """It is not part of a path, query or body."""
    with own.session() as session:
        list(session.check())
        session.surveys()
    own.measure(query("responses"))
    assert all(call["authorized"] for call in own.sandbox.state.calls()[1:])
    assert TOKEN not in repr(own.sandbox.state.calls())
