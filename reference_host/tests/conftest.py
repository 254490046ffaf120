"""The running app of each test, and the generated surveys of its sandbox."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from reference_host.tests.app_fixture import TOKEN, MovableClock, World, running
from smaply_metrics_qualtrics_sandbox import SandboxServer, server
from smaply_metrics_qualtrics_sandbox.generator.survey_files import generate
from smaply_metrics_qualtrics_sandbox.surveys.survey import read_folder

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def invented(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with generated surveys."""
    folder = tmp_path_factory.mktemp("invented")
    generate(folder, seed=1, until=datetime.now(UTC))
    return folder


@pytest.fixture(scope="session")
def parsed(invented: Path) -> bytes:
    """The generated surveys as the sandbox reads them, pickled."""
    return pickle.dumps(read_folder(invented))


@pytest.fixture
def sandbox_clock() -> MovableClock:
    """The clock of the sandbox, for slow exports."""
    return MovableClock()


@pytest.fixture
def sandbox(
    parsed: bytes, sandbox_clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SandboxServer]:
    """A Qualtrics sandbox with the generated surveys."""
    with pytest.MonkeyPatch.context() as patch:
        # Each sandbox changes surveys of its own, and parsing them takes 60 ms.
        patch.setattr(server, "read_folder", lambda _: pickle.loads(parsed))  # noqa: S301
        made = SandboxServer(Path(), token=TOKEN, now=sandbox_clock.now)
    with made:
        # The source reads this variable directly.
        monkeypatch.setenv("SMAPLY_QUALTRICS_SANDBOX", made.host)
        yield made


@pytest.fixture
def world(sandbox: SandboxServer, tmp_path: Path) -> Iterator[World]:
    """The running app with an empty account and a sandbox to connect to."""
    with running(tmp_path / "home", sandbox) as world:
        yield world
