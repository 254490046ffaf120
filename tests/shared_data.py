"""The folder next to the repository that holds data recorded from real servers.

That data was published by others and is not part of the project, so a clone does not have it. Each
test that reads it also runs on data of the project's own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

SHARED: Final = Path(__file__).parents[2] / "shared"
RECORDED: Final = SHARED / "qualtrics" / "recorded"
REASON: Final = "recorded data is not next to this clone (../shared)"

needs_recorded_data: Final = pytest.mark.skipif(not RECORDED.is_dir(), reason=REASON)
"""Marks a test, or one of its parameters, that reads recorded data."""
