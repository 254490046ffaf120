"""The running app for each test, and the invented surveys that it measures."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from reference_host.tests.app_fixture import TOKEN, MovableClock, World, running
from smaply_metrics_qualtrics_sandbox import SandboxServer
from smaply_metrics_qualtrics_sandbox.generator.survey_files import generate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def invented(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of invented surveys; the same ones each day."""
    folder = tmp_path_factory.mktemp("invented")
    generate(folder, seed=1, until=datetime.now(UTC))
    return folder


@pytest.fixture
def sandbox_clock() -> MovableClock:
    """The clock by which the sandbox's slowed exports take their time."""
    return MovableClock()


@pytest.fixture
def sandbox(
    invented: Path, tmp_path: Path, sandbox_clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SandboxServer]:
    """Qualtrics, played by a sandbox with the invented surveys."""
    surveys = tmp_path / "surveys"
    shutil.copytree(invented, surveys)
    with SandboxServer(surveys, token=TOKEN, now=sandbox_clock.now) as server:
        # The source reads this variable itself.
        monkeypatch.setenv("SMAPLY_QUALTRICS_SANDBOX", server.host)
        yield server


@pytest.fixture
def world(sandbox: SandboxServer, tmp_path: Path) -> Iterator[World]:
    """The running app: an account with nothing in it, and a sandbox that it can connect to."""
    with running(tmp_path / "home", sandbox) as world:
        yield world
