"""Remarks on results and groups: answers, small samples, unreadable answers, no group."""

from __future__ import annotations

from typing import Final

from smaply_metrics_core.calculations.catalog import (
    LOW_SAMPLE_BELOW,
    UNREADABLE,
    UNREADABLE_FROM,
)
from smaply_metrics_core.calculations.response_text import HIDDEN, count_text, effective_n_text
from smaply_metrics_core.models.result import GroupValue, Result, WindowResult

FEW: Final = f"fewer than {LOW_SAMPLE_BELOW} answers"
FEW_EFFECTIVE: Final = f"an effective n below {LOW_SAMPLE_BELOW}"
RUNNING: Final = "still running"
CUT: Final = "partly outside the date range"


def answer_count_text(result: Result) -> str:
    """Return the number of counted answers: ``n = 1,204``."""
    return sample_text(result.current)


def sample_text(measured: WindowResult) -> str:
    """Return the number of answers, and the effective one if they are weighted.

    For example ``n = 1,204`` or ``n = 1,204, weighted, effective n 412``; ``n hidden``.
    """
    count = count_text(measured)
    return f"n {count}" if measured.hidden else f"n = {count}{weighted_text(measured)}"


def weighted_text(measured: WindowResult) -> str:
    """Return ``, weighted, effective n 412``; empty for values without weights."""
    effective_n = measured.effective_n
    return "" if effective_n is None else f", weighted, {effective_n_text(effective_n)}"


def few_text(measured: WindowResult | GroupValue) -> str:
    """Return a remark on a value that is based on few answers; empty for others."""
    if not measured.low_sample:
        return ""
    return FEW if measured.answered < LOW_SAMPLE_BELOW else FEW_EFFECTIVE


def low_sample_text(result: Result) -> str:
    """Return a remark on values that are based on few answers; empty if there is none."""
    if result.current.low_sample:
        return few_text(result.current)
    if result.previous is not None and result.previous.low_sample:
        return f"{few_text(result.previous)} in the previous period"
    found = [few_text(group) for group in result.groups if group.low_sample]
    groups = "group has" if len(found) == 1 else "groups have"
    return f"{len(found):,} {groups} {found[0] if len({*found}) == 1 else FEW}" if found else ""


def unreadable_text(result: Result) -> str:
    """Return a remark if much of what was entered is not a number; empty otherwise.

    From 5% of the answers given, the value may not represent them: ``2 of 3 answers unreadable``.
    """
    current = _unreadable(result.current)
    previous = _unreadable(result.previous) if result.previous is not None else ""
    return current or (f"{previous} in the previous period" if previous else "")


def _unreadable(measured: WindowResult) -> str:
    count = measured.unanswered.get(UNREADABLE, 0)
    given = measured.answered + count
    if not count or count < UNREADABLE_FROM * given:
        return ""
    return f"{count:,} of {given:,} {'answer' if given == 1 else 'answers'} unreadable"


def ungrouped_text(result: Result) -> str:
    """Return the number of counted responses that are in no group; empty if it is zero."""
    if result.ungrouped_hidden:
        return f"responses in no group: {HIDDEN}"
    responses = "response" if result.ungrouped == 1 else "responses"
    return f"{result.ungrouped:,} {responses} in no group" if result.ungrouped else ""


def remarks(group: GroupValue) -> list[str]:
    """Return the remarks on a group: why hidden, still running, partly counted, few answers."""
    texts = ((RUNNING, group.running), (CUT, group.edge), (few_text(group), group.low_sample))
    return [*filter(None, [group.reason]), *(text for text, applies in texts if applies)]


def hidden_text(result: Result) -> str:
    """Return how many groups are hidden, and why; empty if none is."""
    reasons = [group.reason for group in result.groups if group.hidden]
    if not reasons:
        return ""
    groups = "1 group is" if len(reasons) == 1 else f"{len(reasons):,} groups are"
    return f"{groups} hidden: {reasons[0]}"
