"""The Qualtrics sandbox as a child process: the core imports no plugin."""

from __future__ import annotations

import secrets
import select
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Final, NamedTuple

from smaply_metrics_core.errors import InputError

MODULE: Final = "smaply_metrics_qualtrics_sandbox"
SECONDS_TO_START: Final = 60
SECONDS_TO_STOP: Final = 10


class SandboxProcess(NamedTuple):
    """Where a running sandbox listens, and the token that it takes."""

    host: str
    token: str


@contextmanager
def running_sandbox(seed: int) -> Iterator[SandboxProcess]:
    """Run a sandbox with invented surveys on a free port; it ends with the block, whatever happens.

    Raises:
        InputError: when it does not start; says why.
    """
    # Hexadecimal: a token that begins with a dash would be read as an option.
    token = secrets.token_hex(20)
    command = [sys.executable, "-m", MODULE, "--generate", "--port", "0"]
    command += ["--seed", str(seed), "--token", token]
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(  # noqa: S603  # Our own module, our own arguments.
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said
        )
        try:
            yield SandboxProcess(_address(process, said), token)
        finally:
            _stop(process)


def _address(process: subprocess.Popen[bytes], said: IO[bytes]) -> str:
    """Wait for the one line that the sandbox prints when it is ready."""
    out = process.stdout
    if out is None:
        raise AssertionError("stdout is a pipe")
    ready, _, _ = select.select([out], [], [], SECONDS_TO_START)
    address = out.readline().decode().strip() if ready else ""
    if not address:
        said.seek(0)
        lines = said.read().decode(errors="replace").strip().splitlines()
        raise InputError(
            f"The Qualtrics sandbox did not start: {lines[-1] if lines else 'it said nothing'}.",
            remedy="Install smaply-metrics-qualtrics[sandbox] and try again.",
        )
    return address


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(SECONDS_TO_STOP)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
