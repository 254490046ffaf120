"""The command as a process of its own: codes, streams, signals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from smaply_metrics_qualtrics.sandbox import SandboxServer
from tests.cli.conftest import SURVEY, TOKEN, Command

SMAPLY_METRICS = Path(sys.executable).with_name("smaply-metrics")


@pytest.fixture
def environment(new: Command) -> dict[str, str]:
    """An environment with a home of its own and the sandbox allowed."""
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
        timeout=60,
    )


def test_the_fixed_forms_work_as_processes(
    environment: dict[str, str], sandbox: SandboxServer
) -> None:
    """Connect and preview, as scripts call them: JSON on standard output, nothing beside it."""
    connected = run(
        environment,
        *("connect", "qualtrics", "--set", f"base_url={sandbox.host}"),
        *("--secret-stdin", "api_token", "--json"),
        stdin=TOKEN + "\n",
    )
    previewed = run(
        environment,
        *("preview", "qualtrics", "--survey", SURVEY, "--question", "QID4_2"),
        *("--calculation", "average", "--json"),
    )
    wrong = run(environment, "preview", "qualtrics", "--survey", SURVEY, "--calculation", "mean")

    assert (connected.returncode, connected.stderr) == (0, "")
    assert json.loads(connected.stdout)["status"] == "connected"
    assert (previewed.returncode, previewed.stderr) == (0, "")
    assert 1 <= json.loads(previewed.stdout)["value"] <= 5
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "top_2_box" in wrong.stderr


def test_an_interrupted_load_ends_at_once_and_is_no_attempt(
    new: Command, environment: dict[str, str], sandbox: SandboxServer
) -> None:
    """Ctrl-C during an export ends with 130, quietly, and the next load starts anew."""
    new.connect(sandbox.host)
    new.done(
        *("metric", "add", "All", "--connection", "qualtrics", "--survey", SURVEY),
        *("--calculation", "responses"),
    )
    sandbox.state.add_fault("export_progress", kind="stuck", times=0)
    sandbox.state.clear_log()
    moment = threading.Event()  # Never set: another process has to get somewhere.
    with subprocess.Popen(
        [SMAPLY_METRICS, "load", "--json"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        while not any(call["route"] == "export_progress" for call in sandbox.state.calls()):
            assert process.poll() is None
            moment.wait(0.02)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    sandbox.state.clear_faults()
    (card,) = new.done("load")["cards"]

    assert (process.returncode, out, err) == (130, "", "")
    assert card["freshness"] == "fresh"


def test_a_reader_that_leaves_is_no_error(environment: dict[str, str]) -> None:
    """Standard output that is closed early, as by `head`, brings no traceback."""
    with subprocess.Popen(
        [SMAPLY_METRICS, "sources", "--json"],
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
