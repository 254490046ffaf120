"""Programs that tests require. Without one, a test is skipped; under CI it fails."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn

import pytest

from tests.postgresql_server import WHY_NOT, find_programs


def skip_or_fail(why: str) -> NoReturn:
    """Skip the test, or fail it under CI, where every program is installed."""
    if os.environ.get("CI"):
        pytest.fail(why)
    pytest.skip(why)


def require_postgres() -> Path:
    """Return the folder of PostgreSQL's programs."""
    return find_programs() or skip_or_fail(WHY_NOT)
