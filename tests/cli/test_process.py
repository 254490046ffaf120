"""The command as a process: exit codes, streams and signals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from smaply_metrics_core import ENTRY_POINT_GROUP, __version__
from smaply_metrics_qualtrics_sandbox import SandboxServer
from tests.cli.conftest import SURVEY, TOKEN, Command
from tests.processes import SECONDS

SMAPLY_METRICS = Path(sys.executable).with_name("smaply-metrics")


NOISY = """
import atexit, os, subprocess, sys
import smaply_metrics_core as sm

print("noise at import")
atexit.register(print, "noise at exit")
STEP = sm.CheckStep(name="reach", title="Reach", required=True)

class Mine(sm.Credentials):
    token: sm.Token

@sm.hookimpl
def describe_source():
    subprocess.run([sys.executable, "-c", "print('noise at child')"])
    return sm.SourceDescription(
        id="noisy", title="Noisy", contract="0.1", credentials=Mine, checks=(STEP,)
    )

@sm.hookimpl
def destinations():
    return []

@sm.hookimpl
def validate_credentials():
    print("noise at validate", file=sys.__stdout__)
    os.write(1, b"noise at descriptor\\n")
    yield STEP

@sm.hookimpl
def list_surveys():
    print("noise at surveys")
    raise sm.NoSurveys("There is none.")
    yield

@sm.hookimpl
def list_questions(survey_id): ...

@sm.hookimpl
def fetch_metric(queries): ...

@sm.hookimpl
def debug_export(bundle): ...
"""


@pytest.fixture
def environment(new: Command) -> dict[str, str]:
    """An environment with its own home in which the sandbox is allowed."""
    kept = {name: value for name, value in os.environ.items() if "SMAPLY" not in name}
    given = {name: value for name, value in new.environment.items() if value is not None}
    return {**kept, **given, "SMAPLY_METRICS_HOME": str(new.home)}


def run(
    environment: dict[str, str], *arguments: str, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run the installed command."""
    return subprocess.run(
        [SMAPLY_METRICS, *arguments],
        input=stdin,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )


def test_the_command_runs_as_a_process(linked: Command, environment: dict[str, str]) -> None:
    """With --json, standard output is JSON and standard error is empty."""
    listed = run(environment, "connection", "list", "--json")

    assert (listed.returncode, listed.stderr) == (0, "")
    assert [one["status"] for one in json.loads(listed.stdout)] == ["connected"]


@pytest.mark.deep(reason="4 s: three processes; every change runs another command in one")
def test_a_connection_is_added_by_a_process(
    environment: dict[str, str], sandbox: SandboxServer
) -> None:
    """Its JSON has the state of the connection, and another process previews a metric.

    Wrong usage is explained on standard error.
    """
    connected = run(
        environment,
        *("connection", "add", "qualtrics", "--set", f"base_url={sandbox.host}"),
        *("--secret-stdin", "api_token", "--json"),
        stdin=TOKEN + "\n",
    )

    assert (connected.returncode, connected.stderr) == (0, "")
    assert json.loads(connected.stdout)["status"] == "connected"

    asked = ("metric", "preview", "--connection", "qualtrics", "--survey", SURVEY)
    previewed = run(
        environment, *asked, "--question", "QID4_2", "--calculation", "average", "--json"
    )
    assert (previewed.returncode, previewed.stderr) == (0, "")
    assert 1 <= json.loads(previewed.stdout)["value"] <= 5

    wrong = run(environment, "metric", "preview", "--survey", SURVEY, "--calculation", "mean")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "top_2_box" in wrong.stderr


def temporary_files(folder: Path) -> list[Path]:
    """Return the files in homes and temporary folders, without the accounts' own files."""
    return [path for path in folder.glob("*/*/*") if path.parent.name != "files"]


LOAD = ("card", "load")
PREVIEW = (
    *("metric", "preview", "--connection", "qualtrics", "--survey", SURVEY),
    *("--calculation", "responses"),
)
OTHER_SIGNAL = pytest.mark.deep(reason="3 s; every change interrupts a load, and ends workers")


@pytest.mark.parametrize(
    ("words", "number"),
    [
        pytest.param(LOAD, signal.SIGINT, id="load-SIGINT"),
        pytest.param(LOAD, signal.SIGTERM, id="load-SIGTERM", marks=OTHER_SIGNAL),
        pytest.param(PREVIEW, signal.SIGINT, id="preview-SIGINT", marks=OTHER_SIGNAL),
        pytest.param(PREVIEW, signal.SIGTERM, id="preview-SIGTERM", marks=OTHER_SIGNAL),
    ],
)
def test_an_interrupted_command_is_not_an_attempt(  # noqa: PLR0917  # Fixtures.
    linked: Command,
    environment: dict[str, str],
    sandbox: SandboxServer,
    tmp_path: Path,
    number: signal.Signals,
    words: tuple[str, ...],
) -> None:
    """Ctrl-C or SIGTERM during an export leaves no files; the next load refreshes again."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    linked.done(
        *("metric", "add", "All", "--connection", "qualtrics", "--survey", SURVEY),
        *("--calculation", "responses"),
    )
    sandbox.state.add_fault("export_progress", kind="stuck", times=0)
    sandbox.state.clear_log()
    moment = threading.Event()  # Never set; it only waits.
    with subprocess.Popen(
        [SMAPLY_METRICS, *words, "--json"],
        env={**environment, "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        while not any(call["route"] == "export_progress" for call in sandbox.state.calls()):
            assert process.poll() is None
            moment.wait(0.02)
        during = temporary_files(tmp_path)
        process.send_signal(number)
        out, err = process.communicate(timeout=SECONDS)
    after = temporary_files(tmp_path)
    sandbox.state.clear_faults()
    (card,) = linked.done("card", "load")["cards"]

    assert (process.returncode, out, err) == (128 + number, "", "")
    assert during
    assert after == []
    assert card["freshness"] == "fresh"


@pytest.fixture
def noisy(environment: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """An environment with a source that prints whenever it can."""
    place = tmp_path / "installed"
    about = place / "noisy_source-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: noisy-source\nVersion: 1.0\n"
        f"Requires-Dist: smaply-metrics-core>={__version__}\n"
    )
    (about / "entry_points.txt").write_text(f"[{ENTRY_POINT_GROUP}]\nnoisy = noisy_source\n")
    (place / "noisy_source.py").write_text(NOISY)
    return {**environment, "PYTHONPATH": str(place)}


ADD_NOISY = ("connection", "add", "noisy", "--secret-stdin", "token", "--json")


def test_the_output_of_a_source_goes_to_standard_error(noisy: dict[str, str]) -> None:
    """Standard output is one JSON document, whenever a source prints."""
    connected = run(noisy, *ADD_NOISY, stdin="t")

    assert connected.returncode == 0, connected.stderr
    assert json.loads(connected.stdout)["status"] == "connected"
    for when in ("import", "child", "validate", "descriptor", "exit"):
        assert f"noise at {when}" in connected.stderr


@pytest.mark.deep(reason="five processes; every change runs one of them")
def test_the_output_of_each_command_is_its_own(noisy: dict[str, str]) -> None:
    """JSON, the JSON of an error, help, and a table have no word of a source that prints."""
    run(noisy, *ADD_NOISY, stdin="t")
    listed = run(noisy, "source", "list", "--json")
    failed = run(noisy, "survey", "list", "noisy", "--json")
    helped = run(noisy, "survey", "list", "--help")
    as_text = run(noisy, "connection", "list")

    assert listed.returncode == 0, listed.stderr
    assert "noisy" in {source["id"] for source in json.loads(listed.stdout)}
    assert (failed.returncode, json.loads(failed.stdout)["error"]["kind"]) == (1, "no_surveys")
    assert "noise at exit" in failed.stderr
    assert "Usage: smaply-metrics survey list" in helped.stdout
    assert "Noisy" in as_text.stdout
    assert "noise at" not in helped.stdout + as_text.stdout


def test_a_closed_pipe_is_not_an_error(environment: dict[str, str]) -> None:
    """A reader that closes standard output early, such as `head`, causes no traceback."""
    with subprocess.Popen(
        [SMAPLY_METRICS, "--version", "--json"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        err = process.stderr.read()

    assert "Traceback" not in err
    assert "BrokenPipe" not in err
