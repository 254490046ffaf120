"""How far a running refresh is, in percent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

PROGRESS_INTERVAL: Final = 1.0
"""The minimum number of seconds between two writes of a refresh's progress to the store."""


@dataclass
class RefreshPercent:
    """The progress of a refresh in percent; ``None`` while it is unknown."""

    percent: float | None = None

    def note(self, done: float, total: float | None) -> None:
        """Note how much is done, of a total if it is known."""
        self.percent = round(min(100.0, 100 * done / total), 1) if total else None
