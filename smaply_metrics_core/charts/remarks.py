"""Remarks on a result: answer count, small samples, ungrouped responses, notes of a group."""

from __future__ import annotations

from typing import Final

from smaply_metrics_core.calculations.catalog import LOW_SAMPLE_BELOW
from smaply_metrics_core.models.result import GroupValue, Result

FEW: Final = f"fewer than {LOW_SAMPLE_BELOW} answers"
RUNNING: Final = "still running"
CUT: Final = "cut by the dates"


def answer_count_text(result: Result) -> str:
    """Return how many answers the value is based on: ``n = 1,204``."""
    return f"n = {result.current.answered:,}"


def low_sample_text(result: Result) -> str:
    """Return what is based on few answers: the value or some groups; empty if nothing is."""
    if result.current.low_sample:
        return FEW
    if result.previous is not None and result.previous.low_sample:
        return f"{FEW} before"
    few = sum(group.low_sample for group in result.groups)
    groups = "group has" if few == 1 else "groups have"
    return f"{few:,} {groups} {FEW}" if few else ""


def ungrouped_text(result: Result) -> str:
    """Return how many counted responses belong to no group; empty if all belong to one."""
    responses = "response" if result.ungrouped == 1 else "responses"
    return f"{result.ungrouped:,} {responses} in no group" if result.ungrouped else ""


def remarks(group: GroupValue) -> list[str]:
    """Return the remarks on one group: still running, cut by the dates, few answers."""
    told = [RUNNING] if group.running else []
    told += [CUT] if group.edge else []
    return [*told, FEW] if group.low_sample else told
