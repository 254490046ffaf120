"""Tests of the command `python -m smaply_metrics_qualtrics_sandbox`."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from plugins.qualtrics_sandbox.tests.support import SURVEY, TOKEN, write_survey
from smaply_metrics_qualtrics_sandbox.__main__ import main


def test_it_serves_until_it_is_interrupted(tmp_path: Path) -> None:
    """It prints one line with address and port, never the token, and exits with 0."""
    import httpx

    from tests.http_clients import PLAIN_HTTP

    write_survey(tmp_path / "one")
    command = [sys.executable, "-m", "smaply_metrics_qualtrics_sandbox"]
    arguments = ["--surveys", str(tmp_path), "--port", "0", "--token", TOKEN]
    with subprocess.Popen(
        [*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        host = process.stdout.readline().strip()
        assert host.startswith("127.0.0.1:")
        answer = httpx.get(
            f"http://{host}/API/v3/surveys",
            headers={"X-API-TOKEN": TOKEN},
            trust_env=False,
            verify=PLAIN_HTTP,
        )
        assert [e["id"] for e in answer.json()["result"]["elements"]] == [SURVEY]
        process.send_signal(signal.SIGTERM)
        rest, errors = process.communicate(timeout=120)
    assert (process.returncode, rest, errors) == (0, "", "")


def test_it_stops_when_its_input_ends(tmp_path: Path) -> None:
    """On request, so that it does not outlive a process that was killed."""
    write_survey(tmp_path / "one")
    command = [sys.executable, "-m", "smaply_metrics_qualtrics_sandbox", "--stop-at-eof"]
    with subprocess.Popen(
        [*command, "--surveys", str(tmp_path), "--token", TOKEN],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        output, errors = process.communicate(timeout=120)  # It closes the input first.
    assert output.startswith("127.0.0.1:")
    assert (process.returncode, errors) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--token", "x"], "either --surveys DIR or --generate"),
        (["--generate"], "--token"),
        (["--generate", "--token", "x", "--until", "tomorrow"], "'tomorrow' is not an ISO date"),
        (["--generate", "--token", "x", "--port", "http"], "--port"),
        (["--surveys", ".", "--token", "x", "--port", "70000"], "port"),
        (["--surveys", ".", "--token", "x", "--page-size", "0"], "page_size"),
        (["--surveys", ".", "--token", " "], "token"),
        (["--surveys", "/nowhere/at/all", "--token", "x"], "/nowhere/at/all: this is not a folder"),
        (["--surveys", ".", "--generate", "--token", "x"], "either"),
    ],
)
def test_invalid_arguments_exit_with_2(
    arguments: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The error is one line, and nothing is served."""
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("error: ")
    assert output.err.count("\n") == 1
    assert expected in output.err
