"""The demo: the whole job against an invented account, and nothing left running."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from smaply_metrics_core.cli import demo, sandbox_process
from smaply_metrics_core.cli.app import app
from smaply_metrics_core.errors import NotFound
from smaply_metrics_core.sources import SourceRegistry
from smaply_metrics_qualtrics_sandbox import SandboxServer
from tests.cli.conftest import Command

SMAPLY_METRICS = Path(sys.executable).with_name("smaply-metrics")
ADDRESS = re.compile(r"127\.0\.0\.1:(\d+)")


def answers(port: int) -> bool:
    """Whether anybody listens on a port of this machine."""
    with socket.socket() as client:
        client.settimeout(5)
        return client.connect_ex(("127.0.0.1", port)) == 0


def test_the_demo_shows_all_types_from_both_sources(command: Command) -> None:
    """Demo --once --json gives fresh cards of every type from both sources, and a bundle.

    Run again in its home it replaces what it made, and its sandbox is gone each time.
    """
    shown = command.done("demo", "--once", "--seed", "7")
    again = command("demo", "--once", "--seed", "8")

    cards: list[dict[str, Any]] = shown["cards"]
    assert {(card["source"], card["type"]) for card in cards} == {
        (source, kind)
        for source in ("qualtrics", "csv_example")
        for kind in ("number", "series", "comparison")
    }
    keys = {"number": {"value"}, "series": {"groups"}, "comparison": {"current", "previous"}}
    for card in cards:
        assert card["freshness"] == "fresh", card
        assert card["answered"] > 0
        assert card["as_of"].endswith("Z")
        assert keys[card["type"]] <= set(card)
    with zipfile.ZipFile(shown["bundle"]) as bundle:
        assert "metrics.json" in bundle.namelist()
    assert again.code == 0, again.out + again.err
    assert f"{command.home / 'demo-bundle.zip'}" in again.out.replace("\n", "")
    assert len(command.done("metric", "list")) == len(cards)
    match = ADDRESS.search(again.out)
    assert match is not None
    assert not answers(int(match[1]))


def test_without_a_home_only_the_bundle_is_kept(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The home of a demo without --home goes, even where the environment names one."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    env = {**command.environment, "SMAPLY_METRICS_HOME": str(tmp_path / "mine")}

    ended = CliRunner().invoke(app, ["demo", "--once"], env=env)

    assert ended.exit_code == 0, ended.output
    (bundle,) = tmp_path.rglob("*.zip")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [bundle]
    assert not (tmp_path / "mine").exists()


def test_the_sandbox_does_not_outlive_the_demo(command: Command, tmp_path: Path) -> None:
    """A demo that is terminated half-way takes its sandbox along, and its home."""
    environment = {name: value for name, value in os.environ.items() if "SMAPLY" not in name}
    environment["TMPDIR"] = str(tmp_path)
    with subprocess.Popen(
        [SMAPLY_METRICS, "demo", "--once"], stdout=subprocess.PIPE, env=environment, text=True
    ) as process:
        assert process.stdout is not None
        match = ADDRESS.search(process.stdout.readline())
        assert match is not None
        assert answers(int(match[1]))
        process.send_signal(signal.SIGTERM)
        process.stdout.read()
        code = process.wait(30)

    assert code == 128 + signal.SIGTERM
    assert not answers(int(match[1]))
    assert list(tmp_path.iterdir()) == []


def test_a_real_connection_is_not_overwritten(new: Command, sandbox: SandboxServer) -> None:
    """In a home with a connection that no demo has made, the demo changes nothing."""
    new.connect(sandbox.host)
    before = new.done("connection", "list")

    ended = new("demo", "--once", "--json")

    assert ended.code == 1
    assert "--home" in ended.error["remedy"]
    assert new.done("connection", "list") == before


@pytest.mark.parametrize("missing", list(demo.NEEDED))
def test_a_source_that_is_not_installed_is_named(
    command: Command, missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without one of its sources the demo says what to install."""
    get = SourceRegistry.get

    def without(self: SourceRegistry, source_id: str) -> Any:  # noqa: ANN401  # As it comes.
        if source_id == missing:
            raise NotFound(f"No source “{source_id}” is installed.")
        return get(self, source_id)

    monkeypatch.setattr(SourceRegistry, "get", without)

    ended = command("demo", "--once", "--json")

    assert ended.code == 1
    assert missing in ended.error["message"]
    assert demo.NEEDED[missing] in ended.error["remedy"]


def test_a_sandbox_that_does_not_start_is_said(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the sandbox cannot run, the demo says why and what to install."""
    monkeypatch.setattr(sandbox_process, "MODULE", "smaply_metrics_no_such_module")

    ended = command("demo", "--once", "--json")

    assert ended.code == 1
    assert "No module named" in ended.error["message"]
    assert "smaply-metrics-qualtrics[sandbox]" in ended.error["remedy"]
