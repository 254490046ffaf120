"""The error for a row that is not there."""

from __future__ import annotations

from smaply_metrics_core.errors import NotFound
from smaply_metrics_core.sources.registry import LONGEST_REPEATED


def not_found(what: str, given: str, remedy: str) -> NotFound:
    """Say that this account has no such row.

    What was given is repeated unless it is so long that it may be a mistyped token.
    """
    named = f" “{given}”" if len(given) <= LONGEST_REPEATED else " of this id"
    return NotFound(f"There is no {what}{named}.", remedy=remedy)
