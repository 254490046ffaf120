"""``source list``: the installed sources and their states."""

from __future__ import annotations

from pathlib import Path

import pytest

from smaply_metrics_qualtrics_sandbox import SandboxServer
from tests.cli.conftest import SURVEY, Command


@pytest.fixture
def broken_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed distribution whose source raises ``SystemExit`` on import."""
    info = tmp_path / "site" / "broken_survey_tool-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: broken-survey-tool\nVersion: 1.2\n"
    )
    (info / "entry_points.txt").write_text(
        "[smaply_metrics.sources]\nbroken = broken_survey_tool:source\n"
    )
    (tmp_path / "site" / "broken_survey_tool.py").write_text("raise SystemExit('gone')\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))


def test_sources_are_listed(command: Command) -> None:
    """The list has ID, title, distribution, version, state and reason, and needs no home."""
    listed = {source["id"]: source for source in command.done("source", "list")}

    assert list(listed["qualtrics"])[:6] == [
        *("id", "title", "distribution", "version", "state", "reason")
    ]
    assert listed["qualtrics"]["title"] == "Qualtrics"
    assert listed["qualtrics"]["state"] == "ok"
    assert listed["qualtrics"]["reason"] == ""
    assert not command.home.exists()


@pytest.mark.usefixtures("broken_source")
def test_a_broken_source_is_isolated(new: Command, sandbox: SandboxServer) -> None:
    """A source that exits on import is listed as broken, and the other sources still work."""
    listed = {source["id"]: source for source in new.done("source", "list")}
    as_text = new("source", "list")
    refused = new("connection", "add", "broken", "--json")
    new.connect(sandbox.host)

    assert listed["broken"]["state"] == "broken"
    assert "SystemExit" in listed["broken"]["reason"]
    assert listed["broken"]["distribution"] == "broken-survey-tool"
    assert listed["qualtrics"]["state"] == "ok"
    assert as_text.code == 0
    assert "SystemExit" in as_text.out
    assert refused.code == 1
    assert refused.error["kind"] == "source_not_usable"
    assert SURVEY in {survey["id"] for survey in new.done("survey", "list", "qualtrics")}


def test_a_setting_blocks_a_source(command: Command) -> None:
    """A blocked source is listed with the setting that blocks it."""
    ended = command(
        "source", "list", "--json", environment={"SMAPLY_METRICS_SOURCES_BLOCKED": "qualtrics"}
    )

    states = {source["id"]: source for source in ended.json}
    assert states["qualtrics"]["state"] == "blocked"
    assert "SMAPLY_METRICS_SOURCES_BLOCKED" in states["qualtrics"]["reason"]


def test_a_malformed_setting_is_rejected(command: Command) -> None:
    """The error of a malformed setting names it."""
    ended = command(
        "source", "list", "--json", environment={"SMAPLY_METRICS_SOURCES_PREFERRED": "qualtrics"}
    )

    assert ended.code == 1
    assert "SMAPLY_METRICS_SOURCES_PREFERRED" in ended.error["message"]
