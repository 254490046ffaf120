"""How a refresh ended."""

from __future__ import annotations

from enum import Enum, auto


class RefreshEnd(Enum):
    """How a refresh ended."""

    DONE = auto()
    """Every metric has a new value or problem."""
    NOTHING_DUE = auto()
    """No metric was due, or another process has just refreshed the survey."""
    BUSY = auto()
    """Another process is refreshing the survey."""
    CUT_SHORT = auto()
    """The process is shutting down; no attempt was recorded."""
    LEFT = auto()
    """This process could not make the attempt, so it left the attempt to other processes."""
