"""One running app per module; each test has its own account."""

from __future__ import annotations

import itertools
import shutil
from typing import TYPE_CHECKING

import pytest

from reference_host.tests.api.seeded_account import Prepared, prepare
from reference_host.tests.app_fixture import TOKEN, World, running
from smaply_metrics_qualtrics_sandbox import SandboxServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

numbers = itertools.count()


@pytest.fixture(scope="module")
def shared(invented: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The running app."""
    folder = tmp_path_factory.mktemp("api")
    shutil.copytree(invented, folder / "surveys")
    with (
        pytest.MonkeyPatch.context() as patch,
        SandboxServer(folder / "surveys", token=TOKEN) as sandbox,
    ):
        # The source reads this variable directly.
        patch.setenv("SMAPLY_QUALTRICS_SANDBOX", sandbox.host)
        with running(folder / "home", sandbox) as world:
            yield world


@pytest.fixture
def prepared(shared: World) -> Prepared:
    """An account with one object of each kind."""
    return prepare(shared, f"account-{next(numbers)}")
