"""The running app of each test, and the generated surveys of its sandbox."""

from __future__ import annotations

import base64
import itertools
import json
import pickle
import shutil
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from html import escape
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING, Any

import pytest
from jinja2 import BytecodeCache, Environment
from jinja2.bccache import Bucket
from sqlalchemy import Engine, create_engine

from reference_host.tests.app_fixture import TOKEN, MovableClock, World, running
from smaply_metrics_host.rendering import templating
from smaply_metrics_host.store import database
from smaply_metrics_qualtrics_sandbox import SandboxServer, server
from smaply_metrics_qualtrics_sandbox.generator.survey_files import generate
from smaply_metrics_qualtrics_sandbox.surveys.survey import read_folder
from tests.shared_statements import with_shared_statements

if TYPE_CHECKING:
    from collections.abc import Iterator


numbers = itertools.count()


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


@pytest.fixture(scope="session", autouse=True)
def unsynced_database() -> Iterator[None]:
    """Do not wait for the disk at each commit of the host's database."""
    configure = database._configure  # noqa: SLF001  # Called for each connection.

    def configure_unsynced(connection: Any, record: Any) -> None:  # noqa: ANN401  # As the original.
        configure(connection, record)
        connection.execute("PRAGMA synchronous=OFF")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "_configure", configure_unsynced)
        yield


@pytest.fixture(scope="session", autouse=True)
def shared_host_statements() -> Iterator[None]:
    """Compile each statement of the host's database once, not in each app."""

    def make_shared(*given: Any, **options: Any) -> Engine:  # noqa: ANN401  # As the original.
        return with_shared_statements(create_engine(*given, **options))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "create_engine", make_shared)
        yield


@pytest.fixture
def own_statements(
    own_statements: None, shared_host_statements: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compile the statements of each app, for tests that walk all objects of an app."""
    monkeypatch.setattr(database, "create_engine", create_engine)


@pytest.fixture
def canned_charts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Return images with the specification only: starting the rendering process takes a second."""

    async def request(_: object, job: dict[str, Any], seconds: float) -> str:
        assert seconds > 0
        if "svg" in job:
            return base64.b64encode(b"a PNG image").decode()
        return f"<svg>{escape(json.dumps(job['spec']))}</svg>" if "spec" in job else "the script"

    monkeypatch.setattr(
        "smaply_metrics_host.rendering.chart_renderer._RendererProcess.request", request
    )


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


@contextmanager
def running_sandbox(parsed: bytes, clock: MovableClock) -> Iterator[SandboxServer]:
    """Run a Qualtrics sandbox with the generated surveys."""
    with pytest.MonkeyPatch.context() as patch:
        # Each sandbox changes surveys of its own, and parsing them takes 60 ms.
        patch.setattr(server, "read_folder", lambda _: pickle.loads(parsed))  # noqa: S301
        made = SandboxServer(Path(), token=TOKEN, now=clock.now)
    with made, pytest.MonkeyPatch.context() as patch:
        # The source reads this variable directly.
        patch.setenv("SMAPLY_QUALTRICS_SANDBOX", made.host)
        yield made


@pytest.fixture
def sandbox(parsed: bytes, sandbox_clock: MovableClock) -> Iterator[SandboxServer]:
    """A Qualtrics sandbox with the generated surveys."""
    with running_sandbox(parsed, sandbox_clock) as made:
        yield made


@pytest.fixture(scope="session")
def new_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of an app that was started once: creating its databases takes a third of a start."""
    home = tmp_path_factory.mktemp("new") / "home"
    with running(home, SandboxServer(token=TOKEN)):
        pass
    return home


@pytest.fixture
def world(sandbox: SandboxServer, new_home: Path, tmp_path: Path) -> Iterator[World]:
    """The running app with an empty account and a sandbox to connect to."""
    with running(shutil.copytree(new_home, tmp_path / "home"), sandbox) as world:
        yield world


@pytest.fixture(scope="module")
def shared(
    parsed: bytes, new_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """One running app for the tests of a module that change only their account."""
    home = shutil.copytree(new_home, tmp_path_factory.mktemp("shared") / "home")
    with running_sandbox(parsed, MovableClock()) as sandbox, running(home, sandbox) as world:
        yield world


@pytest.fixture
def own_account(shared: World) -> Iterator[World]:
    """The app of the module, with an empty account for this test and a sandbox without faults."""
    world = replace(shared, account=f"own-{next(numbers)}", _clients=[])
    world.sandbox.state.clear_faults()
    world.sandbox.state.set_exports(seconds=0)
    world.sandbox.state.set_token(TOKEN)
    world.sandbox.state.clear_log()
    yield world
    world.close()
