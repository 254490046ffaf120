"""Each cause of trouble gives its own issue and remedy, and the docs say the same."""

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
def surveys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The surveys of the account."""
    return write_surveys(tmp_path_factory.mktemp("surveys"))


@pytest.fixture
def world(surveys: Path, tmp_path: Path) -> Iterator[World]:
    """A new account in a sandbox of its own."""
    with a_world(surveys, tmp_path) as world:
        yield world


@pytest.mark.parametrize("cause", ORDERED, ids=lambda cause: cause.bring_about.__name__)
def test_a_cause_gives_its_issue_and_its_remedy(world: World, cause: Cause) -> None:
    """Kind, issue, message and remedy are what this cause calls for, and the table has them."""
    seen = see(cause, world)
    assert (seen.kind, seen.issue) == (cause.kind, cause.issue)
    for part in cause.says:
        assert part in seen.message
    for part in cause.advises:
        assert part in seen.remedy
    assert row(cause, seen) in rows(), "run `make docs-generated` and look at what has changed"
    for token in (TOKEN, NEW_TOKEN):
        for file in world.home.iterdir():
            assert token.encode() not in file.read_bytes()


def test_the_table_has_each_cause_once_and_in_order() -> None:
    """No row is left of a cause that is gone, and none is missing."""
    titles = [line.split(" | ")[0].removeprefix("| ") for line in rows()]
    assert titles == [cause.title for cause in ORDERED]
