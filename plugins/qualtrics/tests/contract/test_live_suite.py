"""Tests of the live suite on the sandbox, since it has not yet run on a real account."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from plugins.qualtrics.tests.contract.account import TOKEN, sandbox
from plugins.qualtrics.tests.live import conftest
from smaply_metrics_qualtrics_sandbox import SandboxServer

ROOT = Path(__file__).resolve().parents[4]
PREFIX = "SMAPLY_LIVE_QUALTRICS"
WITHOUT_WAITING = """
import sys, pytest
class Hurry:
    def pytest_configure(self):  # Not earlier, because pytest must import plugins first.
        from smaply_metrics_core import SystemClock
        SystemClock.wait = lambda self, seconds, stop: stop.wait(min(seconds, 0.005))
sys.exit(pytest.main(sys.argv[1:], plugins=[Hurry()]))
"""


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxServer]:
    """The account of the contract tests."""
    with sandbox() as server:
        yield server


def run_live(**environment: str) -> subprocess.CompletedProcess[str]:
    """Run the live suite as `make test-live` does, with only these `SMAPLY_` variables.

    Polling an export does not wait.
    """
    others = {name: v for name, v in os.environ.items() if not name.startswith("SMAPLY_")}
    return subprocess.run(
        [
            *(sys.executable, "-c", WITHOUT_WAITING, "-m", "live", "-p", "no:cacheprovider"),
            "plugins/qualtrics/tests/live",
        ],
        cwd=ROOT,
        env={**others, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_without_an_account_it_names_the_missing_variables(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the environment variables the first test ends the run."""
    for name in ("TOKEN", "HOST"):
        monkeypatch.delenv(f"{PREFIX}_{name}", raising=False)
    needed = rf"set {PREFIX}_TOKEN and {PREFIX}_HOST \(see docs/live.md\)"
    with pytest.raises(pytest.exit.Exception, match=needed) as ended:
        conftest.pytest_runtest_setup(request.node)
    assert ended.value.returncode == 1


@pytest.mark.deep(reason="2 s: a pytest of its own")
def test_without_an_account_the_run_fails() -> None:
    """Without the environment variables the run fails, and names them."""
    done = run_live()
    assert done.returncode != 0
    assert f"set {PREFIX}_TOKEN and {PREFIX}_HOST (see docs/live.md)" in done.stdout + done.stderr


@pytest.mark.deep(reason="runs the live tests in a pytest of its own")
def test_it_passes_on_the_sandbox_and_reports_findings(server: SandboxServer) -> None:
    """It runs all contract tests and reports facts without personal data."""
    done = run_live(
        SMAPLY_LIVE_QUALTRICS_TOKEN=TOKEN,
        SMAPLY_LIVE_QUALTRICS_HOST=server.host,
        SMAPLY_QUALTRICS_SANDBOX=server.host,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "surveys on the first page: 1, more: True" in done.stdout
    assert "single answers are exported as: recodes" in done.stdout
    for personal in (TOKEN, "sandbox@example.com", "192.0.2."):
        assert personal not in done.stdout + done.stderr


@pytest.mark.deep(reason="runs the live tests in a pytest of its own")
def test_a_failure_does_not_show_the_token(server: SandboxServer) -> None:
    """Reports of failed tests do not contain values from the environment."""
    wrong = TOKEN[::-1]
    done = run_live(
        SMAPLY_LIVE_QUALTRICS_TOKEN=wrong,
        SMAPLY_LIVE_QUALTRICS_HOST=server.host,
        SMAPLY_LIVE_QUALTRICS_SURVEY="SV_RelationshipA01",
        SMAPLY_QUALTRICS_SANDBOX=server.host,
    )
    assert done.returncode == 1
    assert "Qualtrics rejected the API token" in done.stdout
    assert wrong not in done.stdout + done.stderr
