"""The running app of each test, and the generated surveys of its sandbox."""

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
    """A folder with generated surveys."""
    folder = tmp_path_factory.mktemp("invented")
    generate(folder, seed=1, until=datetime.now(UTC))
    return folder


@pytest.fixture
def sandbox_clock() -> MovableClock:
    """The clock of the sandbox, for slow exports."""
    return MovableClock()


@pytest.fixture
def sandbox(
    invented: Path, tmp_path: Path, sandbox_clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SandboxServer]:
    """A Qualtrics sandbox with the generated surveys."""
    surveys = tmp_path / "surveys"
    shutil.copytree(invented, surveys)
    with SandboxServer(surveys, token=TOKEN, now=sandbox_clock.now) as server:
        # The source reads this variable directly.
        monkeypatch.setenv("SMAPLY_QUALTRICS_SANDBOX", server.host)
        yield server


@pytest.fixture
def world(sandbox: SandboxServer, tmp_path: Path) -> Iterator[World]:
    """The running app with an empty account and a sandbox to connect to."""
    with running(tmp_path / "home", sandbox) as world:
        yield world
