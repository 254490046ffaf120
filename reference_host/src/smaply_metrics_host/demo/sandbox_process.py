"""The Qualtrics sandbox as a child process: the demo imports no plugin."""

from __future__ import annotations

import os
import secrets
import select
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Final

from smaply_metrics_core.host import InputError

MODULE: Final = "smaply_metrics_qualtrics_sandbox"
SANDBOX_VARIABLE: Final = "SMAPLY_QUALTRICS_SANDBOX"
REMEDY: Final = "Install smaply-metrics-host[demo] and try again."
SECONDS_TO_START: Final = 60
SECONDS_TO_STOP: Final = 10
REAL_ACCOUNT_VARIABLES: Final = frozenset(
    {
        "SMAPLY_METRICS_DATABASE_URL",
        "SMAPLY_METRICS_FILES_DIR",
        "SMAPLY_METRICS_REFRESH_EXECUTOR",
    }
)
"""Variables that a demo ignores: it stores and refreshes everything in its own home."""


@dataclass(frozen=True)
class SandboxProcess:
    """A running sandbox.

    Attributes:
        host: The address it listens on, as ``127.0.0.1:PORT``.
        token: The API token it accepts.
    """

    host: str
    token: str

    @property
    def credentials(self) -> dict[str, str]:
        """The values that connect the Qualtrics source to it."""
        return {"base_url": self.host, "api_token": self.token}


def demo_environment() -> dict[str, str]:
    """Return this process's variables without those that belong to real accounts."""
    return {name: value for name, value in os.environ.items() if name not in REAL_ACCOUNT_VARIABLES}


@contextmanager
def running_sandbox(seed: int) -> Iterator[SandboxProcess]:
    """Run a sandbox with invented surveys on a free port; it stops when the block ends.

    It also stops when this process is killed.

    In the block, the variable that allows the Qualtrics source to reach a sandbox names this one.

    Raises:
        InputError: The sandbox did not start.
    """
    # Hexadecimal: a token that begins with a dash would be parsed as an option.
    token = secrets.token_hex(20)
    command = [sys.executable, "-m", MODULE, "--generate", "--port", "0"]
    # The pipe to its standard input ends with this process, however it ends.
    command += ["--seed", str(seed), "--token", token, "--stop-at-eof"]
    with tempfile.TemporaryFile() as stderr:
        process = subprocess.Popen(  # noqa: S603  # Our own module and arguments.
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr
        )
        try:
            sandbox = SandboxProcess(_address(process, stderr), token)
            with _allowed(sandbox.host):
                yield sandbox
        finally:
            _stop(process)


@contextmanager
def _allowed(host: str) -> Iterator[None]:
    previous = os.environ.get(SANDBOX_VARIABLE)
    os.environ[SANDBOX_VARIABLE] = host
    try:
        yield
    finally:
        if previous is None:
            del os.environ[SANDBOX_VARIABLE]
        else:
            os.environ[SANDBOX_VARIABLE] = previous


def _address(process: subprocess.Popen[bytes], stderr: IO[bytes]) -> str:
    """Wait for the one line that the sandbox prints when it is ready."""
    out = process.stdout
    if out is None:
        raise AssertionError("stdout is a pipe")
    ready, _, _ = select.select([out], [], [], SECONDS_TO_START)
    address = out.readline().decode().strip() if ready else ""
    if not address:
        stderr.seek(0)
        lines = stderr.read().decode(errors="replace").strip().splitlines()
        raise InputError(
            f"The Qualtrics sandbox did not start: {lines[-1] if lines else 'no output'}.",
            remedy=REMEDY,
        )
    return address


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(SECONDS_TO_STOP)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
