"""An account with one object of each kind for each test, in the app of its module."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from reference_host.tests.api.seeded_account import Prepared, prepare

if TYPE_CHECKING:
    from reference_host.tests.app_fixture import World

numbers = itertools.count()


@pytest.fixture
def prepared(shared: World) -> Prepared:
    """An account with one object of each kind."""
    return prepare(shared, f"account-{next(numbers)}")
