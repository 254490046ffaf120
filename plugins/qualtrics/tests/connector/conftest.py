"""A survey with many features, in an account of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from plugins.qualtrics.tests.connector.example import write_example
from plugins.qualtrics.tests.connector.support import Account, account


@pytest.fixture
def surveys(tmp_path: Path) -> Path:
    """A folder with the example survey."""
    return write_example(tmp_path)


@pytest.fixture
def own(surveys: Path) -> Iterator[Account]:
    """An account with the example survey."""
    with account(surveys) as mine:
        yield mine
