"""Fixtures that run the command in this process against a Qualtrics sandbox."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from typer.testing import CliRunner

from smaply_metrics_core.cli.app import app
from smaply_metrics_core.context import SystemClock
from smaply_metrics_qualtrics_sandbox import SandboxServer

TOKEN = "Tok3nOfTheSandboxThatMustNeverBeSeen0001"
SURVEY = "SV_RelationshipA01"


@dataclass(frozen=True)
class Ended:
    """The exit code and output of a command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401  # JSON.
        """Standard output, which is one JSON document."""
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, Any]:
        """The error in the JSON."""
        found: dict[str, Any] = self.json["error"]
        return found


@dataclass
class Command:
    """The command with a home and an environment; stores all output."""

    home: Path
    environment: dict[str, str | None] = field(default_factory=dict)
    written: list[str] = field(default_factory=list)

    def __call__(
        self,
        *arguments: str,
        stdin: str | bytes = "",
        environment: Mapping[str, str | None] | None = None,
    ) -> Ended:
        """Run a command line in this process."""
        result = CliRunner().invoke(
            app,
            [*arguments, "--home", str(self.home)],
            input=stdin,
            env={**self.environment, **(environment or {})},
            prog_name="smaply-metrics",
        )
        ended = Ended(result.exit_code, result.stdout, result.stderr)
        self.written += [ended.out, ended.err]
        return ended

    def done(self, *arguments: str, stdin: str | bytes = "") -> Any:  # noqa: ANN401  # JSON.
        """Run a command line with ``--json`` that must succeed and return its output."""
        ended = self(*arguments, "--json", stdin=stdin)
        assert ended.code == 0, ended.out + ended.err
        return ended.json

    def connect(self, host: str, token: str = TOKEN) -> Any:  # noqa: ANN401  # JSON.
        """Connect to a sandbox."""
        return self.done(
            *(
                "connection",
                "add",
                "qualtrics",
                "--set",
                f"base_url={host}",
                "--secret-stdin",
                "api_token",
            ),
            stdin=f"{token}\n",
        )


@pytest.fixture(scope="module", autouse=True)
def no_waiting() -> Iterator[None]:
    """Shorten the waits between polls."""

    def wait(_: SystemClock, seconds: float, stop: Event) -> bool:
        return stop.wait(min(seconds, 0.005))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SystemClock, "wait", wait)
        yield


@pytest.fixture(scope="session")
def served(invented_surveys: Path) -> Iterator[SandboxServer]:
    """The sandbox of all modules, since reading the surveys takes a tenth of a second."""
    with SandboxServer(invented_surveys, token=TOKEN, export_polls=0) as server:
        yield server


@pytest.fixture(scope="module")
def sandbox(served: SandboxServer) -> Iterator[SandboxServer]:
    """A sandbox that the tests of a module share, without faults afterwards."""
    yield served
    served.state.set_token(TOKEN)
    served.state.clear_faults()
    served.state.clear_log()


@pytest.fixture(scope="session")
def connected_home(served: SandboxServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a connection to the sandbox, which is copied and not changed."""
    home = tmp_path_factory.mktemp("connected") / "home"
    command = Command(home, _environment(SMAPLY_QUALTRICS_SANDBOX=served.host))
    command.connect(served.host)
    return home


def _environment(**settings: str | None) -> dict[str, str | None]:
    return {
        "SMAPLY_METRICS_HOME": None,
        "SMAPLY_METRICS_ENCRYPTION_KEYS": None,
        "SMAPLY_METRICS_FILES_DIR": None,
        "SMAPLY_METRICS_SOURCES_ALLOWED": None,
        "SMAPLY_METRICS_SOURCES_BLOCKED": None,
        "SMAPLY_METRICS_SECRET_API_TOKEN": None,
        "SMAPLY_QUALTRICS_SANDBOX": None,
        "COLUMNS": "120",
        **settings,
    }


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """The command with a home that does not exist yet, without a sandbox."""
    return Command(tmp_path / "home", _environment())


@pytest.fixture
def new(tmp_path: Path, sandbox: SandboxServer) -> Command:
    """The command with a new home, allowed to reach the sandbox."""
    return Command(tmp_path / "home", _environment(SMAPLY_QUALTRICS_SANDBOX=sandbox.host))


@pytest.fixture
def linked(new: Command, connected_home: Path) -> Command:
    """The command with a connected home of its own."""
    shutil.copytree(connected_home, new.home)
    return new


@pytest.fixture(scope="module")
def connected(
    tmp_path_factory: pytest.TempPathFactory, sandbox: SandboxServer, connected_home: Path
) -> Command:
    """The command with a connected home that the tests of a module share."""
    home = tmp_path_factory.mktemp("shared") / "home"
    shutil.copytree(connected_home, home)
    return Command(home, _environment(SMAPLY_QUALTRICS_SANDBOX=sandbox.host))
