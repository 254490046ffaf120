"""The folder next to the repository with data recorded from real servers.

The data was published by third parties and is not part of the repository. Each test that reads it
also runs with the project's own data.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

SHARED: Final = Path(__file__).parents[2] / "shared"
RECORDED: Final = SHARED / "qualtrics" / "recorded"
LIMESURVEY: Final = SHARED / "limesurvey"
REASON: Final = "there is no recorded data next to this clone (../shared)"

needs_recorded_data: Final = pytest.mark.skipif(not RECORDED.is_dir(), reason=REASON)
"""Marks a test or a parameter that reads recorded data."""

needs_limesurvey_studies: Final = pytest.mark.skipif(not LIMESURVEY.is_dir(), reason=REASON)
"""Marks a test or a parameter that reads the recordings of LimeSurvey that are not published."""
