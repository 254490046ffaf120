"""Record the cassettes again from the sandbox: ``make record``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import pytest

from plugins.qualtrics.tests.contract.account import sandbox
from plugins.qualtrics.tests.contract.test_contract import TestQualtrics
from smaply_metrics_core.testing import SourceContract, record
from smaply_metrics_qualtrics.credentials import SANDBOX_SETTING


@contextmanager
def against_the_sandbox() -> Iterator[type[SourceContract]]:
    """Provide the contract tests with credentials for a sandbox."""
    with sandbox() as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv(SANDBOX_SETTING, server.host)

        class AgainstTheSandbox(TestQualtrics):
            """The same facts, with responses from a sandbox."""

            credentials: ClassVar = {**TestQualtrics.credentials, "base_url": server.host}
            wrong_credentials: ClassVar = {
                **TestQualtrics.wrong_credentials,
                "base_url": server.host,
            }

        yield AgainstTheSandbox


def record_into(folder: Path) -> tuple[Path, ...]:
    """Record all cassettes into a folder and return their paths."""
    with against_the_sandbox() as contract:
        return record(contract, folder).paths


if __name__ == "__main__":
    assert TestQualtrics.cassettes is not None
    for path in record_into(TestQualtrics.cassettes):
        sys.stdout.write(f"{path.name} {path.stat().st_size / 1000:.0f} kB\n")
