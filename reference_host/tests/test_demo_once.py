"""``demo --once``: the main workflow against a sandbox, without remaining processes."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from reference_host.tests.test_cli import COMMAND, run
from smaply_metrics_core.host import (
    Actor,
    InputError,
    MetricsHost,
    NotFound,
    Role,
    Settings,
    SourceRegistry,
)
from smaply_metrics_host.cli import app
from smaply_metrics_host.demo import sandbox_process

ADDRESS = re.compile(r"127\.0\.0\.1:(\d+)")


def is_listening(port: int) -> bool:
    """Whether a process listens on a port of this machine."""
    with socket.socket() as client:
        client.settimeout(5)
        return client.connect_ex(("127.0.0.1", port)) == 0


def stored_connections(home: Path) -> list[str]:
    """Return the sources of the connections stored in a home."""
    settings = Settings.from_environment(home, {}, account="default")
    with MetricsHost(settings) as host:
        views = host.connections.list(Actor("default", "vera", Role.ADMIN))
    return [view.source for view in views]


def test_the_demo_shows_all_types_from_each_source(tmp_path: Path) -> None:
    """With --json it prints fresh cards of every type from each source, and a bundle.

    Takes 8 s: this is the only test on every change that connects all parts in a process.
    """
    ended = run("demo", "--once", "--json", "--seed", "7", "--home", str(tmp_path / "home"))

    assert ended.returncode == 0, ended.stdout + ended.stderr
    printed = json.loads(ended.stdout)
    cards: list[dict[str, Any]] = printed["cards"]
    assert set(printed) == {"cards", "bundle"}
    assert {(card["source"], card["type"]) for card in cards} == {
        (source, kind)
        for source in ("qualtrics", "csv_example", "sql")
        for kind in ("number", "series", "comparison")
    }
    keys = {"number": {"value"}, "series": {"groups"}, "comparison": {"current", "previous"}}
    for card in cards:
        assert card["freshness"] == "fresh", card
        assert card["answered"] > 0
        assert card["as_of"].endswith("Z")
        assert keys[card["type"]] <= set(card)
    with zipfile.ZipFile(printed["bundle"]) as bundle:
        assert "metrics.json" in bundle.namelist()


@pytest.mark.deep(reason="runs the whole demo twice, in processes")
def test_the_demo_replaces_what_it_created(tmp_path: Path) -> None:
    """Run again in its home it shows its own cards as text; its sandbox is stopped each time."""
    home = str(tmp_path / "home")
    first = run("demo", "--once", "--json", "--seed", "7", "--home", home)
    again = run("demo", "--once", "--seed", "8", "--home", home)

    assert again.returncode == 0, again.stdout + again.stderr
    text = " ".join(again.stdout.split())
    assert str(tmp_path / "home" / "demo-bundle.zip") in text
    for card in json.loads(first.stdout)["cards"]:
        assert again.stdout.count(f"Metric    {card['name']}\n") == 1
    assert "still running" in text
    assert "no clear change" in text
    assert f"smaply-metrics --home {home} card load --wait 0" in text
    assert sorted(stored_connections(tmp_path / "home")) == ["csv_example", "qualtrics", "sql"]
    match = ADDRESS.search(again.stdout)
    assert match is not None
    assert not is_listening(int(match[1]))


@pytest.mark.deep(reason="runs the whole demo in a process")
def test_without_a_home_only_the_bundle_remains(tmp_path: Path) -> None:
    """The home of a demo without --home is temporary, even if a variable names one."""
    ended = run(
        *("demo", "--once", "--json"),
        TMPDIR=str(tmp_path),
        SMAPLY_METRICS_HOME=str(tmp_path / "mine"),
    )

    assert ended.returncode == 0, ended.stdout + ended.stderr
    (bundle,) = tmp_path.rglob("*.zip")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [bundle]
    assert not (tmp_path / "mine").exists()


@contextmanager
def started_demo(folder: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Start the demo with this temporary folder; provide its process and its sandbox's port."""
    environment = {name: value for name, value in os.environ.items() if "SMAPLY" not in name}
    environment["TMPDIR"] = str(folder)
    with subprocess.Popen(
        [COMMAND, "demo", "--once"], stdout=subprocess.PIPE, env=environment, text=True
    ) as process:
        assert process.stdout is not None
        match = ADDRESS.search(process.stdout.readline())
        assert match is not None
        yield process, int(match[1])


@pytest.mark.deep(reason="runs the demo in a process")
def test_the_sandbox_stops_when_the_demo_is_terminated(tmp_path: Path) -> None:
    """A demo that receives SIGTERM stops its sandbox and removes its home."""
    with started_demo(tmp_path) as (process, port):
        assert is_listening(port)
        process.send_signal(signal.SIGTERM)
        assert process.stdout is not None
        process.stdout.read()
        code = process.wait(180)

    assert code == 128 + signal.SIGTERM
    assert not is_listening(port)
    assert not any(path.is_file() for path in tmp_path.rglob("*"))


@pytest.mark.deep(reason="runs the demo in a process")
def test_nothing_remains_of_a_demo_that_was_killed(tmp_path: Path) -> None:
    """Its sandbox stops, and the next demo deletes its home."""
    with started_demo(tmp_path) as (process, port):
        process.kill()
    limit = time.monotonic() + 120
    while is_listening(port):
        assert time.monotonic() < limit, "the sandbox is still running"
        time.sleep(0.05)

    ended = run("demo", "--once", "--json", TMPDIR=str(tmp_path))

    assert ended.returncode == 0, ended.stdout + ended.stderr
    (bundle,) = tmp_path.rglob("*.zip")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [bundle]


def test_a_real_connection_is_not_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a home with a connection that no demo created, the demo changes and starts nothing."""
    monkeypatch.setattr(sandbox_process, "MODULE", "smaply_metrics_no_such_module")
    files = tmp_path / "files" / "default" / "sales"
    files.mkdir(parents=True)
    visits = Path(__file__).parents[2] / "plugins/csv_example/tests/files/visits.csv"
    shutil.copy(visits, files)
    settings = Settings.from_environment(tmp_path, {}, account="default")
    with MetricsHost(settings) as host:
        admin = Actor("default", "vera", Role.ADMIN)
        host.connections.connect(admin, "csv_example", {"folder": "sales"})

    ended = CliRunner().invoke(app, ["demo", "--once", "--json", "--home", str(tmp_path)])

    assert ended.exit_code == 1
    error = json.loads(ended.stdout)["error"]
    assert set(error) == {"kind", "issue", "message", "remedy"}
    assert "--home" in error["remedy"]
    assert stored_connections(tmp_path) == ["csv_example"]


@pytest.mark.parametrize("missing", ["qualtrics", "csv_example"])
def test_a_source_that_is_not_installed_is_named(
    tmp_path: Path, missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without one of its sources the demo names what to install, and starts no sandbox."""
    monkeypatch.setattr(sandbox_process, "MODULE", "smaply_metrics_no_such_module")
    get = SourceRegistry.get

    def without(self: SourceRegistry, source_id: str) -> Any:  # noqa: ANN401  # As the original.
        if source_id == missing:
            raise NotFound(f"No source “{source_id}” is installed.")
        return get(self, source_id)

    monkeypatch.setattr(SourceRegistry, "get", without)

    ended = CliRunner().invoke(app, ["demo", "--once", "--home", str(tmp_path)])

    assert isinstance(ended.exception, InputError)
    assert missing in ended.exception.message
    assert "smaply-metrics-host[demo]" in ended.exception.remedy


def test_a_sandbox_that_does_not_start_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the sandbox cannot run, the demo names the reason and what to install."""
    monkeypatch.setattr(sandbox_process, "MODULE", "smaply_metrics_no_such_module")

    ended = CliRunner().invoke(app, ["demo", "--once", "--home", str(tmp_path)])

    assert isinstance(ended.exception, InputError)
    assert "No module named" in ended.exception.message
    assert "smaply-metrics-host[demo]" in ended.exception.remedy
