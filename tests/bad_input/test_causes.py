"""Each cause has its own issue and remedy, as the documentation lists them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.bad_input.cause import Cause, see
from tests.bad_input.connected_account import NEW_TOKEN, TOKEN, World, a_world, write_surveys
from tests.bad_input.table import ORDERED, row, rows

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def surveys(invented_surveys: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The surveys of the account."""
    return write_surveys(invented_surveys, tmp_path_factory.mktemp("surveys"))


@pytest.fixture
def world(surveys: Path, tmp_path: Path) -> Iterator[World]:
    """A new account in a new sandbox."""
    with a_world(surveys, tmp_path) as world:
        yield world


@pytest.mark.parametrize("cause", ORDERED, ids=lambda cause: cause.reproduce.__name__)
def test_a_cause_has_its_issue_and_remedy(world: World, cause: Cause) -> None:
    """Kind, issue, message and remedy are those of the cause and of the table."""
    seen = see(cause, world)
    assert (seen.kind, seen.issue) == (cause.kind, cause.issue)
    for part in cause.says:
        assert part in seen.message
    for part in cause.advises:
        assert part in seen.remedy
    assert row(cause, seen) in rows(), "run `make docs-generated` and review the changes"
    for token in (TOKEN, NEW_TOKEN):
        for file in world.home.iterdir():
            assert token.encode() not in file.read_bytes()


def test_the_table_has_each_cause_once_and_in_order() -> None:
    """The table has exactly one row for each cause."""
    titles = [line.split(" | ")[0].removeprefix("| ") for line in rows()]
    assert titles == [cause.title for cause in ORDERED]
