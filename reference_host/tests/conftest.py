"""The running app of each test, and the generated surveys of its sandbox."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING

import pytest
from jinja2 import BytecodeCache, Environment
from jinja2.bccache import Bucket

from reference_host.tests.app_fixture import TOKEN, MovableClock, World, running
from smaply_metrics_host.rendering import templating
from smaply_metrics_qualtrics_sandbox import SandboxServer, server
from smaply_metrics_qualtrics_sandbox.generator.survey_files import generate
from smaply_metrics_qualtrics_sandbox.surveys.survey import read_folder

if TYPE_CHECKING:
    from collections.abc import Iterator


class CompiledTemplates(BytecodeCache):
    """Keeps the code of templates in memory, by their content."""

    def __init__(self) -> None:
        self._code: dict[str, CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Return the code of a template to Jinja."""
        bucket.code = self._code.get(bucket.key + bucket.checksum)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep the code that Jinja compiled."""
        if bucket.code is not None:
            self._code[bucket.key + bucket.checksum] = bucket.code


@pytest.fixture(scope="session", autouse=True)
def compiled_templates() -> Iterator[None]:
    """Compile each template once, not in each app: it took a quarter of the tests' time."""
    with pytest.MonkeyPatch.context() as patch:
        environment = partial(Environment, bytecode_cache=CompiledTemplates())
        patch.setattr(templating, "Environment", environment)
        yield


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
