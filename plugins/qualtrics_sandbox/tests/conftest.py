"""Sandboxes for the tests in this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from plugins.qualtrics_sandbox.tests.support import Client, running, write_survey


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A sandbox shared by the tests of a module, which must not change it."""
    folder = tmp_path_factory.mktemp("surveys")
    write_survey(folder / "everything")
    with running(folder) as client:
        yield client


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Client]:
    """A sandbox for one test, which may change it."""
    write_survey(tmp_path / "surveys" / "everything")
    with running(tmp_path / "surveys") as client:
        yield client
