"""Tests of `make peers` without its environment."""

from __future__ import annotations

import subprocess
import venv
from pathlib import Path
from typing import NoReturn

import pytest

from plugins.qualtrics_sandbox.peers import __main__ as peers
from plugins.qualtrics_sandbox.tests.support import Json

FAILED = subprocess.CompletedProcess([], 1, stderr="WARNING: x\nERROR: No matching distribution")


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Create no virtual environment."""
    monkeypatch.setattr(venv, "create", lambda *_, **__: None)


def timed_out(*_: Json, **__: Json) -> NoReturn:
    """Raise the error of a process that takes too long."""
    raise subprocess.TimeoutExpired("pip", 1)


def test_it_is_skipped_if_nothing_can_be_installed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The reason is that of pip, or that it took too long; the exit status is 0."""
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: FAILED)
    assert peers.main() == 0
    assert capsys.readouterr().out.endswith(
        "cannot be installed: ERROR: No matching distribution\n"
    )
    monkeypatch.setattr(subprocess, "run", timed_out)
    assert peers.main() == 0
    assert "did not finish" in capsys.readouterr().out


def test_every_client_is_pinned_with_hashes() -> None:
    """Each line of requirements.in has a version and a hash in requirements.txt."""
    lines = (peers.HERE / "requirements.in").read_text(encoding="utf-8").splitlines()
    lock = Path(peers.HERE / "requirements.txt").read_text(encoding="utf-8")
    for line in lines:
        name = line.partition("#")[0].strip().lower()
        assert f"\n{name}==" in f"\n{lock}", name
    assert lock.count("==") <= lock.count("--hash=sha256:")
