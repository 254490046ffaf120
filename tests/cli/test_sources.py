"""What is installed: a broken source is shown as that, and stops nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from smaply_metrics_qualtrics_sandbox import SandboxServer
from tests.cli.conftest import SURVEY, Command


@pytest.fixture
def broken_beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed distribution whose source ends the process when it is imported."""
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
    """Sources gives id, title, distribution, version, state and reason, and opens no home."""
    listed = {source["id"]: source for source in command.done("source", "list")}

    assert list(listed["qualtrics"])[:6] == [
        *("id", "title", "distribution", "version", "state", "reason")
    ]
    assert listed["qualtrics"]["title"] == "Qualtrics"
    assert listed["qualtrics"]["state"] == "ok"
    assert listed["qualtrics"]["reason"] == ""
    assert not command.home.exists()


@pytest.mark.usefixtures("broken_beside")
def test_a_broken_source_is_shown_and_stops_nothing(new: Command, sandbox: SandboxServer) -> None:
    """A source that ends the process on import is broken; the others go on, and exit is 0."""
    listed = {source["id"]: source for source in new.done("source", "list")}
    told = new("source", "list")
    refused = new("connection", "add", "broken", "--json")
    new.connect(sandbox.host)

    assert listed["broken"]["state"] == "broken"
    assert "SystemExit" in listed["broken"]["reason"]
    assert listed["broken"]["distribution"] == "broken-survey-tool"
    assert listed["qualtrics"]["state"] == "ok"
    assert told.code == 0
    assert "SystemExit" in told.out
    assert refused.code == 1
    assert refused.error["kind"] == "source_not_usable"
    assert SURVEY in {survey["id"] for survey in new.done("survey", "list", "qualtrics")}


def test_a_setting_keeps_a_source_out(command: Command) -> None:
    """A blocked source is listed as that, with the setting that blocks it."""
    ended = command(
        "source", "list", "--json", environment={"SMAPLY_METRICS_SOURCES_BLOCKED": "qualtrics"}
    )

    states = {source["id"]: source for source in ended.json}
    assert states["qualtrics"]["state"] == "blocked"
    assert "SMAPLY_METRICS_SOURCES_BLOCKED" in states["qualtrics"]["reason"]


def test_a_malformed_setting_is_refused(command: Command) -> None:
    """A setting that cannot be read is refused, naming it."""
    ended = command(
        "source", "list", "--json", environment={"SMAPLY_METRICS_SOURCES_PREFERRED": "qualtrics"}
    )

    assert ended.code == 1
    assert "SMAPLY_METRICS_SOURCES_PREFERRED" in ended.error["message"]
