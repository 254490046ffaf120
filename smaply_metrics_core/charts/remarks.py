"""Remarks on results and groups: answers, small samples, unreadable answers, no group."""

from __future__ import annotations

from typing import Final

from smaply_metrics_core.calculations.catalog import (
    FEWEST_DIFFERENT,
    LOW_SAMPLE_BELOW,
    UNREADABLE,
    UNREADABLE_FROM,
)
from smaply_metrics_core.calculations.response_text import (
    HIDDEN,
    answers_of_respondents,
    effective_n_text,
    n_text,
)
from smaply_metrics_core.charts.entered_values_text import entered_day_text
from smaply_metrics_core.charts.series_groups import periods_of
from smaply_metrics_core.models.query import ENTERED, is_by_row
from smaply_metrics_core.models.result import GroupValue, Result, Unit, WindowResult

FEW: Final = f"fewer than {LOW_SAMPLE_BELOW} answers"
FEW_EFFECTIVE: Final = f"an effective n below {LOW_SAMPLE_BELOW}"
FEW_DIFFERENT: Final = f"fewer than {FEWEST_DIFFERENT} answers that differ from the most frequent"
FEW_OF_SEVERAL_KINDS: Final = "few answers"
RUNNING: Final = "still running"
CUT: Final = "partly outside the date range"
QUESTION_CHANGED: Final = "question changed"


def answer_count_text(result: Result) -> str:
    """Return the number of counted answers.

    ``n = 1,204``, for a share ``of 1,204 answers``, for rows ``n = 38 to 40 per row``. If the
    account hides it, ``n hidden``.
    """
    if result.current.hidden:
        return sample_text(result.current)
    if is_by_row(result.group_by):
        return f"n = {_per_row(result)}"
    is_share = result.unit is Unit.PERCENT and result.calculation not in ENTERED
    if is_share and result.current.respondents is None:
        return f"of {answers_text(result)}"
    return sample_text(result.current)


def answers_text(result: Result) -> str:
    """Return the number of counted answers in words: ``1 answer``, ``38 to 40 answers per row``.

    Empty if the account hides it, and if it is unknown.
    """
    if result.current.hidden:
        return ""
    if is_by_row(result.group_by):
        return _per_row(result).replace(" per row", " answers per row")
    if result.calculation in ENTERED and not (
        result.current.has_counts and result.current.answered
    ):
        return ""
    if result.current.respondents is not None:
        return sample_text(result.current)
    answered = result.current.answered
    return f"{answered:,} {'answer' if answered == 1 else 'answers'}{weighted_text(result.current)}"


def _per_row(result: Result) -> str:
    """Return the lowest and highest number of answers of a row that is shown."""
    counts = sorted({group.answered for group in result.groups if not group.hidden})
    weighted = "" if result.current.effective_n is None else ", weighted"
    return " to ".join(f"{n:,}" for n in dict.fromkeys([*counts[:1], *counts[-1:]])) + (
        f" per row{weighted}"
    )


def sample_text(measured: WindowResult) -> str:
    """Return the number of answers, and the effective one if they are weighted.

    For example ``n = 1,204`` or ``n = 1,204, weighted, effective n 412``. Where a respondent may
    have given several answers, ``30 answers of 12 respondents``. Otherwise ``n hidden``
    or ``n unknown``.
    """
    if not measured.has_counts:
        return n_text(measured)
    respondents = measured.respondents
    count = (
        n_text(measured)
        if respondents is None
        else answers_of_respondents(measured.answered, respondents)
    )
    return f"{count}{weighted_text(measured)}"


def weighted_text(measured: WindowResult) -> str:
    """Return ``, weighted, effective n 412``; empty for values without weights."""
    effective_n = measured.effective_n
    return "" if effective_n is None else f", weighted, {effective_n_text(effective_n)}"


def few_text(measured: WindowResult | GroupValue) -> str:
    """Return a remark on a value that is based on few answers; empty for others."""
    if not measured.low_sample:
        return ""
    if measured.answered < LOW_SAMPLE_BELOW:
        return FEW
    effective_n = measured.effective_n
    few_effective = effective_n is not None and effective_n < LOW_SAMPLE_BELOW
    return FEW_EFFECTIVE if few_effective else FEW_DIFFERENT


def low_sample_text(result: Result) -> str:
    """Return a remark on values that are based on few answers; empty if there is none."""
    if result.current.low_sample:
        return few_text(result.current)
    if result.previous is not None and result.previous.low_sample:
        return f"{few_text(result.previous)} in the previous period"
    found = [few_text(group) for group in result.groups if group.low_sample]
    groups = "group has" if len(found) == 1 else "groups have"
    few = found[0] if len({*found}) == 1 else FEW_OF_SEVERAL_KINDS
    return f"{len(found):,} {groups} {few}" if found else ""


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


def rolling_text(result: Result) -> str:
    """Return the length of the rolling windows, such as ``rolling 3 months``; empty without."""
    period = periods_of(result)
    return f"rolling {result.rolling} {period}s" if result.rolling and period else ""


def remarks(group: GroupValue) -> list[str]:
    """Return the remarks on a group: why hidden, still running, partly counted, few answers.

    A period in which the question was changed separates values that are not comparable. An entered
    value has the day that it is for.
    """
    texts = (
        (group.reason, bool(group.reason)),
        (RUNNING, group.running),
        (CUT, group.edge),
        (QUESTION_CHANGED, group.question_changed),
        (few_text(group), group.low_sample),
        (entered_day_text(group.entered), group.entered is not None),
    )
    return [text for text, applies in texts if applies]


def hidden_text(result: Result) -> str:
    """Return how many groups are hidden, and why; empty if none is."""
    reasons = [group.reason for group in result.groups if group.hidden]
    if not reasons:
        return ""
    groups = "1 group is" if len(reasons) == 1 else f"{len(reasons):,} groups are"
    return f"{groups} hidden: {reasons[0]}"
