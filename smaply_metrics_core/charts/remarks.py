"""Remarks on results and groups: answer counts, small samples, ungrouped responses."""

from __future__ import annotations

from typing import Final

from smaply_metrics_core.calculations.catalog import LOW_SAMPLE_BELOW
from smaply_metrics_core.models.result import GroupValue, Result

FEW: Final = f"fewer than {LOW_SAMPLE_BELOW} answers"
RUNNING: Final = "still running"
CUT: Final = "partly outside the date range"


def answer_count_text(result: Result) -> str:
    """Return the number of counted answers: ``n = 1,204``."""
    return f"n = {result.current.answered:,}"


def low_sample_text(result: Result) -> str:
    """Return a remark on values that are based on few answers; empty if there is none."""
    if result.current.low_sample:
        return FEW
    if result.previous is not None and result.previous.low_sample:
        return f"{FEW} in the previous period"
    few = sum(group.low_sample for group in result.groups)
    groups = "group has" if few == 1 else "groups have"
    return f"{few:,} {groups} {FEW}" if few else ""


def ungrouped_text(result: Result) -> str:
    """Return the number of counted responses that are in no group; empty if it is zero."""
    responses = "response" if result.ungrouped == 1 else "responses"
    return f"{result.ungrouped:,} {responses} in no group" if result.ungrouped else ""


def remarks(group: GroupValue) -> list[str]:
    """Return the remarks on a group: period still running, partly counted, few answers."""
    texts = ((RUNNING, group.running), (CUT, group.edge), (FEW, group.low_sample))
    return [text for text, applies in texts if applies]
